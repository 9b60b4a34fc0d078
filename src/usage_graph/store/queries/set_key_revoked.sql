-- One of a project, if given; the first time counts.
UPDATE usage_key SET revoked_at = now()
WHERE id = $1 AND ($2::text IS NULL OR project = $2) AND revoked_at IS NULL
RETURNING id
