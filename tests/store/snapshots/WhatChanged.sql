SELECT usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
FROM (SELECT r.bucket AS at, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1d($1::text, $2::timestamptz, $3::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($4::timestamptz[], $5::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1h($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_15m($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $8::timestamptz AND r.started_at < $9::timestamptz
UNION ALL
SELECT r.started_at AS at, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c

;

-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT c.model AS key, c.source AS then_key, CASE WHEN usage_sum(c.calls)  > usage_sum(c.unpriced_calls)  THEN usage_sum(c.cost_nano)  END AS weight, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
    FROM (SELECT r.bucket AS at, r.model, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1d($2::text, $3::timestamptz, $4::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1h($2::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($7::timestamptz[], $8::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_15m($2::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, r.source AS source, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $9::timestamptz AND r.started_at < $10::timestamptz
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, r.source AS source, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $11::timestamptz AND r.started_at < $12::timestamptz) AS c
    GROUP BY 1, 2
),

ranked AS (
    SELECT *, row_number() OVER (ORDER BY weight DESC NULLS LAST, key NULLS LAST, then_key NULLS LAST) AS rank
    FROM grouped
)

SELECT
    CASE WHEN c.rank <= $1 THEN c.rank END AS rank,
    CASE WHEN c.rank <= $1 THEN c.key END AS key,
    CASE WHEN c.rank <= $1 THEN c.then_key END AS then_key,
    usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
FROM ranked AS c
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
FROM (SELECT r.bucket AS at, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1d($1::text, $2::timestamptz, $3::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($4::timestamptz[], $5::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1h($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_15m($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $8::timestamptz AND r.started_at < $9::timestamptz
UNION ALL
SELECT r.started_at AS at, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c

;

-- The sums of some groups, by their places in the lists, and of all others as one row whose rank is null.
WITH grouped AS (
    SELECT c.model AS key, c.source AS then_key, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
    FROM (SELECT r.bucket AS at, r.model, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1d($3::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_1h($3::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($8::timestamptz[], $9::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.model, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us
FROM usage_by_model_15m($3::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, r.source AS source, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz
UNION ALL
SELECT r.started_at AS at, coalesce(r.response_model, r.request_model) AS model, r.source AS source, 1 AS calls, r.failed::int AS failed_calls, (r.cost_nano IS NULL)::int AS unpriced_calls, (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int AS unmeasured_calls, coalesce(r.input_tokens, 0) AS input_tokens, coalesce(r.output_tokens, 0) AS output_tokens, coalesce(r.cache_read_tokens, 0) AS cache_read_tokens, coalesce(r.cache_write_tokens, 0) AS cache_write_tokens, coalesce(r.reasoning_tokens, 0) AS reasoning_tokens, coalesce(r.cost_nano, 0) AS cost_nano, r.credits_nano AS credits_nano, r.duration_us AS duration_us, r.suspect::int AS suspect_calls, coalesce(r.cache_write_1h_tokens, 0) AS cache_write_1h_tokens, coalesce(r.input_cost_nano, 0) AS input_cost_nano, coalesce(r.cache_read_cost_nano, 0) AS cache_read_cost_nano, coalesce(r.cache_write_cost_nano, 0) AS cache_write_cost_nano, coalesce(r.output_cost_nano, 0) AS output_cost_nano, (r.duration_us > 0)::int AS timed_calls, CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END AS timed_output_tokens, CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END AS timed_output_us, (r.first_token_us IS NOT NULL)::int AS first_token_calls, coalesce(r.first_token_us, 0) AS first_token_us
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $12::timestamptz AND r.started_at < $13::timestamptz) AS c
    GROUP BY 1, 2
)

SELECT named.rank, usage_sum(c.calls) AS calls, usage_sum(c.failed_calls) AS failed_calls, usage_sum(c.unpriced_calls) AS unpriced_calls, usage_sum(c.unmeasured_calls) AS unmeasured_calls, usage_sum(c.input_tokens) AS input_tokens, usage_sum(c.output_tokens) AS output_tokens, usage_sum(c.cache_read_tokens) AS cache_read_tokens, usage_sum(c.cache_write_tokens) AS cache_write_tokens, usage_sum(c.reasoning_tokens) AS reasoning_tokens, usage_sum(c.cost_nano) AS cost_nano, coalesce(sum(c.credits_nano), 0) AS credits_nano, usage_sum(c.duration_us) AS duration_us, usage_sum(c.suspect_calls) AS suspect_calls, usage_sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(c.input_cost_nano) AS input_cost_nano, usage_sum(c.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(c.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(c.output_cost_nano) AS output_cost_nano, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
FROM grouped AS c
LEFT JOIN unnest($1::text[], $2::text[]) WITH ORDINALITY AS named (key, then_key, rank)
    ON
        c.key IS NOT DISTINCT FROM named.key COLLATE "C"
        AND c.then_key IS NOT DISTINCT FROM named.then_key COLLATE "C"
GROUP BY 1
ORDER BY 1 NULLS LAST
