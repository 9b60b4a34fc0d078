-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT c.model AS key, NULL::text AS then_key, usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano, CASE WHEN usage_sum(c.calls) > usage_sum(c.unpriced_calls) THEN usage_sum(c.cost_nano) END AS weight
    FROM (SELECT coalesce(r.response_model, r.request_model) AS model, (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $3::timestamptz AND r.started_at < $4::timestamptz
UNION ALL
SELECT r.model AS model, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_15m($2::text, $5::timestamptz, $6::timestamptz) AS r
UNION ALL
SELECT r.model AS model, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1h($2::text, $7::timestamptz, $8::timestamptz) AS r
UNION ALL
SELECT r.model AS model, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1d($2::text, $9::timestamptz, $10::timestamptz) AS r
UNION ALL
SELECT coalesce(r.response_model, r.request_model) AS model, -(1)::bigint AS calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $11::timestamptz AND r.started_at < $12::timestamptz) AS c
    GROUP BY 1, 2
    HAVING usage_sum(c.calls) > 0
),

ranked AS (
    SELECT *, row_number() OVER (ORDER BY weight DESC NULLS LAST, key NULLS LAST, then_key NULLS LAST) AS rank
    FROM grouped
)

SELECT
    CASE WHEN c.rank <= $1 THEN c.rank END AS rank,
    CASE WHEN c.rank <= $1 THEN c.key END AS key,
    CASE WHEN c.rank <= $1 THEN c.then_key END AS then_key,
    usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
FROM ranked AS c
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST
