INSERT INTO usage_key (id, access, project, user_id, agent, label, expires_at, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING created_at
