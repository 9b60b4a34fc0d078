-- Per connection. The columns of usage_staging are UsageRecord's fields in their order; no constraint, as usage_record
-- has them. usage_staging_identity: what the observations of a batch are known by, as if each were a call of its own.
CREATE TEMPORARY TABLE IF NOT EXISTS usage_staging (
    project text COLLATE "C", started_at timestamptz, id bigint, trace_id bytea, span_id bytea, duration_us bigint,
    failed boolean, error_type text, source text, operation text, name text, agent text, conversation text,
    user_id text, channel text, service text, environment text, provider text, request_model text,
    response_model text, input_tokens bigint, output_tokens bigint, cache_read_tokens bigint,
    cache_write_tokens bigint, reasoning_tokens bigint, cost_nano bigint, cost_reported boolean, credits_nano bigint,
    cache_write_1h_tokens bigint, input_cost_nano bigint, cache_read_cost_nano bigint, cache_write_cost_nano bigint,
    output_cost_nano bigint, service_tier text, suspect boolean, first_token_us bigint, credits_reported boolean,
    turn text, attributes jsonb
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE IF NOT EXISTS usage_staging_identity (
    kind smallint, key uuid, started_at timestamptz, record bigint, flags smallint, parent bigint, parent_key uuid,
    observation bigint
) ON COMMIT DELETE ROWS
