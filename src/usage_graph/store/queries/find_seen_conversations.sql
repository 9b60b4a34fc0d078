-- What calls tell of their conversations to one who may see these alone: as usage_conversations() does of all.
SELECT
    r.conversation,
    min(r.started_at) AS first_at,
    max(r.started_at) AS last_at,
    ((max(ARRAY[(r.started_at, r.id, r.name)::usage_quote]) FILTER (WHERE r.name IS NOT NULL))[1]).said AS title,
    ((max(ARRAY[(r.started_at, r.id, r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL))[1]).said AS agent,
    ((max(ARRAY[(r.started_at, r.id, r.channel)::usage_quote]) FILTER (WHERE r.channel IS NOT NULL))[1]).said AS channel,
    ((max(ARRAY[(r.started_at, r.id, r.user_id)::usage_quote]) FILTER (WHERE r.user_id IS NOT NULL))[1]).said AS user_id,
    count(DISTINCT usage_turn_key(r.turn, r.trace_id)) AS turns,
    array_agg(DISTINCT {model} ORDER BY {model}) FILTER (WHERE {model} IS NOT NULL) AS models
FROM usage_record AS r
WHERE {where}
GROUP BY r.conversation
