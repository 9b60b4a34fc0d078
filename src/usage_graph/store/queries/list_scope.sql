-- Every record of a scope, oldest first: for a cursor, which reads them a portion at a time.
SELECT {columns}
FROM usage_record AS r
WHERE {where}
ORDER BY r.started_at, r.id
