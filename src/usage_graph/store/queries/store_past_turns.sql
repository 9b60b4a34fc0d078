INSERT INTO usage_turn AS kept (project, conversation, turn, model, first_at, last_at)
SELECT *
FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (project, conversation, turn, model) DO UPDATE SET
    first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at)
WHERE kept.first_at > excluded.first_at OR kept.last_at < excluded.last_at
