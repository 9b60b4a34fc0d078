-- What the spans from $2 upwards say of whom the calls below them were for; of each thing, the nearest's word. Of most
-- spans nothing is said: those are left out.
WITH RECURSIVE above AS (
    SELECT a.project, a.span AS start, a.parent, a.conversation, a.user_id, a.agent, a.channel, 1 AS steps
    FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::bigint[]) AS given (project, span)) AS given
    INNER JOIN usage_ancestor AS a ON a.project = given.project COLLATE "C" AND a.span = given.span
    UNION ALL
    SELECT
        b.project, b.start, a.parent, coalesce(b.conversation, a.conversation), coalesce(b.user_id, a.user_id),
        coalesce(b.agent, a.agent), coalesce(b.channel, a.channel), b.steps + 1
    FROM above AS b
    INNER JOIN usage_ancestor AS a ON a.project = b.project AND a.span = b.parent
    -- No trace is that deep; a circle is.
    WHERE b.steps < 64
)

SELECT told.*
FROM (
    SELECT DISTINCT ON (project, start) project, start, conversation, user_id, agent, channel
    FROM above
    ORDER BY project, start, steps DESC
) AS told
WHERE num_nonnulls(told.conversation, told.user_id, told.agent, told.channel) > 0
