-- Claims each span's identity in key order (two writers never deadlock) and stores the records whose claim is new.
WITH claimed AS (
    INSERT INTO usage_identity (project, kind, key, started_at, record)
    SELECT project, 1, trace_id || span_id, started_at, id
    FROM pg_temp.usage_staging
    ORDER BY project COLLATE "C", trace_id, span_id
    ON CONFLICT DO NOTHING
    RETURNING project, started_at, record
)
INSERT INTO usage_record (
    project, started_at, id, trace_id, span_id, duration_us, failed, error_type, source, operation, name, agent,
    conversation, user_id, channel, service, environment, provider, request_model, response_model, input_tokens,
    output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, cost_reported, credits_nano,
    cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, service_tier,
    suspect
)
SELECT DISTINCT ON (s.project COLLATE "C", s.started_at, s.id)
    s.project, s.started_at, s.id, s.trace_id, s.span_id, s.duration_us, s.failed, s.error_type, s.source,
    s.operation, s.name, s.agent, s.conversation, s.user_id, s.channel, s.service, s.environment, s.provider,
    s.request_model, s.response_model, s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens,
    s.reasoning_tokens, s.cost_nano, s.cost_reported, s.credits_nano, s.cache_write_1h_tokens, s.input_cost_nano,
    s.cache_read_cost_nano, s.cache_write_cost_nano, s.output_cost_nano, s.service_tier, s.suspect
FROM pg_temp.usage_staging AS s
INNER JOIN claimed AS c ON c.project = s.project AND c.started_at = s.started_at AND c.record = s.id
ORDER BY s.project COLLATE "C", s.started_at, s.id
