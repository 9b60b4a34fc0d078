DELETE FROM usage_price
WHERE project IS NOT DISTINCT FROM $1 AND model = $2 AND provider IS NOT DISTINCT FROM $3
    AND since IS NOT DISTINCT FROM $4
RETURNING project, model, provider, since, input, output, cache_read, cache_write, cache_write_1h, reasoning, per_call
