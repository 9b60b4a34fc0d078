-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

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
