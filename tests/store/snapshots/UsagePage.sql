-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
FROM (SELECT (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_15m($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1h($1::text, $6::timestamptz, $7::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1d($1::text, $8::timestamptz, $9::timestamptz) AS r
UNION ALL
SELECT -(1)::bigint AS calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c

;

-- One row per point and group; rank is null for the groups after the first ones, which are summed into one.
WITH point AS MATERIALIZED (
    SELECT
        width_bucket(c.at, $1::timestamptz[]) - 1 AS point,
        c.source AS key,
        usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
    FROM (SELECT r.bucket AS at, r.source AS source, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1d($3::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.source AS source, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1h($3::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($8::timestamptz[], $9::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.source AS source, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_15m($3::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, r.source AS source, (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz
UNION ALL
SELECT r.started_at AS at, r.source AS source, (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $12::timestamptz AND r.started_at < $13::timestamptz) AS c
    GROUP BY 1, 2
),

ranked AS (
    SELECT c.key, row_number() OVER (ORDER BY CASE WHEN usage_sum(c.calls) > usage_sum(c.unpriced_calls) THEN usage_sum(c.cost_nano) END DESC NULLS LAST, c.key NULLS LAST) AS rank
    FROM point AS c
    GROUP BY c.key
),

top AS (
    SELECT *
    FROM ranked
    ORDER BY rank
    LIMIT $2
)

SELECT top.rank, top.key, c.point, usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
FROM point AS c
-- Equal, or both null: told apart as the planner can hash them.
LEFT JOIN top ON coalesce(top.key, '') = coalesce(c.key, '') AND (top.key IS NULL) = (c.key IS NULL)
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST, 3

;

-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT c.source AS key, NULL::text AS then_key, usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano, CASE WHEN usage_sum(c.calls) > usage_sum(c.unpriced_calls) THEN usage_sum(c.cost_nano) END AS weight
    FROM (SELECT r.source AS source, (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $3::timestamptz AND r.started_at < $4::timestamptz
UNION ALL
SELECT r.source AS source, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_15m($2::text, $5::timestamptz, $6::timestamptz) AS r
UNION ALL
SELECT r.source AS source, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1h($2::text, $7::timestamptz, $8::timestamptz) AS r
UNION ALL
SELECT r.source AS source, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1d($2::text, $9::timestamptz, $10::timestamptz) AS r
UNION ALL
SELECT r.source AS source, -(1)::bigint AS calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(coalesce(r.cost_nano, 0))::bigint AS cost_nano
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

;

-- The first consumers by weight, and one row whose rank is null: the whole that shares are of.
-- A conversation is labelled by the name of its newest call in the window that has one, of those the caller may see.
WITH of_source AS (
    SELECT c.key, c.dimension, c.source, usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
    FROM (SELECT coalesce(r.conversation, r.agent, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END) AS key, CASE WHEN r.conversation IS NOT NULL THEN 1 WHEN r.agent IS NOT NULL THEN 0 ELSE 3 END AS dimension, r.source AS source, (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $3::timestamptz AND r.started_at < $4::timestamptz
UNION ALL
SELECT coalesce(r.conversation, r.agent, r.item_name) AS key, CASE WHEN r.conversation IS NOT NULL THEN 1 WHEN r.agent IS NOT NULL THEN 0 ELSE 3 END AS dimension, r.source AS source, r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_conversation_1d($2::text, $5::timestamptz, $6::timestamptz) AS r
UNION ALL
SELECT coalesce(r.conversation, r.agent, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END) AS key, CASE WHEN r.conversation IS NOT NULL THEN 1 WHEN r.agent IS NOT NULL THEN 0 ELSE 3 END AS dimension, r.source AS source, -(1)::bigint AS calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $7::timestamptz AND r.started_at < $8::timestamptz) AS c
    GROUP BY 1, 2, 3
    HAVING usage_sum(c.calls) > 0
),

grouped AS (
    SELECT
        c.key,
        c.dimension,
        CASE WHEN count(*) = 1 THEN min(c.source) END AS source,
        CASE WHEN usage_sum(c.calls) > usage_sum(c.unpriced_calls) THEN usage_sum(c.cost_nano) END AS weight,
        usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
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
    c.calls, c.unpriced_calls, c.input_tokens, c.output_tokens, c.cost_nano
FROM top AS c
LEFT JOIN LATERAL (
    SELECT r.name
    FROM usage_record AS r
    WHERE
        c.dimension = 1 AND r.project = $9::text
        AND usage_in_conversation(r.project, r.conversation, $9::text, c.key)
        AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz AND r.name IS NOT NULL
        AND true
    ORDER BY r.started_at DESC, r.id DESC
    LIMIT 1
) AS title ON true
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
FROM grouped AS c
ORDER BY 1 NULLS LAST

;

SELECT usage_sum(c.calls) AS calls
FROM (SELECT (1)::bigint AS calls
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.calls AS calls
FROM usage_by_model_15m($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls
FROM usage_by_model_1h($1::text, $6::timestamptz, $7::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls
FROM usage_by_model_1d($1::text, $8::timestamptz, $9::timestamptz) AS r
UNION ALL
SELECT -(1)::bigint AS calls
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c

;

-- One page, and whether anything lies beyond the cursor it starts from; an empty page is one row of nulls.
SELECT beyond.found AS beyond, page.*
FROM (SELECT false AS found) AS beyond
LEFT JOIN LATERAL (
    SELECT r.project, r.started_at, r.id, r.trace_id, r.span_id, r.duration_us, r.failed, r.error_type, r.source, r.operation, r.name, r.agent, r.conversation, r.user_id, r.channel, r.service, r.environment, r.provider, r.request_model, r.response_model, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.cost_reported, r.credits_nano, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.service_tier, r.suspect, r.first_token_us, r.credits_reported, r.turn, r.attributes, r.started_at AS value
    FROM (SELECT r.* FROM usage_record AS r WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz AND true ORDER BY r.started_at DESC, r.id DESC LIMIT $4) AS r
) AS page ON true
ORDER BY page.value DESC NULLS LAST, page.id DESC NULLS LAST

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano
FROM (SELECT (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT (1)::bigint AS calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $4::timestamptz AND r.started_at < $5::timestamptz
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_15m($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($8::timestamptz[], $9::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1h($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.calls AS calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano
FROM usage_by_model_1d($1::text, $10::timestamptz, $11::timestamptz) AS r) AS c
