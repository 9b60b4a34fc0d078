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
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

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
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

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
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

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
operation text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

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
operation text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

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
operation text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

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
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_conversation
first_at timestamp with time zone NOT NULL,
last_at timestamp with time zone NOT NULL,
project text NOT NULL,
conversation text NOT NULL,
title usage_quote,
agent usage_quote,
channel usage_quote,
user_id usage_quote

-- table usage_credit_plan
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
project text NOT NULL,
period text NOT NULL,
zone text NOT NULL,
included_nano numeric NOT NULL,
price numeric NOT NULL

-- table usage_credit_rule
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
project text NOT NULL,
model text,
channel text,
per_call numeric,
per_1k_tokens numeric

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

-- table usage_ingest
count bigint NOT NULL,
first_seen timestamp with time zone NOT NULL,
last_seen timestamp with time zone NOT NULL,
project text NOT NULL,
outcome text NOT NULL,
detail text NOT NULL

-- table usage_key
created_at timestamp with time zone NOT NULL,
expires_at timestamp with time zone,
revoked_at timestamp with time zone,
id text NOT NULL,
digest bytea NOT NULL,
access text NOT NULL,
project text,
user_id text,
agent text,
label text

-- table usage_label
key uuid NOT NULL,
project text NOT NULL,
label text NOT NULL

-- table usage_measure
number smallint NOT NULL,
type text NOT NULL,
name text NOT NULL,
amount text NOT NULL

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
seen_at timestamp with time zone NOT NULL,
first_token_us bigint,
credits_reported boolean NOT NULL,
turn text,
attributes jsonb

-- table usage_price
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
model text NOT NULL,
provider text,
input numeric NOT NULL,
output numeric NOT NULL,
cache_read numeric,
cache_write numeric,
cache_write_1h numeric,
reasoning numeric,
per_call numeric NOT NULL,
project text

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
suspect boolean NOT NULL,
first_token_us bigint,
credits_reported boolean NOT NULL,
turn text,
attributes jsonb

-- table usage_retention
single boolean NOT NULL,
kept_since timestamp with time zone

-- table usage_turn
first_at timestamp with time zone NOT NULL,
last_at timestamp with time zone NOT NULL,
turn uuid NOT NULL,
project text NOT NULL,
conversation text NOT NULL,
model text

-- index usage_ancestor_parent
CREATE INDEX usage_ancestor_parent ON usage_ancestor USING btree (project, parent) WHERE (parent IS NOT NULL)

-- index usage_ancestor_pkey
CREATE UNIQUE INDEX usage_ancestor_pkey ON usage_ancestor USING btree (project, span)

-- index usage_ancestor_seen
CREATE INDEX usage_ancestor_seen ON usage_ancestor USING brin (seen_at) WITH (pages_per_range='32')

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

-- index usage_conversation_pkey
CREATE UNIQUE INDEX usage_conversation_pkey ON usage_conversation USING btree (project, conversation)

-- index usage_credit_plan_project_since_key
CREATE UNIQUE INDEX usage_credit_plan_project_since_key ON usage_credit_plan USING btree (project, since) NULLS NOT DISTINCT

-- index usage_credit_rule_project_model_channel_since_key
CREATE UNIQUE INDEX usage_credit_rule_project_model_channel_since_key ON usage_credit_rule USING btree (project, model, channel, since) NULLS NOT DISTINCT

-- index usage_fingerprint_call
CREATE INDEX usage_fingerprint_call ON usage_fingerprint USING btree (project, call_started_at, call)

-- index usage_fingerprint_seen
CREATE INDEX usage_fingerprint_seen ON usage_fingerprint USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_fingerprint_size
CREATE INDEX usage_fingerprint_size ON usage_fingerprint USING btree (project, size, started_at)

-- index usage_identity_parent
CREATE INDEX usage_identity_parent ON usage_identity USING btree (parent) WHERE (parent IS NOT NULL)

-- index usage_identity_pkey
CREATE UNIQUE INDEX usage_identity_pkey ON usage_identity USING btree (project, kind, key)

-- index usage_identity_time
CREATE INDEX usage_identity_time ON usage_identity USING brin (started_at) WITH (pages_per_range='32')

-- index usage_ingest_pkey
CREATE UNIQUE INDEX usage_ingest_pkey ON usage_ingest USING btree (project, outcome, detail)

-- index usage_key_digest_key
CREATE UNIQUE INDEX usage_key_digest_key ON usage_key USING btree (digest)

-- index usage_key_pkey
CREATE UNIQUE INDEX usage_key_pkey ON usage_key USING btree (id)

-- index usage_label_pkey
CREATE UNIQUE INDEX usage_label_pkey ON usage_label USING btree (project, key)

-- index usage_label_search
CREATE INDEX usage_label_search ON usage_label USING gin (label COLLATE "default" gin_trgm_ops)

-- index usage_measure_name_key
CREATE UNIQUE INDEX usage_measure_name_key ON usage_measure USING btree (name)

-- index usage_measure_pkey
CREATE UNIQUE INDEX usage_measure_pkey ON usage_measure USING btree (number)

-- index usage_migration_pkey
CREATE UNIQUE INDEX usage_migration_pkey ON usage_migration USING btree (version)

-- index usage_observation_pkey
CREATE UNIQUE INDEX usage_observation_pkey ON usage_observation USING btree (project, call_started_at, call, trace_id, span_id)

-- index usage_observation_seen
CREATE INDEX usage_observation_seen ON usage_observation USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_price_project_model_provider_since_key
CREATE UNIQUE INDEX usage_price_project_model_provider_since_key ON usage_price USING btree (project, model, provider, since) NULLS NOT DISTINCT

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

-- index usage_turn_project_conversation_turn_model_key
CREATE UNIQUE INDEX usage_turn_project_conversation_turn_model_key ON usage_turn USING btree (project, conversation, turn, model) NULLS NOT DISTINCT

-- aggregate usage_sum
int8pl of bigint from 0

-- function usage_build_rollups
CREATE OR REPLACE FUNCTION usage_build_rollups()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    model constant text := 'coalesce(r.response_model, r.request_model)';
    item_name constant text := 'CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END';
    -- event, and the signed rows that its transition tables amount to
    events constant text[][] := ARRAY[
        ['insert', 'SELECT 1 AS sign, added.* FROM added'],
        ['delete', 'SELECT -1 AS sign, removed.* FROM removed'],
        ['update', 'SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed']
    ];
    measures constant text := (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure);
    amounts constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'bigint' THEN 'usage_sum(r.sign * %s)'
                    WHEN 'numeric' THEN 'sum(r.sign * %s)'
                    ELSE 'array_remove(array_agg((%s << 40) + r.sign), NULL)'
                END, amount
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    additions constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'histogram' THEN '%1$I = usage_histogram_plus(kept.%1$I, excluded.%1$I)'
                    ELSE '%1$I = kept.%1$I + excluded.%1$I'
                END, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    rollup record;
    event text[];
    lacking text[];
    add_to text; -- adds amounts (%1$s) of signed rows (%2$s) to the rollup
    body text;
    bodies jsonb := '{}';
BEGIN
    -- No record is written while this goes on.
    LOCK TABLE usage_record IN SHARE ROW EXCLUSIVE MODE;
    FOR rollup IN
        SELECT name, grain, columns, expressions
        FROM (VALUES
            ('usage_by_model_15m', '15 minutes',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['r.source', model, 'r.provider', 'r.operation']),
            ('usage_by_model_1h', '1 hour',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['r.source', model, 'r.provider', 'r.operation']),
            ('usage_by_model_1d', '1 day',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['r.source', model, 'r.provider', 'r.operation']),
            ('usage_by_agent_1h', '1 hour', ARRAY['agent', 'source'], ARRAY['r.agent', 'r.source']),
            ('usage_by_agent_1d', '1 day', ARRAY['agent', 'source'], ARRAY['r.agent', 'r.source']),
            ('usage_by_conversation_1d', '1 day',
             ARRAY['conversation', 'agent', 'item_name', 'source'],
             ARRAY['r.conversation', 'r.agent', item_name, 'r.source']),
            ('usage_by_user_1d', '1 day', ARRAY['user_id', 'source'], ARRAY['r.user_id', 'r.source'])
        ) AS family (name, grain, columns, expressions)
    LOOP
        -- Ordered by key, so that concurrent batches take their row locks in one order.
        add_to := format(
            'INSERT INTO %1$I AS kept (project, bucket, %2$s, %3$s)
             SELECT r.project, date_bin(%4$L, r.started_at, %5$L) AS bucket, %6$s, %%1$s
             FROM (%%2$s) AS r GROUP BY r.project, 2, %7$s ORDER BY r.project, 2, %7$s
             ON CONFLICT (project, bucket, %2$s) DO UPDATE SET %8$s;',
            rollup.name,
            array_to_string(rollup.columns, ', '),
            measures,
            rollup.grain,
            origin,
            array_to_string(rollup.expressions, ', '),
            (SELECT string_agg((i + 2)::text, ', ') FROM generate_series(1, cardinality(rollup.columns)) AS i),
            additions
        );

        lacking := ARRAY(
            SELECT m.name FROM usage_measure AS m
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = rollup.name::regclass AND a.attname = m.name AND NOT a.attisdropped
            )
        );
        IF cardinality(lacking) > 0 THEN
            EXECUTE format(
                'ALTER TABLE %I %s', rollup.name,
                (SELECT string_agg(
                     format(
                         CASE type
                             WHEN 'histogram' THEN
                                 'ADD COLUMN %1$I bigint[] NOT NULL DEFAULT ''{}'', '
                                 'ALTER COLUMN %1$I SET STORAGE EXTERNAL'
                             ELSE 'ADD COLUMN %1$I %2$s NOT NULL DEFAULT 0'
                         END, name, type
                     ), ', ' ORDER BY number
                 )
                 FROM usage_measure WHERE name = ANY (lacking))
            );
            EXECUTE format(
                add_to,
                (SELECT string_agg(
                     CASE
                         WHEN type = 'histogram' AND name = ANY (lacking)
                             THEN format('usage_histogram(array_agg((%s << 40) + 1))', amount)
                         WHEN type = 'histogram' THEN '''{}''::bigint[]'
                         WHEN name = ANY (lacking) THEN format('sum(%s)', amount)
                         ELSE '0'
                     END, ', ' ORDER BY number
                 ) FROM usage_measure),
                format(
                    'SELECT r.* FROM usage_record AS r WHERE r.started_at >= %L AND (%s)',
                    coalesce((SELECT kept_since FROM usage_retention), '-infinity'),
                    (SELECT string_agg(
                         format(CASE type WHEN 'histogram' THEN '%s IS NOT NULL' ELSE '%s <> 0' END, amount), ' OR '
                     )
                     FROM usage_measure WHERE name = ANY (lacking))
                )
            );
        END IF;

        FOREACH event SLICE 1 IN ARRAY events LOOP
            body := format(add_to, amounts, event[2]);
            IF event[1] <> 'insert' THEN
                -- A group without calls is no group.
                body := body || format(
                    ' DELETE FROM %1$I AS kept USING
                      (SELECT DISTINCT project, date_bin(%2$L, started_at, %3$L) AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;',
                    rollup.name, rollup.grain, origin
                );
            END IF;
            bodies := jsonb_set(bodies, ARRAY[event[1]], to_jsonb(coalesce(bodies ->> event[1], '') || body));
        END LOOP;
    END LOOP;

    FOREACH event SLICE 1 IN ARRAY events LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION usage_roll_up_%1$s() RETURNS trigger LANGUAGE plpgsql AS $body$
             BEGIN
                 %2$s
                 RETURN NULL;
             END $body$',
            event[1], bodies ->> event[1]
        );
    END LOOP;
END $function$

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

-- function usage_conversation_added
CREATE OR REPLACE FUNCTION usage_conversation_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
         BEGIN
             INSERT INTO usage_turn AS kept (project, conversation, turn, model, first_at, last_at)
         SELECT r.project, r.conversation, r.turn, r.model, min(r.started_at), max(r.started_at)
         FROM (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL) AS r
         GROUP BY r.project, r.conversation, r.turn, r.model
         ORDER BY r.project, r.conversation, r.turn, r.model
         ON CONFLICT (project, conversation, turn, model) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at);

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), (max(ARRAY[(r.started_at, r.id, r.title)::usage_quote]) FILTER (WHERE r.title IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.channel)::usage_quote]) FILTER (WHERE r.channel IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.user_id)::usage_quote]) FILTER (WHERE r.user_id IS NOT NULL))[1]
         FROM (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL) AS r
         GROUP BY r.project, r.conversation
         ORDER BY r.project, r.conversation
         ON CONFLICT (project, conversation) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
             title = greatest(kept.title, excluded.title), agent = greatest(kept.agent, excluded.agent),
             channel = greatest(kept.channel, excluded.channel), user_id = greatest(kept.user_id, excluded.user_id);
             RETURN NULL;
         END $function$

-- function usage_conversation_changed
CREATE OR REPLACE FUNCTION usage_conversation_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
         BEGIN
             INSERT INTO usage_turn AS kept (project, conversation, turn, model, first_at, last_at)
         SELECT r.project, r.conversation, r.turn, r.model, min(r.started_at), max(r.started_at)
         FROM (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL EXCEPT SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM removed AS r WHERE r.conversation IS NOT NULL) AS r
         GROUP BY r.project, r.conversation, r.turn, r.model
         ORDER BY r.project, r.conversation, r.turn, r.model
         ON CONFLICT (project, conversation, turn, model) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at);

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), (max(ARRAY[(r.started_at, r.id, r.title)::usage_quote]) FILTER (WHERE r.title IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.channel)::usage_quote]) FILTER (WHERE r.channel IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.user_id)::usage_quote]) FILTER (WHERE r.user_id IS NOT NULL))[1]
         FROM (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL EXCEPT SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM removed AS r WHERE r.conversation IS NOT NULL) AS r
         GROUP BY r.project, r.conversation
         ORDER BY r.project, r.conversation
         ON CONFLICT (project, conversation) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
             title = greatest(kept.title, excluded.title), agent = greatest(kept.agent, excluded.agent),
             channel = greatest(kept.channel, excluded.channel), user_id = greatest(kept.user_id, excluded.user_id);
             PERFORM usage_take_back(
                 array_agg(gone.project), array_agg(gone.conversation), array_agg(gone.started_at), array_agg(gone.id),
                 array_agg(gone.turn), array_agg(gone.model), array_agg(gone.left_turn)
             )
             FROM (
                 SELECT
                     r.*,
                     (now.conversation, now.turn, now.model) IS DISTINCT FROM (r.conversation, r.turn, r.model) AS left_turn
                 FROM (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM removed AS r WHERE r.conversation IS NOT NULL) AS r
                 LEFT JOIN (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL) AS now ON now.project = r.project AND now.started_at = r.started_at AND now.id = r.id
                 WHERE r IS DISTINCT FROM now
             ) AS gone
             HAVING count(*) > 0;
             RETURN NULL;
         END $function$

-- function usage_conversation_removed
CREATE OR REPLACE FUNCTION usage_conversation_removed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM usage_take_back(
        ARRAY[old.project], ARRAY[old.conversation], ARRAY[old.started_at], ARRAY[old.id],
        ARRAY[usage_turn_key(old.turn, old.trace_id)], ARRAY[coalesce(old.response_model, old.request_model)],
        ARRAY[true]
    );
    RETURN NULL;
END $function$

-- function usage_conversations
CREATE OR REPLACE FUNCTION usage_conversations(wanted text, until timestamp with time zone)
 RETURNS TABLE(conversation text, first_at timestamp with time zone, last_at timestamp with time zone, title text, agent text, channel text, user_id text, turns bigint, models text[])
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT
        k.conversation,
        k.first_at,
        CASE WHEN k.last_at < until THEN k.last_at ELSE (
            SELECT max(CASE WHEN t.last_at < until THEN t.last_at ELSE coalesce(
                (
                    SELECT r.started_at FROM usage_record AS r
                    WHERE r.project = wanted AND r.conversation = k.conversation
                        AND r.started_at >= t.first_at AND r.started_at < until
                    ORDER BY r.started_at DESC, r.id DESC
                    LIMIT 1
                ), t.first_at
            ) END)
            FROM usage_turn AS t
            WHERE t.project = wanted AND t.conversation = k.conversation AND t.first_at < until
        ) END,
        (k.title).said,
        (k.agent).said,
        (k.channel).said,
        (k.user_id).said,
        (
            SELECT count(DISTINCT t.turn) FROM usage_turn AS t
            WHERE t.project = wanted AND t.conversation = k.conversation AND t.first_at < until
        ),
        ARRAY(
            SELECT DISTINCT t.model FROM usage_turn AS t
            WHERE t.project = wanted AND t.conversation = k.conversation AND t.model IS NOT NULL
            ORDER BY t.model
        )
    FROM usage_conversation AS k
    WHERE k.project = wanted
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

-- function usage_forget
CREATE OR REPLACE PROCEDURE usage_forget()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    LOOP
        DELETE FROM usage_ancestor WHERE ctid = ANY (ARRAY(
            SELECT a.ctid FROM usage_ancestor AS a WHERE a.seen_at < now() - INTERVAL '1 day' LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
    LOOP
        DELETE FROM usage_observation WHERE ctid = ANY (ARRAY(
            SELECT o.ctid FROM usage_observation AS o
            WHERE o.seen_at < now() - INTERVAL '7 days' AND NOT EXISTS (
                -- Of a call all are kept or none: some of them would be taken for all.
                SELECT FROM usage_observation AS n
                WHERE n.project = o.project AND n.call_started_at = o.call_started_at AND n.call = o.call
                    AND n.seen_at >= now() - INTERVAL '7 days'
            )
            LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
    LOOP
        DELETE FROM usage_fingerprint WHERE ctid = ANY (ARRAY(
            SELECT f.ctid FROM usage_fingerprint AS f WHERE f.seen_at < now() - INTERVAL '1 day' LIMIT 10000
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

-- function usage_histogram
CREATE OR REPLACE FUNCTION usage_histogram(entries bigint[])
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT coalesce(array_agg((c.class << 40) + c.calls ORDER BY c.class), '{}')
    FROM (
        SELECT e.class, sum(e.entry - (e.class << 40))::bigint AS calls
        FROM (SELECT u.entry, (u.entry + (1::bigint << 39)) >> 40 AS class FROM unnest(entries) AS u (entry)) AS e
        WHERE e.entry IS NOT NULL
        GROUP BY e.class
    ) AS c
    WHERE c.calls <> 0
$function$

-- function usage_histogram_plus
CREATE OR REPLACE FUNCTION usage_histogram_plus(kept bigint[], added bigint[])
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE
        WHEN cardinality(kept) / 256 = (cardinality(kept) + cardinality(added)) / 256 THEN kept || added
        ELSE usage_histogram(kept || added)
    END
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

-- function usage_quote_others
CREATE OR REPLACE FUNCTION usage_quote_others(projects text[], conversations text[], starts timestamp with time zone[], records bigint[], since timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
         BEGIN
             UPDATE usage_conversation AS k
         SET title = (
             SELECT (r.started_at, r.id, r.name)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project AND r.conversation = k.conversation AND r.name IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.title).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.title).at = gone.started_at AND (k.title).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET agent = (
             SELECT (r.started_at, r.id, r.agent)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project AND r.conversation = k.conversation AND r.agent IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.agent).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.agent).at = gone.started_at AND (k.agent).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET channel = (
             SELECT (r.started_at, r.id, r.channel)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project AND r.conversation = k.conversation AND r.channel IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.channel).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.channel).at = gone.started_at AND (k.channel).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET user_id = (
             SELECT (r.started_at, r.id, r.user_id)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project AND r.conversation = k.conversation AND r.user_id IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.user_id).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.user_id).at = gone.started_at AND (k.user_id).record = gone.record AND gone.started_at >= since;
         END $function$

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
                 INSERT INTO usage_by_model_15m AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('15 minutes', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_model_15m AS kept USING
                      (SELECT DISTINCT project, date_bin('15 minutes', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_model_1h AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 hour', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_model_1h AS kept USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_model_1d AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_model_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_agent_1h AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 hour', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.agent, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_agent_1h AS kept USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_agent_1d AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.agent, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_agent_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_conversation_1d AS kept (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.conversation, r.agent, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_conversation_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_user_1d AS kept (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.user_id, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_user_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;
                 RETURN NULL;
             END $function$

-- function usage_roll_up_insert
CREATE OR REPLACE FUNCTION usage_roll_up_insert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 INSERT INTO usage_by_model_15m AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('15 minutes', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);INSERT INTO usage_by_model_1h AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 hour', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);INSERT INTO usage_by_model_1d AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);INSERT INTO usage_by_agent_1h AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 hour', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.agent, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);INSERT INTO usage_by_agent_1d AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.agent, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);INSERT INTO usage_by_conversation_1d AS kept (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.conversation, r.agent, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);INSERT INTO usage_by_user_1d AS kept (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.user_id, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);
                 RETURN NULL;
             END $function$

-- function usage_roll_up_update
CREATE OR REPLACE FUNCTION usage_roll_up_update()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 INSERT INTO usage_by_model_15m AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('15 minutes', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_model_15m AS kept USING
                      (SELECT DISTINCT project, date_bin('15 minutes', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_model_1h AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 hour', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_model_1h AS kept USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_model_1d AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model), r.provider, r.operation, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_model_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_agent_1h AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 hour', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.agent, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_agent_1h AS kept USING
                      (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_agent_1d AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.agent, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_agent_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_conversation_1d AS kept (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.conversation, r.agent, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4, 5, 6 ORDER BY r.project, 2, 3, 4, 5, 6
             ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_conversation_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;INSERT INTO usage_by_user_1d AS kept (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
             SELECT r.project, date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.user_id, r.source, usage_sum(r.sign * 1), usage_sum(r.sign * r.failed::int), usage_sum(r.sign * (r.cost_nano IS NULL)::int), usage_sum(r.sign * (r.input_tokens IS NULL AND r.output_tokens IS NULL)::int), usage_sum(r.sign * coalesce(r.input_tokens, 0)), usage_sum(r.sign * coalesce(r.output_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_read_tokens, 0)), usage_sum(r.sign * coalesce(r.cache_write_tokens, 0)), usage_sum(r.sign * coalesce(r.reasoning_tokens, 0)), usage_sum(r.sign * coalesce(r.cost_nano, 0)), sum(r.sign * r.credits_nano), usage_sum(r.sign * r.duration_us), usage_sum(r.sign * r.suspect::int), usage_sum(r.sign * coalesce(r.cache_write_1h_tokens, 0)), usage_sum(r.sign * coalesce(r.input_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_read_cost_nano, 0)), usage_sum(r.sign * coalesce(r.cache_write_cost_nano, 0)), usage_sum(r.sign * coalesce(r.output_cost_nano, 0)), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * (r.duration_us > 0)::int), usage_sum(r.sign * CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END), usage_sum(r.sign * CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END), usage_sum(r.sign * (r.first_token_us IS NOT NULL)::int), usage_sum(r.sign * coalesce(r.first_token_us, 0)), array_remove(array_agg((usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign), NULL), array_remove(array_agg((usage_time_class(r.first_token_us) << 40) + r.sign), NULL)
             FROM (SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed) AS r GROUP BY r.project, 2, 3, 4 ORDER BY r.project, 2, 3, 4
             ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens); DELETE FROM usage_by_user_1d AS kept USING
                      (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;
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

-- function usage_take_back
CREATE OR REPLACE FUNCTION usage_take_back(projects text[], conversations text[], starts timestamp with time zone[], records bigint[], turns uuid[], models text[], left_turn boolean[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    since timestamptz;
    known record;
    first timestamptz;
    last timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    since := coalesce((SELECT kept_since FROM usage_retention), '-infinity');

    FOR known IN
        SELECT DISTINCT t.*
        FROM unnest(projects, conversations, starts, turns, models, left_turn)
            AS gone (project, conversation, started_at, turn, model, left_turn)
        INNER JOIN usage_turn AS t
            ON t.project = gone.project AND t.conversation = gone.conversation AND t.turn = gone.turn
                AND t.model IS NOT DISTINCT FROM gone.model
        WHERE gone.left_turn AND gone.started_at >= since
        ORDER BY t.project, t.conversation, t.turn, t.model
    LOOP
        SELECT min(r.started_at), max(r.started_at) INTO first, last
        FROM usage_record AS r
        WHERE r.project = known.project AND r.conversation = known.conversation
            AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            AND usage_turn_key(r.turn, r.trace_id) = known.turn
            AND coalesce(r.response_model, r.request_model) IS NOT DISTINCT FROM known.model;
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, first);
        END IF;
        IF first IS NULL THEN
            DELETE FROM usage_turn AS t
            WHERE t.project = known.project AND t.conversation = known.conversation AND t.turn = known.turn
                AND t.model IS NOT DISTINCT FROM known.model;
        ELSE
            UPDATE usage_turn AS t SET first_at = first, last_at = last
            WHERE t.project = known.project AND t.conversation = known.conversation AND t.turn = known.turn
                AND t.model IS NOT DISTINCT FROM known.model;
        END IF;
    END LOOP;

    -- Only its first and its last call say when a conversation was. Which is that now, the index of its calls knows:
    -- turns may be very many, and are looked through only where all calls that are kept have gone.
    FOR known IN
        SELECT DISTINCT k.project, k.conversation, k.first_at, k.last_at
        FROM unnest(projects, conversations, starts, left_turn) AS gone (project, conversation, started_at, left_turn)
        INNER JOIN usage_conversation AS k
            ON k.project = gone.project AND k.conversation = gone.conversation
                AND gone.started_at IN (k.first_at, k.last_at)
        WHERE gone.left_turn AND gone.started_at >= since
        ORDER BY k.project, k.conversation
    LOOP
        last := (
            SELECT r.started_at FROM usage_record AS r
            WHERE r.project = known.project AND r.conversation = known.conversation
                AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            ORDER BY r.started_at DESC, r.id DESC
            LIMIT 1
        );
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, (
                SELECT greatest(max(CASE WHEN t.last_at < since THEN t.last_at ELSE t.first_at END), known.first_at)
                FROM usage_turn AS t
                WHERE t.project = known.project AND t.conversation = known.conversation AND t.first_at < since
            ));
        ELSE
            first := (
                SELECT r.started_at FROM usage_record AS r
                WHERE r.project = known.project AND r.conversation = known.conversation
                    AND r.started_at >= known.first_at AND r.started_at <= last
                ORDER BY r.started_at, r.id
                LIMIT 1
            );
        END IF;
        IF first IS NULL THEN
            DELETE FROM usage_conversation AS k
            WHERE k.project = known.project AND k.conversation = known.conversation;
        ELSE
            UPDATE usage_conversation AS k SET first_at = first, last_at = last
            WHERE k.project = known.project AND k.conversation = known.conversation
                AND (k.first_at, k.last_at) <> (first, last);
        END IF;
    END LOOP;

    PERFORM usage_quote_others(projects, conversations, starts, records, since);
END $function$

-- function usage_time_class
CREATE OR REPLACE FUNCTION usage_time_class(taken bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE WHEN taken <= 1 THEN 0 ELSE ceil(ln(taken::float8) / ln(1.04::float8))::bigint END
$function$

-- function usage_turn_key
CREATE OR REPLACE FUNCTION usage_turn_key(turn text, trace_id bytea)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (md5(COALESCE(turn, encode(trace_id, 'hex'::text))))::uuid

-- trigger usage_conversation_delete
CREATE TRIGGER usage_conversation_delete AFTER DELETE ON usage_record FOR EACH ROW WHEN (((old.conversation IS NOT NULL) AND (current_setting('usage_graph.expiring'::text, true) IS DISTINCT FROM 'on'::text))) EXECUTE FUNCTION usage_conversation_removed()

-- trigger usage_conversation_insert
CREATE TRIGGER usage_conversation_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_added()

-- trigger usage_conversation_update
CREATE TRIGGER usage_conversation_update AFTER UPDATE ON usage_record REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_changed()

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
