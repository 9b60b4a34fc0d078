-- One row per LLM call. The primary key is also the keyset of the newest-first record list, and contains the time
-- because a hypertable's unique key must. Text is compared by bytes (COLLATE "C"), so that both engines, every
-- locale and Python order it alike. Fixed-width columns come first: it saves padding.
CREATE TABLE usage_record (
    started_at timestamptz NOT NULL,
    id bigint NOT NULL,
    duration_us bigint NOT NULL CHECK (duration_us >= 0),
    input_tokens bigint CHECK (input_tokens >= 0),
    output_tokens bigint CHECK (output_tokens >= 0),
    cache_read_tokens bigint CHECK (cache_read_tokens >= 0),
    cache_write_tokens bigint CHECK (cache_write_tokens >= 0),
    reasoning_tokens bigint CHECK (reasoning_tokens >= 0),
    cost_nano bigint CHECK (cost_nano >= 0),
    credits_nano bigint NOT NULL CHECK (credits_nano >= 0),
    failed boolean NOT NULL,
    cost_reported boolean NOT NULL CHECK (cost_nano IS NOT NULL OR NOT cost_reported),
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    project text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    agent text COLLATE "C",
    conversation text COLLATE "C",
    user_id text COLLATE "C",
    channel text COLLATE "C",
    service text COLLATE "C",
    environment text COLLATE "C",
    provider text COLLATE "C",
    request_model text COLLATE "C",
    response_model text COLLATE "C",
    error_type text COLLATE "C",
    PRIMARY KEY (project, started_at, id)
);

-- The records of one conversation, newest first.
CREATE INDEX usage_record_conversation ON usage_record (project, conversation, started_at DESC, id DESC)
WHERE conversation IS NOT NULL;

-- The title of a conversation is the name of its newest call that has one; without this a conversation whose calls
-- have no names would be read whole to find none.
CREATE INDEX usage_record_title ON usage_record (project, conversation, started_at DESC, id DESC)
WHERE conversation IS NOT NULL AND name IS NOT NULL;

-- Every identity of a call, claimed in the writing transaction: whoever claims it first stores the record.
-- kind 1: the span, key = trace_id || span_id.
CREATE TABLE usage_identity (
    started_at timestamptz NOT NULL,
    record bigint NOT NULL,
    kind smallint NOT NULL,
    project text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    PRIMARY KEY (project, kind, key)
);
