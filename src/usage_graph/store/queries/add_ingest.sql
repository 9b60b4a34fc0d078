-- $1 to $6: columns of counts, each key once; $7: how many details an outcome of a project may have; $8: what those that
-- come later are counted as. In the order of the key, so that two servers do not wait for each other.
WITH told AS (
    SELECT * FROM unnest($1::text [], $2::text [], $3::text [], $4::bigint [], $5::timestamptz [], $6::timestamptz [])
        AS t (project, outcome, detail, count, first_seen, last_seen)
),

placed AS (
    SELECT t.*, k.detail IS NOT NULL AS known, o.details
        + row_number() OVER (PARTITION BY t.project, t.outcome, k.detail IS NULL ORDER BY t.last_seen, t.detail) AS place
    FROM told AS t
    LEFT JOIN usage_ingest AS k ON (k.project, k.outcome, k.detail) = (t.project, t.outcome, t.detail)
    CROSS JOIN LATERAL (
        SELECT count(*) AS details FROM usage_ingest AS o
        WHERE (o.project, o.outcome) = (t.project, t.outcome) AND o.detail <> $8
    ) AS o
)

INSERT INTO usage_ingest AS i (project, outcome, detail, count, first_seen, last_seen)
SELECT p.project, p.outcome, d.detail, sum(p.count)::bigint, min(p.first_seen), max(p.last_seen)
FROM placed AS p
CROSS JOIN LATERAL (SELECT CASE WHEN p.known OR p.place <= $7 THEN p.detail ELSE $8 END AS detail) AS d
GROUP BY p.project, p.outcome, d.detail
ORDER BY p.project, p.outcome, d.detail
ON CONFLICT (project, outcome, detail) DO UPDATE SET
    count = i.count + excluded.count,
    first_seen = least(i.first_seen, excluded.first_seen),
    last_seen = greatest(i.last_seen, excluded.last_seen)
