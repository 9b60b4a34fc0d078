-- The first consumers by weight, and one row whose rank is null: the whole that shares are of.
-- A conversation is labelled by the name of its newest call in the window that has one, of those the caller may see.
WITH grouped AS (
    SELECT
        c.agent AS key,
        'agent' AS dimension,
        CASE WHEN min(c.source) = max(c.source) THEN min(c.source) END AS source,
        CASE WHEN usage_sum(c.calls)  > usage_sum(c.unpriced_calls)  THEN usage_sum(c.cost_nano)  END AS weight,
        usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
    FROM (SELECT r.bucket AS at, r.agent, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_agent_1d($2::text, $3::timestamptz, $4::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.agent, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_agent_1h($2::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, r.agent AS agent, r.source AS source, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $7::timestamptz AND r.started_at < $8::timestamptz
UNION ALL
SELECT r.started_at AS at, r.agent AS agent, r.source AS source, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $9::timestamptz AND r.started_at < $10::timestamptz) AS c
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
    c.calls, c.failed_calls, c.unpriced_calls, c.unmeasured_calls, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens, c.reasoning_tokens, c.cost_nano, c.credits_nano, c.duration_us, c.suspect_calls, c.cache_write_1h_tokens, c.input_cost_nano, c.cache_read_cost_nano, c.cache_write_cost_nano, c.output_cost_nano, c.timed_calls, c.timed_output_tokens, c.timed_output_us, c.first_token_calls, c.first_token_us
FROM top AS c
LEFT JOIN LATERAL (
    SELECT r.name
    FROM usage_record AS r
    WHERE
        c.dimension = 'conversation' AND r.project = $11::text AND r.conversation = c.key
        AND r.started_at >= $12::timestamptz AND r.started_at < $13::timestamptz AND r.name IS NOT NULL
        AND true
    ORDER BY r.started_at DESC, r.id DESC
    LIMIT 1
) AS title ON true
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
FROM grouped AS c
ORDER BY 1 NULLS LAST
