-- Of one project, or all.
SELECT id, access, project, user_id, agent, label, created_at, expires_at, revoked_at, digest
FROM usage_key
WHERE $1::text IS NULL OR project = $1
ORDER BY created_at, id
