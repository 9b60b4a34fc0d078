-- Stores the staged records and what they are known by, in key order (two writers never deadlock). An identity that is
-- there already names another call, too long ago to be this one.
WITH claimed AS (
    INSERT INTO usage_identity AS i (project, kind, key, started_at, record, flags, parent)
    SELECT DISTINCT ON (s.project COLLATE "C", s.kind, s.key)
        s.project, s.kind, s.key, s.started_at, s.record, s.flags, s.parent
    FROM pg_temp.usage_staging_identity AS s
    ORDER BY s.project COLLATE "C", s.kind, s.key, s.started_at DESC
    ON CONFLICT (project, kind, key) DO UPDATE SET started_at = excluded.started_at, record = excluded.record
    WHERE i.kind <> 1 AND (i.started_at, i.record) <> (excluded.started_at, excluded.record)
)

INSERT INTO usage_record ({columns})
SELECT {columns}
FROM pg_temp.usage_staging AS r
ORDER BY r.project COLLATE "C", r.started_at, r.id
