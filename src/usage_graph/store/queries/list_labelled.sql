-- The first records of labels, in the order of time: they are of the labels whose first records come first.
SELECT r.*
FROM (
    SELECT l.key
    FROM usage_label AS l
    CROSS JOIN LATERAL (
        SELECT r.started_at, r.id FROM usage_record AS r
        WHERE {within} AND {key} = l.key
        ORDER BY {order}
        LIMIT 1
    ) AS r
    WHERE usage_finds_by_label() AND {labels}
    ORDER BY {order}
    LIMIT {limit}
) AS l
CROSS JOIN LATERAL (
    SELECT r.* FROM usage_record AS r
    WHERE {within} AND {key} = l.key
    ORDER BY {order}
    LIMIT {limit}
) AS r
ORDER BY {order}
LIMIT {limit}
