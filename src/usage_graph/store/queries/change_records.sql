-- Gives stored records what is staged for them. The times are said once more by themselves: the planner then looks at
-- their chunks alone.
UPDATE usage_record AS r
SET {assignments}
FROM pg_temp.usage_staging AS s
WHERE r.project = s.project AND r.started_at = s.started_at AND r.id = s.id AND r.started_at = ANY($1::timestamptz[])
