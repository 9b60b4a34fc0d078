-- What PostGraphile and the hand-written SQL read: the calls of usage_record, and rollups of them by the hour. That is
-- the coarsest grain that answers every question asked here, for both know no more than one relation per question.
CREATE SCHEMA peers;

CREATE TABLE peers.call AS
SELECT
    started_at, id, duration_us, input_tokens, output_tokens, cost_nano, failed, source, name, agent, conversation,
    response_model, coalesce(response_model, request_model) AS model
FROM usage_record
ORDER BY started_at, id;
ALTER TABLE peers.call ADD PRIMARY KEY (id);
CREATE INDEX ON peers.call (started_at, id);

CREATE TABLE peers.by_model AS
SELECT
    date_trunc('hour', started_at, 'UTC') AS hour, model, count(*) AS calls,
    sum(coalesce(input_tokens, 0))::bigint AS input_tokens, sum(coalesce(output_tokens, 0))::bigint AS output_tokens,
    sum(coalesce(cost_nano, 0))::bigint AS cost_nano
FROM peers.call
GROUP BY 1, 2
ORDER BY 1, 2;
ALTER TABLE peers.by_model ADD PRIMARY KEY (hour, model);

CREATE TABLE peers.by_agent AS
SELECT
    date_trunc('hour', started_at, 'UTC') AS hour, agent, count(*) AS calls,
    sum(coalesce(input_tokens, 0))::bigint AS input_tokens, sum(coalesce(output_tokens, 0))::bigint AS output_tokens,
    sum(coalesce(cost_nano, 0))::bigint AS cost_nano
FROM peers.call
WHERE agent IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 2;
ALTER TABLE peers.by_agent ADD PRIMARY KEY (hour, agent);

CREATE TABLE peers.by_conversation AS
SELECT
    date_trunc('hour', started_at, 'UTC') AS hour, conversation, count(*) AS calls,
    sum(coalesce(input_tokens, 0))::bigint AS input_tokens, sum(coalesce(output_tokens, 0))::bigint AS output_tokens,
    sum(coalesce(cost_nano, 0))::bigint AS cost_nano
FROM peers.call
WHERE conversation IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 2;
ALTER TABLE peers.by_conversation ADD PRIMARY KEY (hour, conversation);
