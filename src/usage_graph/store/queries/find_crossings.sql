-- In each stretch the call, by start and id, with which more has been consumed of it than $5 says; and how much then.
-- The first and the last time are said once more by themselves: the planner then looks at their chunks alone.
SELECT stretch.number, crossing.started_at, crossing.id, crossing.consumed
FROM unnest($2::int[], $3::timestamptz[], $4::timestamptz[], $5::numeric[]) AS stretch (number, start, stop, most)
CROSS JOIN LATERAL (
    SELECT running.*
    FROM (
        SELECT r.started_at, r.id, sum(r.credits_nano) OVER (ORDER BY r.started_at, r.id) AS consumed
        FROM usage_record AS r
        WHERE r.project = $1 AND r.started_at >= stretch.start AND r.started_at < stretch.stop
            AND r.started_at >= $6 AND r.started_at < $7
    ) AS running
    WHERE running.consumed > stretch.most
    ORDER BY running.started_at, running.id
    LIMIT 1
) AS crossing
