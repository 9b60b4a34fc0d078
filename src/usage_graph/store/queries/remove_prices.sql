-- Those of a model; if given, of one provider, and from one time on.
DELETE FROM usage_price
WHERE model = $1 AND ($2::text IS NULL OR provider = $2) AND ($3::timestamptz IS NULL OR since = $3)
RETURNING model, provider, since, input, output, cache_read, cache_write, cache_write_1h, reasoning, per_call
