INSERT INTO usage_price (
    project, model, provider, since, input, output, cache_read, cache_write, cache_write_1h, reasoning, per_call
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (project, model, provider, since) DO UPDATE SET
    set_at = now(), input = excluded.input, output = excluded.output, cache_read = excluded.cache_read,
    cache_write = excluded.cache_write, cache_write_1h = excluded.cache_write_1h, reasoning = excluded.reasoning,
    per_call = excluded.per_call
