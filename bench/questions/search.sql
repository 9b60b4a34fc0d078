SELECT
    id, started_at, name, agent, conversation, user_id, response_model, input_tokens, output_tokens, cost_nano, duration_us
FROM usage_record
WHERE project = 'default' AND started_at >= $1 AND started_at < $2 AND name ILIKE '%remember-3%'
ORDER BY started_at DESC, id DESC
LIMIT 20
