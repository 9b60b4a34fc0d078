-- Those of a model that were set for one project, or for all; if given, of one provider, and from one time on.
DELETE FROM usage_price
WHERE project IS NOT DISTINCT FROM $1 AND model = $2
    AND ($3::text IS NULL OR provider = $3) AND ($4::timestamptz IS NULL OR since = $4)
RETURNING project, model, provider, since, input, output, cache_read, cache_write, cache_write_1h, reasoning, per_call
