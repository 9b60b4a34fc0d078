SELECT count(*)
FROM (SELECT DISTINCT c.conversation FROM (SELECT r.bucket AS at, r.conversation
FROM usage_by_conversation_1d($1::text, $2::timestamptz, $3::timestamptz) AS r
UNION ALL
SELECT r.started_at AS at, r.conversation AS conversation
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $4::timestamptz AND r.started_at < $5::timestamptz
UNION ALL
SELECT r.started_at AS at, r.conversation AS conversation
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $6::timestamptz AND r.started_at < $7::timestamptz) AS c WHERE c.conversation IS NOT NULL) AS c
LEFT JOIN usage_conversations($8::text, $9::timestamptz) AS k ON k.conversation = c.conversation
WHERE true

;

-- One page of the conversations that have calls in the scope, and whether anything lies beyond the cursor it starts
-- from; an empty page is one row of nulls.
WITH found AS (
    SELECT c.conversation, min(c.at) AS first_at, max(c.at) AS last_at, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
    FROM (SELECT r.bucket AS at, r.conversation, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_conversation_1d($1::text, $2::timestamptz, $3::timestamptz) AS r
UNION ALL
SELECT r.started_at AS at, r.conversation AS conversation, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $4::timestamptz AND r.started_at < $5::timestamptz
UNION ALL
SELECT r.started_at AS at, r.conversation AS conversation, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $6::timestamptz AND r.started_at < $7::timestamptz) AS c
    WHERE c.conversation IS NOT NULL
    GROUP BY c.conversation
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
    page.calls, page.failed_calls, page.unpriced_calls, page.unmeasured_calls, page.input_tokens, page.output_tokens, page.cache_read_tokens, page.cache_write_tokens, page.reasoning_tokens, page.cost_nano, page.credits_nano, page.duration_us, page.suspect_calls, page.cache_write_1h_tokens, page.input_cost_nano, page.cache_read_cost_nano, page.cache_write_cost_nano, page.output_cost_nano, page.timed_calls, page.timed_output_tokens, page.timed_output_us, page.first_token_calls, page.first_token_us
FROM (SELECT false AS found) AS beyond
LEFT JOIN page ON true
LEFT JOIN usage_conversations($8::text, $9::timestamptz) AS k ON k.conversation = page.conversation
ORDER BY page.value DESC NULLS LAST, page.conversation DESC NULLS LAST
