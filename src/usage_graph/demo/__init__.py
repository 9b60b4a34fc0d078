"""Two believable months of LLM calls: who makes them (``cast``), what happens (``workload``), how libraries describe
them (``conventions``), sending them with OpenTelemetry SDKs (``replay``), and the whole evening (``stage``)."""
