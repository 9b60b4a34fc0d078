-- table usage_ancestor
span bigint NOT NULL,
parent bigint,
seen_at timestamp with time zone NOT NULL,
project text NOT NULL,
conversation text,
user_id text,
agent text,
channel text

-- table usage_by_agent_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
agent text,
source text

-- table usage_by_agent_1h
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
agent text,
source text

-- table usage_by_conversation_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
conversation text,
agent text,
item_name text,
source text

-- table usage_by_model_15m
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
source text,
model text,
provider text,
operation text

-- table usage_by_model_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
source text,
model text,
provider text,
operation text

-- table usage_by_model_1h
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
source text,
model text,
provider text,
operation text

-- table usage_by_user_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
user_id text,
source text

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

-- index usage_by_agent_1d_project_bucket_agent_source_key
CREATE UNIQUE INDEX usage_by_agent_1d_project_bucket_agent_source_key ON usage_by_agent_1d USING btree (project, bucket, agent, source) NULLS NOT DISTINCT

-- index usage_by_agent_1h_project_bucket_agent_source_key
CREATE UNIQUE INDEX usage_by_agent_1h_project_bucket_agent_source_key ON usage_by_agent_1h USING btree (project, bucket, agent, source) NULLS NOT DISTINCT

-- index usage_by_conversation_1d_project_bucket_conversation_agent__key
CREATE UNIQUE INDEX usage_by_conversation_1d_project_bucket_conversation_agent__key ON usage_by_conversation_1d USING btree (project, bucket, conversation, agent, item_name, source) NULLS NOT DISTINCT

-- index usage_by_model_15m_project_bucket_source_model_provider_ope_key
CREATE UNIQUE INDEX usage_by_model_15m_project_bucket_source_model_provider_ope_key ON usage_by_model_15m USING btree (project, bucket, source, model, provider, operation) NULLS NOT DISTINCT

-- index usage_by_model_1d_project_bucket_source_model_provider_oper_key
CREATE UNIQUE INDEX usage_by_model_1d_project_bucket_source_model_provider_oper_key ON usage_by_model_1d USING btree (project, bucket, source, model, provider, operation) NULLS NOT DISTINCT

-- index usage_by_model_1h_project_bucket_source_model_provider_oper_key
CREATE UNIQUE INDEX usage_by_model_1h_project_bucket_source_model_provider_oper_key ON usage_by_model_1h USING btree (project, bucket, source, model, provider, operation) NULLS NOT DISTINCT

-- index usage_by_user_1d_project_bucket_user_id_source_key
CREATE UNIQUE INDEX usage_by_user_1d_project_bucket_user_id_source_key ON usage_by_user_1d USING btree (project, bucket, user_id, source) NULLS NOT DISTINCT

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
                 SELECT r.* FROM usage_by_agent_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_agent_1h
CREATE OR REPLACE FUNCTION usage_by_agent_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_agent_1h AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_conversation_1d
CREATE OR REPLACE FUNCTION usage_by_conversation_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_conversation_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_conversation_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_model_15m
CREATE OR REPLACE FUNCTION usage_by_model_15m(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_15m
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_model_15m AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_model_1d
CREATE OR REPLACE FUNCTION usage_by_model_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_model_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_model_1h
CREATE OR REPLACE FUNCTION usage_by_model_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_model_1h AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_user_1d
CREATE OR REPLACE FUNCTION usage_by_user_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_user_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_user_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_expire
CREATE OR REPLACE PROCEDURE usage_expire()
 LANGUAGE plpgsql
AS $procedure$
DECLARE
    owner text;
BEGIN
    owner := (SELECT min(project) FROM usage_record);
    WHILE owner IS NOT NULL LOOP
        LOOP
            PERFORM set_config('usage_graph.expiring', 'on', true);
            DELETE FROM usage_record WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM usage_record AS r
                WHERE r.project = owner AND r.started_at < (SELECT kept_since FROM usage_retention)
                LIMIT 10000
            ));
            EXIT WHEN NOT found;
            COMMIT;
        END LOOP;
        owner := (SELECT min(project) FROM usage_record WHERE project > owner);
    END LOOP;
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
 LANGUAGE sql
 STABLE
AS $function$
    SELECT max(started_at), max(started_at) FROM usage_record WHERE project = wanted
$function$

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

-- function usage_projects
CREATE OR REPLACE FUNCTION usage_projects()
 RETURNS SETOF text
 LANGUAGE sql
 STABLE
AS $function$
    SELECT DISTINCT project FROM usage_by_model_1d
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
BEGIN
    NULL;
END $procedure$

-- function usage_roll_up_delete
CREATE OR REPLACE FUNCTION usage_roll_up_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 INSERT INTO usage_by_model_15m AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('15 minutes', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_model_15m AS r USING
                      (SELECT DISTINCT project, date_bin('15 minutes', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_model_1h AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 hour', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_model_1h AS r USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_model_1d AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_model_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_agent_1h AS r (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 hour', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.agent, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_agent_1h AS r USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_agent_1d AS r (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.agent, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_agent_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_conversation_1d AS r (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.conversation, d.agent, CASE WHEN d.conversation IS NULL AND d.agent IS NULL THEN d.name END, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_conversation_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_user_1d AS r (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.user_id, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_user_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;
                 RETURN NULL;
             END $function$

-- function usage_roll_up_insert
CREATE OR REPLACE FUNCTION usage_roll_up_insert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 INSERT INTO usage_by_model_15m AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('15 minutes', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us;INSERT INTO usage_by_model_1h AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 hour', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us;INSERT INTO usage_by_model_1d AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us;INSERT INTO usage_by_agent_1h AS r (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 hour', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.agent, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us;INSERT INTO usage_by_agent_1d AS r (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.agent, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us;INSERT INTO usage_by_conversation_1d AS r (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.conversation, d.agent, CASE WHEN d.conversation IS NULL AND d.agent IS NULL THEN d.name END, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us;INSERT INTO usage_by_user_1d AS r (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.user_id, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us;
                 RETURN NULL;
             END $function$

-- function usage_roll_up_update
CREATE OR REPLACE FUNCTION usage_roll_up_update()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 INSERT INTO usage_by_model_15m AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('15 minutes', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_model_15m AS r USING
                      (SELECT DISTINCT project, date_bin('15 minutes', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_model_1h AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 hour', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_model_1h AS r USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_model_1d AS r (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.source, coalesce(d.response_model, d.request_model), d.provider, d.operation, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_model_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_agent_1h AS r (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 hour', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.agent, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_agent_1h AS r USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_agent_1d AS r (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.agent, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_agent_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_conversation_1d AS r (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.conversation, d.agent, CASE WHEN d.conversation IS NULL AND d.agent IS NULL THEN d.name END, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4, 5, 6 ORDER BY d.project, 2, 3, 4, 5, 6
                 ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_conversation_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;INSERT INTO usage_by_user_1d AS r (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us)
                 SELECT d.project, date_bin('1 day', d.started_at, '2000-01-01 00:00:00+00') AS bucket, d.user_id, d.source, sum(d.sign * 1), sum(d.sign * d.failed::int), sum(d.sign * (d.cost_nano IS NULL)::int), sum(d.sign * (d.input_tokens IS NULL AND d.output_tokens IS NULL)::int), sum(d.sign * coalesce(d.input_tokens, 0)), sum(d.sign * coalesce(d.output_tokens, 0)), sum(d.sign * coalesce(d.cache_read_tokens, 0)), sum(d.sign * coalesce(d.cache_write_tokens, 0)), sum(d.sign * coalesce(d.reasoning_tokens, 0)), sum(d.sign * coalesce(d.cost_nano, 0)), sum(d.sign * d.credits_nano), sum(d.sign * d.duration_us)
                 FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS d GROUP BY d.project, 2, 3, 4 ORDER BY d.project, 2, 3, 4
                 ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = r.calls + excluded.calls, failed_calls = r.failed_calls + excluded.failed_calls, unpriced_calls = r.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = r.unmeasured_calls + excluded.unmeasured_calls, input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, cost_nano = r.cost_nano + excluded.cost_nano, credits_nano = r.credits_nano + excluded.credits_nano, duration_us = r.duration_us + excluded.duration_us; DELETE FROM usage_by_user_1d AS r USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;
                 RETURN NULL;
             END $function$

-- function usage_rollup_table
CREATE OR REPLACE FUNCTION usage_rollup_table(rollup text)
 RETURNS regclass
 LANGUAGE sql
 STABLE
AS $function$
    SELECT rollup::regclass
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
    SELECT NULL::timestamptz, NULL::timestamptz WHERE false
$function$

-- trigger usage_label_insert
CREATE TRIGGER usage_label_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_label_update
CREATE TRIGGER usage_label_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_record_kept
CREATE TRIGGER usage_record_kept AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_record_kept()

-- trigger usage_roll_up_delete
CREATE TRIGGER usage_roll_up_delete AFTER DELETE ON usage_record REFERENCING OLD TABLE AS removed FOR EACH STATEMENT WHEN ((current_setting('usage_graph.expiring'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION usage_roll_up_delete()

-- trigger usage_roll_up_insert
CREATE TRIGGER usage_roll_up_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_roll_up_insert()

-- trigger usage_roll_up_update
CREATE TRIGGER usage_roll_up_update AFTER UPDATE ON usage_record REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_roll_up_update()
