-- The times are said once more by themselves: the planner then looks at their chunks alone.
SELECT {columns}
FROM unnest($2::timestamptz[], $3::bigint[]) AS wanted (started_at, id)
INNER JOIN usage_record AS r
    ON r.project = $1 AND r.started_at = wanted.started_at AND r.id = wanted.id AND r.started_at = ANY($2)
WHERE {where}
