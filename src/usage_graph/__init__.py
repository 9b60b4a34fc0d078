"""Where did my LLM tokens and money go? OpenTelemetry in, PostgreSQL or TimescaleDB inside, GraphQL out."""
