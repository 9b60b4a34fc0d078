-- The records of some projects that started in [$2, $3), each with all of its identities.
SELECT {columns}, i.keys, i.flags, i.parents
FROM usage_record AS r
LEFT JOIN (
    SELECT started_at, record, array_agg(key) AS keys, array_agg(flags) AS flags, array_agg(parent) AS parents
    FROM usage_identity
    WHERE started_at >= $2 AND started_at < $3
    GROUP BY started_at, record
) AS i ON i.started_at = r.started_at AND i.record = r.id
WHERE r.project = ANY($1::text[]) AND r.started_at >= $2 AND r.started_at < $3
