-- Of the calls that a filter keeps: those that start at the same instant as one of some calls, from its id on.
SELECT crossing.number, r.id, r.credits_nano
FROM unnest({numbers}::int[], {starts}::timestamptz[], {ids}::bigint[]) AS crossing (number, start, id)
INNER JOIN usage_record AS r
    ON r.project = {project}::text AND r.started_at = crossing.start AND r.id >= crossing.id
WHERE r.started_at = ANY({starts}::timestamptz[]) AND {conditions}
