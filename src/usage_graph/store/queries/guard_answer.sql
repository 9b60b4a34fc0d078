-- The rows of a statement where all stands as these values say, and none where it does not.
SELECT answer.*
FROM (
    {answer}
) AS answer
WHERE (
    SELECT
        standing.kept_since IS NOT DISTINCT FROM {kept_since}::timestamptz
        AND standing.until IS NOT DISTINCT FROM {until}::timestamptz
        AND standing.unsettled = {unsettled}::timestamptz[]
    FROM (
        {standing}
    ) AS standing
)
