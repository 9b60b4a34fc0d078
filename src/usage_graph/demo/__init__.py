"""A believable month of LLM calls: who makes them (``cast``), what happens (``workload``), how libraries describe it
(``conventions``), sending it with OpenTelemetry SDKs (``replay``), and the whole evening (``stage``)."""
