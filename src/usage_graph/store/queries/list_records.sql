-- One page, and whether anything lies beyond the cursor it starts from; an empty page is one row of nulls.
SELECT beyond.found AS beyond, page.*
FROM (SELECT {beyond} AS found) AS beyond
LEFT JOIN LATERAL (
    SELECT {columns}, {value} AS value
    FROM {page} AS r
) AS page ON true
ORDER BY {page_order}
