-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

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
    SELECT c.conversation, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, NULL::timestamptz AS first_at, NULL::timestamptz AS last_at
    FROM (SELECT r.conversation AS conversation, (1)::bigint AS calls, (r.failed::int)::bigint AS failed_calls, ((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, (coalesce(r.input_tokens, 0))::bigint AS input_tokens, (coalesce(r.output_tokens, 0))::bigint AS output_tokens, (coalesce(r.cost_nano, 0))::bigint AS cost_nano, (r.credits_nano)::numeric AS credits_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.conversation AS conversation, r.calls AS calls, r.failed_calls AS failed_calls, r.unpriced_calls AS unpriced_calls, r.input_tokens AS input_tokens, r.output_tokens AS output_tokens, r.cost_nano AS cost_nano, r.credits_nano AS credits_nano
FROM usage_by_conversation_1d($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.conversation AS conversation, -(1)::bigint AS calls, -(r.failed::int)::bigint AS failed_calls, -((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, -(coalesce(r.input_tokens, 0))::bigint AS input_tokens, -(coalesce(r.output_tokens, 0))::bigint AS output_tokens, -(coalesce(r.cost_nano, 0))::bigint AS cost_nano, -(r.credits_nano)::numeric AS credits_nano
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
    page.calls, page.failed_calls, page.unpriced_calls, page.input_tokens, page.output_tokens, page.cost_nano, page.credits_nano
FROM (SELECT false AS found) AS beyond
LEFT JOIN page ON true
LEFT JOIN usage_conversations($8::text, $9::timestamptz) AS k ON k.conversation = page.conversation
ORDER BY page.value DESC NULLS LAST, page.conversation DESC NULLS LAST
