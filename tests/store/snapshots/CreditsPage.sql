-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
FROM (SELECT (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_15m($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_1h($1::text, $6::timestamptz, $7::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_1d($1::text, $8::timestamptz, $9::timestamptz) AS r
UNION ALL
SELECT -(1)::bigint AS calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(r.credits_nano)::numeric AS credits_nano, -(r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c

;

-- Those of a project; of all where none is named.
SELECT project, since, period, zone, included_nano, price
FROM usage_credit_plan
WHERE $1::text IS NULL OR project = $1
ORDER BY project, since NULLS FIRST

;

-- One row per point and group; rank is null for the groups after the first ones, which are summed into one.
WITH point AS MATERIALIZED (
    SELECT
        width_bucket(c.at, $1::timestamptz[]) - 1 AS point,
        c.agent AS key,
        usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
    FROM (SELECT r.bucket AS at, r.agent AS agent, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_agent_1d($3::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.agent AS agent, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_agent_1h($3::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, r.agent AS agent, (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $8::timestamptz AND r.started_at < $9::timestamptz
UNION ALL
SELECT r.started_at AS at, r.agent AS agent, (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c
    GROUP BY 1, 2
),

ranked AS (
    SELECT c.key, row_number() OVER (ORDER BY sum(c.credits_nano) DESC NULLS LAST, c.key NULLS LAST) AS rank
    FROM point AS c
    GROUP BY c.key
),

top AS (
    SELECT *
    FROM ranked
    ORDER BY rank
    LIMIT $2
)

SELECT top.rank, top.key, c.point, usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
FROM point AS c
-- Equal, or both null: told apart as the planner can hash them.
LEFT JOIN top ON coalesce(top.key, '') = coalesce(c.key, '') AND (top.key IS NULL) = (c.key IS NULL)
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST, 3

;

-- One row per point and group; rank is null for the groups after the first ones, which are summed into one.
WITH point AS MATERIALIZED (
    SELECT
        width_bucket(c.at, $1::timestamptz[]) - 1 AS point,
        c.model AS key,
        usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
    FROM (SELECT r.bucket AS at, r.model AS model, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_1d($3::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model AS model, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_1h($3::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($8::timestamptz[], $9::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model AS model, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_15m($3::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $12::timestamptz AND r.started_at < $13::timestamptz) AS c
    GROUP BY 1, 2
),

ranked AS (
    SELECT c.key, row_number() OVER (ORDER BY usage_sum(c.input_tokens) + usage_sum(c.output_tokens) DESC NULLS LAST, c.key NULLS LAST) AS rank
    FROM point AS c
    GROUP BY c.key
),

top AS (
    SELECT *
    FROM ranked
    ORDER BY rank
    LIMIT $2
)

SELECT top.rank, top.key, c.point, usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
FROM point AS c
-- Equal, or both null: told apart as the planner can hash them.
LEFT JOIN top ON coalesce(top.key, '') = coalesce(c.key, '') AND (top.key IS NULL) = (c.key IS NULL)
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST, 3

;

-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT c.agent AS key, NULL::text AS then_key, usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, sum(c.credits_nano) AS weight
    FROM (SELECT r.agent AS agent, -(1)::bigint AS calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(r.credits_nano)::numeric AS credits_nano, -(r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $3::timestamptz AND r.started_at < $4::timestamptz
UNION ALL
SELECT r.agent AS agent, -(1)::bigint AS calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(r.credits_nano)::numeric AS credits_nano, -(r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $5::timestamptz AND r.started_at < $6::timestamptz
UNION ALL
SELECT r.agent AS agent, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_agent_1h($2::text, $7::timestamptz, $8::timestamptz) AS r
UNION ALL
SELECT r.agent AS agent, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_agent_1d($2::text, $9::timestamptz, $10::timestamptz) AS r) AS c
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
    usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
FROM ranked AS c
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST

;

-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT c.user_id AS key, NULL::text AS then_key, usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, sum(c.credits_nano) AS weight
    FROM (SELECT r.user_id AS user_id, (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $3::timestamptz AND r.started_at < $4::timestamptz
UNION ALL
SELECT r.user_id AS user_id, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_user_1d($2::text, $5::timestamptz, $6::timestamptz) AS r
UNION ALL
SELECT r.user_id AS user_id, -(1)::bigint AS calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(r.credits_nano)::numeric AS credits_nano, -(r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $7::timestamptz AND r.started_at < $8::timestamptz) AS c
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
    usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
FROM ranked AS c
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST

;

SELECT count(*)
FROM (
    SELECT c.conversation
    FROM (SELECT r.conversation AS conversation, (1)::bigint AS calls
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.conversation AS conversation, r.calls AS calls
FROM usage_by_conversation_1d($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.conversation AS conversation, -(1)::bigint AS calls
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $6::timestamptz AND r.started_at < $7::timestamptz) AS c
    WHERE c.conversation IS NOT NULL
    GROUP BY c.conversation
    HAVING usage_sum(c.calls) > 0
) AS c
LEFT JOIN usage_conversations($8::text, $9::timestamptz) AS k ON k.conversation = c.conversation
WHERE true

;

-- One page of the conversations that have calls in the scope, and whether anything lies beyond the cursor it starts
-- from; an empty page is one row of nulls.
WITH found AS (
    SELECT c.conversation, usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, NULL::timestamptz AS first_at, NULL::timestamptz AS last_at
    FROM (SELECT r.conversation AS conversation, (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.conversation AS conversation, r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_conversation_1d($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.conversation AS conversation, -(1)::bigint AS calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(r.credits_nano)::numeric AS credits_nano, -(r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $6::timestamptz AND r.started_at < $7::timestamptz) AS c
    WHERE c.conversation IS NOT NULL
    GROUP BY c.conversation
    HAVING usage_sum(c.calls) > 0
),

listed AS MATERIALIZED (
    SELECT c.*, coalesce(k.last_at, c.last_at) AS value
    FROM found AS c
    LEFT JOIN usage_conversations($8::text, $9::timestamptz) AS k ON k.conversation = c.conversation
    WHERE true
),

page AS (
    SELECT c.*
    FROM listed AS c
    WHERE true
    ORDER BY c.value DESC NULLS LAST, c.conversation DESC NULLS LAST
    LIMIT $10
)

SELECT
    beyond.found AS beyond,
    page.conversation,
    k.title,
    k.agent,
    k.channel,
    k.user_id,
    coalesce(k.first_at, page.first_at) AS started_at,
    coalesce(k.last_at, page.last_at) AS last_active_at,
    coalesce(k.turns, 0) AS turns,
    coalesce(k.models, '{}') AS models,
    page.calls, page.input_tokens, page.output_tokens, page.credits_nano, page.duration_us
FROM (SELECT false AS found) AS beyond
LEFT JOIN page ON true
LEFT JOIN usage_conversations($8::text, $9::timestamptz) AS k ON k.conversation = page.conversation
ORDER BY page.value DESC NULLS LAST, page.conversation DESC NULLS LAST

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us
FROM (SELECT (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT (1)::bigint AS calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (r.credits_nano)::numeric AS credits_nano, (r.duration_us)::bigint AS duration_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $4::timestamptz AND r.started_at < $5::timestamptz
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_15m($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($8::timestamptz[], $9::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_1h($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.calls AS calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.credits_nano AS credits_nano, r.duration_us AS duration_us
FROM usage_by_model_1d($1::text, $10::timestamptz, $11::timestamptz) AS r) AS c

;

-- What was consumed from each of some instants until the next.
SELECT width_bucket(c.at, $12::timestamptz[]) AS stretch, sum(c.credits_nano) AS credits_nano
FROM (SELECT r.bucket AS at, r.credits_nano AS credits_nano
FROM usage_by_model_1d($1::text, $2::timestamptz, $3::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($4::timestamptz[], $5::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.credits_nano AS credits_nano
FROM usage_by_model_1h($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.credits_nano AS credits_nano
FROM usage_by_model_15m($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, (r.credits_nano)::numeric AS credits_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $8::timestamptz AND r.started_at < $9::timestamptz
UNION ALL
SELECT r.started_at AS at, (r.credits_nano)::numeric AS credits_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c
GROUP BY 1
