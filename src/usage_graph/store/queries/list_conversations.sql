-- One page of the conversations that have calls in the scope, and whether anything lies beyond the cursor it starts
-- from; an empty page is one row of nulls.
WITH found AS (
    SELECT c.conversation, {sums}, {times}
    FROM ({cells}) AS c
    WHERE c.conversation IS NOT NULL
    GROUP BY c.conversation
    HAVING usage_sum(c.calls) > 0
),

listed AS MATERIALIZED (
    SELECT c.*, {value} AS value
    FROM found AS c
    LEFT JOIN {known} AS k ON k.conversation = c.conversation
    WHERE {searched}
),

page AS (
    SELECT c.*
    FROM listed AS c
    WHERE {where}
    ORDER BY {order}
    LIMIT {limit}
)

SELECT
    beyond.found AS beyond,
    page.conversation,
    k.title,
    k.agent,
    k.channel,
    k.user_id,
    coalesce(k.first_at, page.first_at) AS started_at,
    coalesce(k.last_at, page.last_at) AS last_active_at,
    coalesce(k.turns, 0) AS turns,
    coalesce(k.models, '{{}}') AS models,
    {measures}
FROM (SELECT {beyond} AS found) AS beyond
LEFT JOIN page ON true
LEFT JOIN {known} AS k ON k.conversation = page.conversation
ORDER BY {page_order}
