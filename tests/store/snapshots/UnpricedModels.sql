-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens
FROM (SELECT (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens
FROM usage_by_model_15m($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens
FROM usage_by_model_1h($1::text, $6::timestamptz, $7::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens
FROM usage_by_model_1d($1::text, $8::timestamptz, $9::timestamptz) AS r
UNION ALL
SELECT -(1)::bigint AS calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c

;

-- Models with calls whose cost is unknown, and how many calls there are in all.
WITH grouped AS (
    SELECT
        c.model,
        c.provider,
        usage_sum(c.calls) AS all_calls,
        usage_sum(c.unpriced_calls) AS calls,
        usage_sum(c.unpriced_input_tokens) AS input_tokens,
        usage_sum(c.unpriced_output_tokens) AS output_tokens
    FROM (SELECT r.bucket AS at, r.model AS model, r.provider AS provider, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.unpriced_input_tokens AS unpriced_input_tokens, r.unpriced_output_tokens AS unpriced_output_tokens
FROM usage_by_model_1d($2::text, $3::timestamptz, $4::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model AS model, r.provider AS provider, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.unpriced_input_tokens AS unpriced_input_tokens, r.unpriced_output_tokens AS unpriced_output_tokens
FROM usage_by_model_1h($2::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($7::timestamptz[], $8::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model AS model, r.provider AS provider, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.unpriced_input_tokens AS unpriced_input_tokens, r.unpriced_output_tokens AS unpriced_output_tokens
FROM usage_by_model_15m($2::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, r.provider AS provider, (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $9::timestamptz AND r.started_at < $10::timestamptz
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, r.provider AS provider, (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $11::timestamptz AND r.started_at < $12::timestamptz) AS c
    GROUP BY 1, 2
)

SELECT
    g.model, g.provider, g.calls, g.all_calls, g.input_tokens, g.output_tokens,
    (SELECT usage_sum(w.all_calls) FROM grouped AS w) AS whole
FROM grouped AS g
WHERE g.calls > 0
ORDER BY g.calls DESC, g.input_tokens + g.output_tokens DESC, g.model NULLS LAST, g.provider NULLS LAST
LIMIT $1
