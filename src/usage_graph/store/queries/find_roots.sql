-- Which of the spans $2 something that is stored is right below.
SELECT given.project, given.span
FROM unnest($1::text[], $2::bigint[]) AS given (project, span)
WHERE
    EXISTS (SELECT FROM usage_identity AS i WHERE i.parent = given.span)
    OR EXISTS (
        SELECT FROM usage_ancestor AS a WHERE a.project = given.project COLLATE "C" AND a.parent = given.span
    )
