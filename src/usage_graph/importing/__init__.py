"""Histories that are lying about, sent to a server as OTLP: logs of Claude Code, of LiteLLM, and records in files."""
