-- One call can be observed by several instrumentations, each in a span or a log event of its own, in any order. The
-- record is made of all observations of its call.

ALTER TABLE usage_record ADD COLUMN cache_write_1h_tokens bigint;
ALTER TABLE usage_record ADD COLUMN input_cost_nano bigint;
ALTER TABLE usage_record ADD COLUMN cache_read_cost_nano bigint;
ALTER TABLE usage_record ADD COLUMN cache_write_cost_nano bigint;
ALTER TABLE usage_record ADD COLUMN output_cost_nano bigint;
ALTER TABLE usage_record ADD COLUMN service_tier text COLLATE "C";
ALTER TABLE usage_record ADD COLUMN suspect boolean NOT NULL DEFAULT false;

-- Kinds: 1 a span (or event), key = trace_id || span_id; 2 a provider's response id; 3 a provider's request id.
-- Of a span also: what it is in `flags` (1: a provider's own SDK made it, 2: its source was derived), and the span
-- above it, by a hash of its project and key.
ALTER TABLE usage_identity ADD COLUMN flags smallint NOT NULL DEFAULT 0;
ALTER TABLE usage_identity ADD COLUMN parent bigint;

-- Spans right below a span: known by it when it arrives after them.
CREATE INDEX usage_identity_parent ON usage_identity (parent) WHERE parent IS NOT NULL;

-- The observations of calls that have more than one, as they came: what a merge starts from, so that its result does
-- not depend on their order. Of a call that has one, that is the record itself. Kept as long as more may come.
CREATE TABLE usage_observation (
    LIKE usage_record,
    call_started_at timestamptz NOT NULL,
    call bigint NOT NULL,
    parent bigint,
    flags smallint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, call_started_at, call, trace_id, span_id)
);

-- Spans that are no calls, and whom the calls below them were for. Kept as long as such a call may come.
CREATE TABLE usage_ancestor (
    span bigint NOT NULL,
    parent bigint,
    seen_at timestamptz NOT NULL DEFAULT now(),
    project text COLLATE "C" NOT NULL,
    conversation text COLLATE "C",
    user_id text COLLATE "C",
    agent text COLLATE "C",
    channel text COLLATE "C",
    PRIMARY KEY (project, span)
);

CREATE INDEX usage_ancestor_parent ON usage_ancestor (project, parent) WHERE parent IS NOT NULL;

-- What different instrumentations of one process may have seen of one call, where they share no id: sizes (by a hash),
-- and when. Filled only where merging by it is switched on (USAGE_GRAPH_MERGE_BY_FINGERPRINT).
CREATE TABLE usage_fingerprint (
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    size bigint NOT NULL,
    output_tokens bigint,
    call_started_at timestamptz NOT NULL,
    call bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    project text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    response_id text COLLATE "C"
);

CREATE INDEX usage_fingerprint_size ON usage_fingerprint (project, size, started_at);
CREATE INDEX usage_fingerprint_call ON usage_fingerprint (project, call_started_at, call);

-- What arrives in the order of time is found by it in ranges of blocks.
CREATE INDEX usage_observation_seen ON usage_observation USING brin (seen_at) WITH (pages_per_range = 32);
CREATE INDEX usage_ancestor_seen ON usage_ancestor USING brin (seen_at) WITH (pages_per_range = 32);
CREATE INDEX usage_fingerprint_seen ON usage_fingerprint USING brin (seen_at) WITH (pages_per_range = 32);

-- Forgets what only calls that came later could have needed; so much in a transaction that writers hardly wait for it.
CREATE PROCEDURE usage_forget() LANGUAGE plpgsql AS $$
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
END $$;
