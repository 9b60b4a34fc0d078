WITH given AS (
    SELECT *
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        AS g (project, conversation, turn, model, first_at, last_at)
),

named AS (
    INSERT INTO usage_model (project, key, model)
    SELECT DISTINCT g.project COLLATE "C", usage_hash(g.model), g.model
    FROM given AS g
    WHERE g.model IS NOT NULL
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING
)

INSERT INTO usage_conversation_turn AS kept (conversation, turn, model, first_at, last_at)
SELECT
    usage_conversation_key(g.project, g.conversation), g.turn, usage_hash(g.model), min(g.first_at), max(g.last_at)
FROM given AS g
GROUP BY 1, 2, 3
ON CONFLICT (conversation, turn, model) DO UPDATE SET
    first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at)
WHERE kept.first_at > excluded.first_at OR kept.last_at < excluded.last_at
