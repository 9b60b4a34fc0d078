-- The stored calls below the spans $2, so many at most ($3). They are found by the span above them, which a project is
-- part of.
WITH RECURSIVE below AS (
    SELECT given.project COLLATE "C" AS project, given.span, 1 AS steps
    FROM unnest($1::text[], $2::bigint[]) AS given (project, span)
    UNION
    SELECT a.project, a.span, b.steps + 1
    FROM below AS b
    INNER JOIN usage_ancestor AS a ON a.project = b.project AND a.parent = b.span
    WHERE b.steps < 64
)

SELECT DISTINCT b.project, i.started_at, i.record
FROM below AS b
INNER JOIN usage_identity AS i ON i.parent = b.span
LIMIT $3
