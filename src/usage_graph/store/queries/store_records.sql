-- Stores the staged records and what they are known by, in key order (two writers never deadlock). An id that is there
-- already names another call, too long ago to be this one; a span names one for ever.
WITH spans AS (
    INSERT INTO usage_identity (key, started_at, record, flags, parent)
    SELECT s.key, s.started_at, s.record, nullif(s.flags, 0), s.parent
    FROM pg_temp.usage_staging_identity AS s
    WHERE s.kind = 1
    ORDER BY s.key
    ON CONFLICT DO NOTHING
),

ids AS (
    INSERT INTO usage_identity AS i (key, started_at, record)
    SELECT DISTINCT ON (s.key) s.key, s.started_at, s.record
    FROM pg_temp.usage_staging_identity AS s
    WHERE s.kind <> 1
    ORDER BY s.key, s.started_at DESC
    ON CONFLICT (key) DO UPDATE SET started_at = excluded.started_at, record = excluded.record
    WHERE (i.started_at, i.record) <> (excluded.started_at, excluded.record)
)

INSERT INTO usage_record ({columns})
SELECT {columns}
FROM pg_temp.usage_staging AS r
ORDER BY r.project COLLATE "C", r.started_at, r.id
