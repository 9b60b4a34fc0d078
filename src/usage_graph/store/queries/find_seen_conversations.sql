-- What calls tell of their conversations to one who may see these alone: as usage_conversations() does of all.
SELECT
    r.conversation,
    min(r.started_at) AS first_at,
    max(r.started_at) AS last_at,
    (array_agg(r.name ORDER BY r.started_at DESC, r.id DESC) FILTER (WHERE r.name IS NOT NULL))[1] AS title,
    (array_agg(r.agent ORDER BY r.started_at DESC, r.id DESC) FILTER (WHERE r.agent IS NOT NULL))[1] AS agent,
    (array_agg(r.channel ORDER BY r.started_at DESC, r.id DESC) FILTER (WHERE r.channel IS NOT NULL))[1] AS channel,
    (array_agg(r.user_id ORDER BY r.started_at DESC, r.id DESC) FILTER (WHERE r.user_id IS NOT NULL))[1] AS user_id,
    count(DISTINCT usage_turn_key(r.turn, r.trace_id)) AS turns,
    array_agg(DISTINCT {model} ORDER BY {model}) FILTER (WHERE {model} IS NOT NULL) AS models
FROM usage_record AS r
WHERE {where}
GROUP BY r.conversation
