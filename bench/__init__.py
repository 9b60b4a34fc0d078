"""Measurements: what usage-graph does on this machine, each figure beside its reference in the same run."""
