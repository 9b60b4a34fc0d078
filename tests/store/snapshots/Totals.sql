-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano
FROM (SELECT (1)::bigint AS calls, (r.failed::int)::bigint AS failed_calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, ((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, (coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, (coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us, (r.suspect::int)::bigint AS suspect_calls, (coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, (coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, (coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, (coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, (coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT (1)::bigint AS calls, (r.failed::int)::bigint AS failed_calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, ((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, (coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, (coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us, (r.suspect::int)::bigint AS suspect_calls, (coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, (coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, (coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, (coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, (coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $4::timestamptz AND r.started_at < $5::timestamptz
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.calls AS calls, r.failed_calls AS failed_calls, r.unpriced_calls AS unpriced_calls, r.unmeasured_calls AS unmeasured_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cache_read_tokens AS cache_read_tokens, r.cache_write_tokens AS cache_write_tokens, r.reasoning_tokens AS reasoning_tokens, r.cost_nano AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect_calls AS suspect_calls, r.cache_write_1h_tokens AS cache_write_1h_tokens, r.input_cost_nano AS input_cost_nano, r.cache_read_cost_nano AS cache_read_cost_nano, r.cache_write_cost_nano AS cache_write_cost_nano, r.output_cost_nano AS output_cost_nano
FROM usage_by_model_15m($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($8::timestamptz[], $9::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.calls AS calls, r.failed_calls AS failed_calls, r.unpriced_calls AS unpriced_calls, r.unmeasured_calls AS unmeasured_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cache_read_tokens AS cache_read_tokens, r.cache_write_tokens AS cache_write_tokens, r.reasoning_tokens AS reasoning_tokens, r.cost_nano AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect_calls AS suspect_calls, r.cache_write_1h_tokens AS cache_write_1h_tokens, r.input_cost_nano AS input_cost_nano, r.cache_read_cost_nano AS cache_read_cost_nano, r.cache_write_cost_nano AS cache_write_cost_nano, r.output_cost_nano AS output_cost_nano
FROM usage_by_model_1h($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.calls AS calls, r.failed_calls AS failed_calls, r.unpriced_calls AS unpriced_calls, r.unmeasured_calls AS unmeasured_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cache_read_tokens AS cache_read_tokens, r.cache_write_tokens AS cache_write_tokens, r.reasoning_tokens AS reasoning_tokens, r.cost_nano AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect_calls AS suspect_calls, r.cache_write_1h_tokens AS cache_write_1h_tokens, r.input_cost_nano AS input_cost_nano, r.cache_read_cost_nano AS cache_read_cost_nano, r.cache_write_cost_nano AS cache_write_cost_nano, r.output_cost_nano AS output_cost_nano
FROM usage_by_model_1d($1::text, $10::timestamptz, $11::timestamptz) AS r) AS c
