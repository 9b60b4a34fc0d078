-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

-- The first consumers by weight, and one row whose rank is null: the whole that shares are of.
-- A conversation is labelled by the name of its newest call in the window that has one, of those the caller may see.
WITH of_source AS (
    SELECT c.key, c.dimension, c.source, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
    FROM (SELECT r.agent AS key, 0 AS dimension, r.source AS source, -(1)::bigint AS calls, -(r.failed::int)::bigint AS failed_calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $3::timestamptz AND r.started_at < $4::timestamptz
UNION ALL
SELECT r.agent AS key, 0 AS dimension, r.source AS source, -(1)::bigint AS calls, -(r.failed::int)::bigint AS failed_calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $5::timestamptz AND r.started_at < $6::timestamptz
UNION ALL
SELECT r.agent AS key, 0 AS dimension, r.source AS source, r.calls AS calls, r.failed_calls AS failed_calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_agent_1h($2::text, $7::timestamptz, $8::timestamptz) AS r
UNION ALL
SELECT r.agent AS key, 0 AS dimension, r.source AS source, r.calls AS calls, r.failed_calls AS failed_calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_agent_1d($2::text, $9::timestamptz, $10::timestamptz) AS r) AS c
    GROUP BY 1, 2, 3
    HAVING usage_sum(c.calls) > 0
),

grouped AS (
    SELECT
        c.key,
        c.dimension,
        CASE WHEN count(*) = 1 THEN min(c.source) END AS source,
        CASE WHEN usage_sum(c.calls) > usage_sum(c.unpriced_calls) THEN usage_sum(c.cost_nano) END AS weight,
        usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
    FROM of_source AS c
    GROUP BY 1, 2
),

top AS (
    SELECT *
    FROM grouped
    WHERE key IS NOT NULL
    ORDER BY weight DESC NULLS LAST, key, dimension
    LIMIT $1
)

SELECT
    row_number() OVER (ORDER BY c.weight DESC NULLS LAST, c.key, c.dimension) AS rank,
    c.key,
    c.dimension,
    coalesce(title.name, c.key) AS label,
    c.source,
    c.calls, c.failed_calls, c.unpriced_calls, c.input_tokens, c.output_tokens, c.cost_nano
FROM top AS c
LEFT JOIN LATERAL (
    SELECT r.name
    FROM usage_record AS r
    WHERE
        c.dimension = 1 AND r.project = $11::text
        AND usage_in_conversation(r.project, r.conversation, $11::text, c.key)
        AND r.started_at >= $12::timestamptz AND r.started_at < $13::timestamptz AND r.name IS NOT NULL
        AND true
    ORDER BY r.started_at DESC, r.id DESC
    LIMIT 1
) AS title ON true
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
FROM grouped AS c
ORDER BY 1 NULLS LAST
