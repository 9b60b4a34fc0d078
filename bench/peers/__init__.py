"""``python -m bench.peers``: usage-graph beside Phoenix, MLflow and PostGraphile. See README.md."""
