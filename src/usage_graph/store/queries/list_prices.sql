SELECT project, model, provider, since, input, output, cache_read, cache_write, cache_write_1h, reasoning, per_call
FROM usage_price
ORDER BY model, provider NULLS FIRST, since NULLS FIRST, project NULLS FIRST
