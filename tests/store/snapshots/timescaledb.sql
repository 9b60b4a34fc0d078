-- table usage_ancestor
span bigint NOT NULL,
parent bigint,
seen_at timestamp with time zone NOT NULL,
project text NOT NULL,
conversation text,
user_id text,
agent text,
channel text

-- table usage_fingerprint
started_at timestamp with time zone NOT NULL,
ended_at timestamp with time zone NOT NULL,
size bigint NOT NULL,
output_tokens bigint,
call_started_at timestamp with time zone NOT NULL,
call bigint NOT NULL,
seen_at timestamp with time zone NOT NULL,
project text NOT NULL,
scope text NOT NULL,
response_id text

-- table usage_identity
started_at timestamp with time zone NOT NULL,
record bigint NOT NULL,
kind smallint NOT NULL,
project text NOT NULL,
key bytea NOT NULL,
flags smallint NOT NULL,
parent bigint

-- table usage_label
key uuid NOT NULL,
project text NOT NULL,
label text NOT NULL

-- table usage_mark
bucket timestamp with time zone NOT NULL,
project text NOT NULL,
taken boolean NOT NULL

-- table usage_migration
version integer NOT NULL,
name text NOT NULL,
sha256 bytea NOT NULL,
applied_at timestamp with time zone NOT NULL

-- table usage_observation
started_at timestamp with time zone NOT NULL,
id bigint NOT NULL,
duration_us bigint NOT NULL,
input_tokens bigint,
output_tokens bigint,
cache_read_tokens bigint,
cache_write_tokens bigint,
reasoning_tokens bigint,
cost_nano bigint,
credits_nano bigint NOT NULL,
failed boolean NOT NULL,
cost_reported boolean NOT NULL,
trace_id bytea NOT NULL,
span_id bytea NOT NULL,
project text NOT NULL,
source text NOT NULL,
operation text NOT NULL,
name text,
agent text,
conversation text,
user_id text,
channel text,
service text,
environment text,
provider text,
request_model text,
response_model text,
error_type text,
cache_write_1h_tokens bigint,
input_cost_nano bigint,
cache_read_cost_nano bigint,
cache_write_cost_nano bigint,
output_cost_nano bigint,
service_tier text,
suspect boolean NOT NULL,
call_started_at timestamp with time zone NOT NULL,
call bigint NOT NULL,
parent bigint,
flags smallint NOT NULL,
seen_at timestamp with time zone NOT NULL

-- table usage_record
started_at timestamp with time zone NOT NULL,
id bigint NOT NULL,
duration_us bigint NOT NULL,
input_tokens bigint,
output_tokens bigint,
cache_read_tokens bigint,
cache_write_tokens bigint,
reasoning_tokens bigint,
cost_nano bigint,
credits_nano bigint NOT NULL,
failed boolean NOT NULL,
cost_reported boolean NOT NULL,
trace_id bytea NOT NULL,
span_id bytea NOT NULL,
project text NOT NULL,
source text NOT NULL,
operation text NOT NULL,
name text,
agent text,
conversation text,
user_id text,
channel text,
service text,
environment text,
provider text,
request_model text,
response_model text,
error_type text,
cache_write_1h_tokens bigint,
input_cost_nano bigint,
cache_read_cost_nano bigint,
cache_write_cost_nano bigint,
output_cost_nano bigint,
service_tier text,
suspect boolean NOT NULL

-- table usage_retention
single boolean NOT NULL,
kept_since timestamp with time zone

-- index usage_ancestor_parent
CREATE INDEX usage_ancestor_parent ON usage_ancestor USING btree (project, parent) WHERE (parent IS NOT NULL)

-- index usage_ancestor_pkey
CREATE UNIQUE INDEX usage_ancestor_pkey ON usage_ancestor USING btree (project, span)

-- index usage_ancestor_seen
CREATE INDEX usage_ancestor_seen ON usage_ancestor USING brin (seen_at)

-- index usage_fingerprint_call
CREATE INDEX usage_fingerprint_call ON usage_fingerprint USING btree (project, call_started_at, call)

-- index usage_fingerprint_seen
CREATE INDEX usage_fingerprint_seen ON usage_fingerprint USING brin (seen_at)

-- index usage_fingerprint_size
CREATE INDEX usage_fingerprint_size ON usage_fingerprint USING btree (project, size, started_at)

-- index usage_identity_parent
CREATE INDEX usage_identity_parent ON usage_identity USING btree (parent) WHERE (parent IS NOT NULL)

-- index usage_identity_pkey
CREATE UNIQUE INDEX usage_identity_pkey ON usage_identity USING btree (project, kind, key)

-- index usage_identity_time
CREATE INDEX usage_identity_time ON usage_identity USING brin (started_at) WITH (pages_per_range='32')

-- index usage_label_pkey
CREATE UNIQUE INDEX usage_label_pkey ON usage_label USING btree (project, key)

-- index usage_label_search
CREATE INDEX usage_label_search ON usage_label USING gin (label COLLATE "default" gin_trgm_ops)

-- index usage_mark_bucket
CREATE INDEX usage_mark_bucket ON usage_mark USING btree (project, bucket)

-- index usage_migration_pkey
CREATE UNIQUE INDEX usage_migration_pkey ON usage_migration USING btree (version)

-- index usage_observation_pkey
CREATE UNIQUE INDEX usage_observation_pkey ON usage_observation USING btree (project, call_started_at, call, trace_id, span_id)

-- index usage_observation_seen
CREATE INDEX usage_observation_seen ON usage_observation USING brin (seen_at)

-- index usage_record_conversation
CREATE INDEX usage_record_conversation ON usage_record USING btree (project, conversation, started_at DESC, id DESC) WHERE (conversation IS NOT NULL)

-- index usage_record_label
CREATE INDEX usage_record_label ON usage_record USING btree (project, usage_search_key(name, agent, conversation, user_id, request_model, response_model), started_at, id)

-- index usage_record_pkey
CREATE UNIQUE INDEX usage_record_pkey ON usage_record USING btree (project, started_at, id)

-- index usage_record_title
CREATE INDEX usage_record_title ON usage_record USING btree (project, conversation, started_at DESC, id DESC) WHERE ((conversation IS NOT NULL) AND (name IS NOT NULL))

-- index usage_retention_pkey
CREATE UNIQUE INDEX usage_retention_pkey ON usage_retention USING btree (single)

-- function usage_by_agent_1d
CREATE OR REPLACE FUNCTION usage_by_agent_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT s.* FROM usage_by_agent_1d AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_agent_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_agent_1d_marked
CREATE OR REPLACE FUNCTION usage_by_agent_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', s.started_at), s.project, s.agent, s.source, count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
                         GROUP BY 1, 2, 3, 4;
                     END LOOP;
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', s.bucket), s.project, s.agent, s.source, s.calls, s.failed_calls, s.unpriced_calls, s.unmeasured_calls, s.input_tokens, s.output_tokens,
         s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_nano, s.credits_nano, s.duration_us FROM usage_by_agent_1h AS s
                         WHERE s.project = wanted AND s.bucket >= part.start AND s.bucket < part.stop
                             AND s.bucket NOT IN (
                                 SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP;
                 END $function$

-- function usage_by_agent_1h
CREATE OR REPLACE FUNCTION usage_by_agent_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT s.* FROM usage_by_agent_1h AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
                             SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_agent_1h_marked(wanted, since, until)
                 $function$

-- function usage_by_agent_1h_marked
CREATE OR REPLACE FUNCTION usage_by_agent_1h_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1h
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 hour', s.started_at), s.project, s.agent, s.source, count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
                         GROUP BY 1, 2, 3, 4;
                     END LOOP;

                 END $function$

-- function usage_by_conversation_1d
CREATE OR REPLACE FUNCTION usage_by_conversation_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_conversation_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT s.* FROM usage_by_conversation_1d AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_conversation_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_conversation_1d_marked
CREATE OR REPLACE FUNCTION usage_by_conversation_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_conversation_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', s.started_at), s.project, s.conversation, s.agent,
              CASE WHEN s.conversation IS NULL AND s.agent IS NULL THEN s.name END AS item_name, s.source, count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;

                 END $function$

-- function usage_by_model_15m
CREATE OR REPLACE FUNCTION usage_by_model_15m(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_15m
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT s.* FROM usage_by_model_15m AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
                             SELECT time_bucket('15 minutes', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_model_15m_marked(wanted, since, until)
                 $function$

-- function usage_by_model_15m_marked
CREATE OR REPLACE FUNCTION usage_by_model_15m_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_15m
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '15 minutes', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('15 minutes', s.started_at), s.project, s.source, coalesce(s.response_model, s.request_model) AS model, s.provider, s.operation, count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;

                 END $function$

-- function usage_by_model_1d
CREATE OR REPLACE FUNCTION usage_by_model_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT s.* FROM usage_by_model_1d AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_model_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_model_1d_marked
CREATE OR REPLACE FUNCTION usage_by_model_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '15 minutes', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', s.started_at), s.project, s.source, coalesce(s.response_model, s.request_model) AS model, s.provider, s.operation, count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', s.bucket), s.project, s.source, s.model, s.provider, s.operation, s.calls, s.failed_calls, s.unpriced_calls, s.unmeasured_calls, s.input_tokens, s.output_tokens,
         s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_nano, s.credits_nano, s.duration_us FROM usage_by_model_15m AS s
                         WHERE s.project = wanted AND s.bucket >= part.start AND s.bucket < part.stop
                             AND s.bucket NOT IN (
                                 SELECT time_bucket('15 minutes', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP; FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', s.bucket), s.project, s.source, s.model, s.provider, s.operation, s.calls, s.failed_calls, s.unpriced_calls, s.unmeasured_calls, s.input_tokens, s.output_tokens,
         s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_nano, s.credits_nano, s.duration_us FROM usage_by_model_1h AS s
                         WHERE s.project = wanted AND s.bucket >= part.start AND s.bucket < part.stop
                             AND s.bucket NOT IN (
                                 SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP;
                 END $function$

-- function usage_by_model_1h
CREATE OR REPLACE FUNCTION usage_by_model_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT s.* FROM usage_by_model_1h AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
                             SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_model_1h_marked(wanted, since, until)
                 $function$

-- function usage_by_model_1h_marked
CREATE OR REPLACE FUNCTION usage_by_model_1h_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1h
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '15 minutes', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 hour', s.started_at), s.project, s.source, coalesce(s.response_model, s.request_model) AS model, s.provider, s.operation, count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 hour', s.bucket), s.project, s.source, s.model, s.provider, s.operation, s.calls, s.failed_calls, s.unpriced_calls, s.unmeasured_calls, s.input_tokens, s.output_tokens,
         s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_nano, s.credits_nano, s.duration_us FROM usage_by_model_15m AS s
                         WHERE s.project = wanted AND s.bucket >= part.start AND s.bucket < part.stop
                             AND s.bucket NOT IN (
                                 SELECT time_bucket('15 minutes', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP;
                 END $function$

-- function usage_by_user_1d
CREATE OR REPLACE FUNCTION usage_by_user_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_user_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT s.* FROM usage_by_user_1d AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_user_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_user_1d_marked
CREATE OR REPLACE FUNCTION usage_by_user_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_user_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', s.started_at), s.project, s.user_id, s.source, count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
                         GROUP BY 1, 2, 3, 4;
                     END LOOP;

                 END $function$

-- function usage_expire
CREATE OR REPLACE PROCEDURE usage_expire()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    PERFORM drop_chunks('usage_record', older_than => kept_since) FROM usage_retention WHERE kept_since IS NOT NULL;
    COMMIT;
    CALL usage_expire_identities();
END $procedure$

-- function usage_expire_identities
CREATE OR REPLACE PROCEDURE usage_expire_identities()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    LOOP
        DELETE FROM usage_identity WHERE ctid = ANY (ARRAY(
            SELECT i.ctid FROM usage_identity AS i
            WHERE i.started_at < (SELECT kept_since FROM usage_retention)
            LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
END $procedure$

-- function usage_freshness
CREATE OR REPLACE FUNCTION usage_freshness(wanted text)
 RETURNS TABLE(data_through timestamp with time zone, materialized_through timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
AS $function$
DECLARE
    newest timestamptz := greatest(
        (SELECT max(s.bucket) FROM usage_by_model_15m AS s WHERE s.project = wanted),
        (SELECT max(m.bucket) FROM usage_mark AS m WHERE m.project = wanted)
    );
    oldest_mark timestamptz := (SELECT min(m.bucket) FROM usage_mark AS m WHERE m.project = wanted);
BEGIN
    RETURN QUERY
    SELECT record.through, least(record.through, oldest_mark)
    FROM (
        SELECT max(r.started_at) AS through FROM usage_record AS r
        WHERE r.project = wanted AND r.started_at >= newest
    ) AS record;
END $function$

-- function usage_keep_since
CREATE OR REPLACE FUNCTION usage_keep_since(since timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock(1970497394, 1);
    UPDATE usage_retention SET kept_since = since
    WHERE (kept_since IS NULL OR kept_since < since) AND NOT EXISTS (SELECT FROM usage_stale() AS s WHERE s.since < $1);
    RETURN (SELECT kept_since FROM usage_retention);
END $function$

-- function usage_label_added
CREATE OR REPLACE FUNCTION usage_label_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO usage_label (project, key, label)
    SELECT DISTINCT
        a.project,
        usage_search_key(a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model),
        usage_search_text(a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model)
    FROM added AS a
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $function$

-- function usage_mark_deleted
CREATE OR REPLACE FUNCTION usage_mark_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO usage_mark (project, bucket) VALUES (old.project, time_bucket('15 minutes', old.started_at));
    RETURN NULL;
END $function$

-- function usage_mark_written
CREATE OR REPLACE FUNCTION usage_mark_written()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO usage_mark (project, bucket)
    SELECT DISTINCT w.project, time_bucket('15 minutes', w.started_at) FROM written AS w;
    RETURN NULL;
END $function$

-- function usage_marked
CREATE OR REPLACE FUNCTION usage_marked(wanted text, grain interval, since timestamp with time zone, until timestamp with time zone)
 RETURNS TABLE(start timestamp with time zone, stop timestamp with time zone)
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT min(run.bucket), max(run.bucket) + grain
    FROM (
        SELECT marked.bucket, marked.bucket - grain * row_number() OVER (ORDER BY marked.bucket) AS number
        FROM (
            SELECT DISTINCT time_bucket(grain, m.bucket) AS bucket
            FROM usage_mark AS m
            WHERE (wanted IS NULL OR m.project = wanted) AND m.bucket >= since AND m.bucket < until
        ) AS marked
    ) AS run
    GROUP BY run.number
    ORDER BY 1
$function$

-- function usage_projects
CREATE OR REPLACE FUNCTION usage_projects()
 RETURNS SETOF text
 LANGUAGE sql
 STABLE
AS $function$
    SELECT project FROM usage_by_model_1d UNION SELECT project FROM usage_mark
$function$

-- function usage_record_kept
CREATE OR REPLACE FUNCTION usage_record_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    since timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    SELECT kept_since INTO since FROM usage_retention;
    IF EXISTS (SELECT FROM added WHERE started_at < since) THEN
        RAISE EXCEPTION 'a record is older than those that are kept' USING ERRCODE = 'datetime_field_overflow';
    END IF;
    RETURN NULL;
END $function$

-- function usage_refresh
CREATE OR REPLACE PROCEDURE usage_refresh(IN since timestamp with time zone, IN until timestamp with time zone)
 LANGUAGE plpgsql
AS $procedure$
DECLARE
    level record;
    starts timestamptz[];
    stops timestamptz[];
BEGIN
    PERFORM pg_advisory_lock(1970497394, 3);
    UPDATE usage_mark SET taken = true WHERE bucket >= since AND bucket < until AND NOT taken;
    COMMIT;
    FOR level IN
        SELECT v.name, v.grain
        FROM (VALUES
            (1, 'usage_by_model_15m', INTERVAL '15 minutes'), (2, 'usage_by_model_1h', '1 hour'),
            (3, 'usage_by_agent_1h', '1 hour'), (4, 'usage_by_model_1d', '1 day'), (5, 'usage_by_agent_1d', '1 day'),
            (6, 'usage_by_conversation_1d', '1 day'), (7, 'usage_by_user_1d', '1 day')
        ) AS v (step, name, grain)
        ORDER BY v.step
    LOOP
        SELECT array_agg(m.start), array_agg(m.stop) INTO starts, stops
        FROM usage_marked(NULL, level.grain, since, until) AS m;
        FOR part IN 1 .. coalesce(cardinality(starts), 0) LOOP
            CALL refresh_continuous_aggregate(level.name::regclass, starts[part], stops[part], force => true);
            COMMIT;
        END LOOP;
    END LOOP;
    DELETE FROM usage_mark WHERE bucket >= since AND bucket < until AND taken;
    COMMIT;
    PERFORM pg_advisory_unlock(1970497394, 3);
END $procedure$

-- function usage_rollup_table
CREATE OR REPLACE FUNCTION usage_rollup_table(rollup text)
 RETURNS regclass
 LANGUAGE sql
 STABLE
AS $function$
    SELECT format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
    FROM timescaledb_information.continuous_aggregates AS a
    WHERE format('%I.%I', a.view_schema, a.view_name)::regclass = rollup::regclass
$function$

-- function usage_search_key
CREATE OR REPLACE FUNCTION usage_search_key(name text, agent text, conversation text, user_id text, request_model text, response_model text)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (md5(usage_search_text(name, agent, conversation, user_id, request_model, response_model)))::uuid

-- function usage_search_text
CREATE OR REPLACE FUNCTION usage_search_text(name text, agent text, conversation text, user_id text, request_model text, response_model text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((((((((COALESCE(name, ''::text) || ''::text) || COALESCE(agent, ''::text)) || ''::text) || COALESCE(conversation, ''::text)) || ''::text) || COALESCE(user_id, ''::text)) || ''::text) || COALESCE(response_model, request_model, ''::text))

-- function usage_stale
CREATE OR REPLACE FUNCTION usage_stale()
 RETURNS TABLE(since timestamp with time zone, until timestamp with time zone)
 LANGUAGE sql
 STABLE
AS $function$
    -- Not too long each: what is refreshed at once is one transaction.
    SELECT piece.start, least(piece.start + INTERVAL '240 hours', marked.stop)
    FROM usage_marked(NULL, '1 day', '-infinity', 'infinity') AS marked
    CROSS JOIN LATERAL generate_series(
        marked.start, marked.stop - INTERVAL '1 microsecond', INTERVAL '240 hours'
    ) AS piece (start)
$function$

-- trigger usage_label_insert
CREATE TRIGGER usage_label_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_label_update
CREATE TRIGGER usage_label_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_mark_delete
CREATE TRIGGER usage_mark_delete AFTER DELETE ON usage_record FOR EACH ROW EXECUTE FUNCTION usage_mark_deleted()

-- trigger usage_mark_insert
CREATE TRIGGER usage_mark_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_mark_written()

-- trigger usage_mark_update
CREATE TRIGGER usage_mark_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_mark_written()

-- trigger usage_record_kept
CREATE TRIGGER usage_record_kept AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_record_kept()

-- continuous aggregate usage_by_agent_1d
 SELECT time_bucket('1 day'::interval, bucket) AS bucket,
    project,
    agent,
    source,
    (sum(calls))::bigint AS calls,
    (sum(failed_calls))::bigint AS failed_calls,
    (sum(unpriced_calls))::bigint AS unpriced_calls,
    (sum(unmeasured_calls))::bigint AS unmeasured_calls,
    (sum(input_tokens))::bigint AS input_tokens,
    (sum(output_tokens))::bigint AS output_tokens,
    (sum(cache_read_tokens))::bigint AS cache_read_tokens,
    (sum(cache_write_tokens))::bigint AS cache_write_tokens,
    (sum(reasoning_tokens))::bigint AS reasoning_tokens,
    (sum(cost_nano))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us
   FROM usage_by_agent_1h s
  GROUP BY (time_bucket('1 day'::interval, bucket)), project, agent, source;

-- continuous aggregate usage_by_agent_1h
 SELECT time_bucket('01:00:00'::interval, started_at) AS bucket,
    project,
    agent,
    source,
    count(*) AS calls,
    count(*) FILTER (WHERE failed) AS failed_calls,
    count(*) FILTER (WHERE (cost_nano IS NULL)) AS unpriced_calls,
    count(*) FILTER (WHERE ((input_tokens IS NULL) AND (output_tokens IS NULL))) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us
   FROM usage_record s
  GROUP BY (time_bucket('01:00:00'::interval, started_at)), project, agent, source;

-- continuous aggregate usage_by_conversation_1d
 SELECT time_bucket('1 day'::interval, started_at) AS bucket,
    project,
    conversation,
    agent,
        CASE
            WHEN ((conversation IS NULL) AND (agent IS NULL)) THEN name
            ELSE NULL::text
        END AS item_name,
    source,
    count(*) AS calls,
    count(*) FILTER (WHERE failed) AS failed_calls,
    count(*) FILTER (WHERE (cost_nano IS NULL)) AS unpriced_calls,
    count(*) FILTER (WHERE ((input_tokens IS NULL) AND (output_tokens IS NULL))) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us
   FROM usage_record s
  GROUP BY (time_bucket('1 day'::interval, started_at)), project, conversation, agent,
        CASE
            WHEN ((conversation IS NULL) AND (agent IS NULL)) THEN name
            ELSE NULL::text
        END, source;

-- continuous aggregate usage_by_model_15m
 SELECT time_bucket('00:15:00'::interval, started_at) AS bucket,
    project,
    source,
    COALESCE(response_model, request_model) AS model,
    provider,
    operation,
    count(*) AS calls,
    count(*) FILTER (WHERE failed) AS failed_calls,
    count(*) FILTER (WHERE (cost_nano IS NULL)) AS unpriced_calls,
    count(*) FILTER (WHERE ((input_tokens IS NULL) AND (output_tokens IS NULL))) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us
   FROM usage_record s
  GROUP BY (time_bucket('00:15:00'::interval, started_at)), project, source, COALESCE(response_model, request_model), provider, operation;

-- continuous aggregate usage_by_model_1d
 SELECT time_bucket('1 day'::interval, bucket) AS bucket,
    project,
    source,
    model,
    provider,
    operation,
    (sum(calls))::bigint AS calls,
    (sum(failed_calls))::bigint AS failed_calls,
    (sum(unpriced_calls))::bigint AS unpriced_calls,
    (sum(unmeasured_calls))::bigint AS unmeasured_calls,
    (sum(input_tokens))::bigint AS input_tokens,
    (sum(output_tokens))::bigint AS output_tokens,
    (sum(cache_read_tokens))::bigint AS cache_read_tokens,
    (sum(cache_write_tokens))::bigint AS cache_write_tokens,
    (sum(reasoning_tokens))::bigint AS reasoning_tokens,
    (sum(cost_nano))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us
   FROM usage_by_model_1h s
  GROUP BY (time_bucket('1 day'::interval, bucket)), project, source, model, provider, operation;

-- continuous aggregate usage_by_model_1h
 SELECT time_bucket('01:00:00'::interval, bucket) AS bucket,
    project,
    source,
    model,
    provider,
    operation,
    (sum(calls))::bigint AS calls,
    (sum(failed_calls))::bigint AS failed_calls,
    (sum(unpriced_calls))::bigint AS unpriced_calls,
    (sum(unmeasured_calls))::bigint AS unmeasured_calls,
    (sum(input_tokens))::bigint AS input_tokens,
    (sum(output_tokens))::bigint AS output_tokens,
    (sum(cache_read_tokens))::bigint AS cache_read_tokens,
    (sum(cache_write_tokens))::bigint AS cache_write_tokens,
    (sum(reasoning_tokens))::bigint AS reasoning_tokens,
    (sum(cost_nano))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us
   FROM usage_by_model_15m s
  GROUP BY (time_bucket('01:00:00'::interval, bucket)), project, source, model, provider, operation;

-- continuous aggregate usage_by_user_1d
 SELECT time_bucket('1 day'::interval, started_at) AS bucket,
    project,
    user_id,
    source,
    count(*) AS calls,
    count(*) FILTER (WHERE failed) AS failed_calls,
    count(*) FILTER (WHERE (cost_nano IS NULL)) AS unpriced_calls,
    count(*) FILTER (WHERE ((input_tokens IS NULL) AND (output_tokens IS NULL))) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us
   FROM usage_record s
  GROUP BY (time_bucket('1 day'::interval, started_at)), project, user_id, source;
