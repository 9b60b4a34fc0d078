-- Stored records with what is known of their spans; not those that are about to be forgotten. The times are said once
-- more by themselves: the planner then looks at their chunks alone.
SELECT {columns}, i.flags, i.parent
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS wanted (project, started_at, id)
INNER JOIN usage_record AS r
    ON
        r.project = wanted.project COLLATE "C" AND r.started_at = wanted.started_at AND r.id = wanted.id
        AND r.started_at = ANY($2)
LEFT JOIN usage_identity AS i ON i.key = usage_identity_key(r.project, 1, r.trace_id || r.span_id)
WHERE r.started_at >= coalesce((SELECT kept_since FROM usage_retention), '-infinity')
