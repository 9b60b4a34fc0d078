-- Gives stored records what is staged for them. Their times are said once more by themselves: the planner then looks at
-- their chunks alone, and in the columnstore at what is between the first and the last.
UPDATE usage_record AS r
SET {assignments}
FROM pg_temp.usage_staging AS s
WHERE
    r.project = s.project AND r.started_at = s.started_at AND r.id = s.id
    AND r.started_at = ANY($1::timestamptz[]) AND r.started_at >= $2 AND r.started_at <= $3
