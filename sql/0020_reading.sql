-- Reading with less to read: settled rollups of 108 days, for years, and turns from their index.

CREATE OR REPLACE VIEW usage_settled_rollup AS
SELECT
    format('%s_%s', v.family, l.suffix) AS name, format('%s_%s', v.base, l.base) AS base, l.grain, l.unit, v.columns
FROM (
    VALUES
    ('usage_by_source', 'usage_by_model', ARRAY['source'], ARRAY['1h', '1d']),
    ('usage_by_model', 'usage_by_model', ARRAY['source', 'model', 'provider', 'operation'], ARRAY['9d', '36d']),
    ('usage_by_agent', 'usage_by_agent', ARRAY['agent', 'source'], ARRAY['3d', '9d', '36d', '108d']),
    ('usage_by_conversation', 'usage_by_conversation', ARRAY['conversation', 'agent', 'item_name', 'source'],
     ARRAY['3d', '9d', '36d', '108d']),
    ('usage_by_user', 'usage_by_user', ARRAY['user_id', 'source'], ARRAY['3d', '9d', '36d', '108d'])
) AS v (family, base, columns, suffixes)
CROSS JOIN LATERAL unnest(v.suffixes) AS wanted (suffix)
INNER JOIN (
    VALUES
    ('1h', '1h', INTERVAL '1 hour', INTERVAL '24 hours'),
    ('1d', '1d', '24 hours', '24 hours'),
    ('3d', '1d', '72 hours', '72 hours'),
    ('9d', '1d', '216 hours', '216 hours'),
    ('36d', '1d', '864 hours', '864 hours'),
    ('108d', '1d', '2592 hours', '2592 hours')
) AS l (suffix, base, grain, unit) USING (suffix);

-- As in 0018, with texts before the measures that are seldom asked for: of a row only what stands before the last
-- column that is asked for has to be taken apart.
CREATE OR REPLACE FUNCTION usage_build_settled() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    rollup record;
BEGIN
    PERFORM pg_advisory_xact_lock(1970497394, 4);
    DELETE FROM usage_settled;
    DELETE FROM usage_unsettled;
    FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
        IF to_regclass(rollup.name) IS NOT NULL THEN
            EXECUTE format('DROP TABLE %I', rollup.name);
        END IF;
        EXECUTE format(
            'CREATE TABLE %I (bucket timestamptz NOT NULL, %s, %s, project text COLLATE "C" NOT NULL, %s)',
            rollup.name,
            (SELECT string_agg(format('%I %s NOT NULL', name, type), ', ' ORDER BY number)
             FROM usage_measure WHERE type = 'bigint' AND number <= 12),
            (SELECT string_agg(format('%I text COLLATE "C"', c), ', ') FROM unnest(rollup.columns) AS c),
            (SELECT string_agg(format('%I %s NOT NULL', name, type), ', ' ORDER BY type DESC, number)
             FROM usage_measure WHERE type = 'numeric' OR type = 'bigint' AND number > 12)
        );
        EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', rollup.name || '_bucket', rollup.name);
    END LOOP;
END $$;

SELECT usage_build_settled();

-- As in 0019, but the index alone says how many turns a conversation has had: where it went on for less than a day after
-- `until`, less those that began then, which are found by their records.
CREATE OR REPLACE FUNCTION usage_conversations(wanted text, until timestamptz) RETURNS TABLE (
    conversation text, first_at timestamptz, last_at timestamptz, title text, agent text, channel text, user_id text,
    turns bigint, models text []
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        k.conversation,
        k.first_at,
        CASE WHEN k.last_at < until THEN k.last_at WHEN k.first_at < until THEN coalesce(
            (
                SELECT r.started_at FROM usage_record AS r
                WHERE r.project = wanted AND usage_in_conversation(r.project, r.conversation, wanted, k.conversation)
                    AND r.started_at >= k.first_at AND r.started_at < until
                ORDER BY r.started_at DESC, r.id DESC
                LIMIT 1
            ),
            (
                SELECT max(CASE WHEN t.last_at < until THEN t.last_at ELSE t.first_at END)
                FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation) AND t.first_at < until
            )
        ) END,
        (k.title).said,
        (k.agent).said,
        (k.channel).said,
        (k.user_id).said,
        CASE WHEN k.last_at < until THEN (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
        ) WHEN k.last_at < until + INTERVAL '24 hours' AND until >= coalesce(kept.since, '-infinity') THEN (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
        ) - (
            SELECT count(*)
            FROM (
                SELECT DISTINCT usage_turn_key(r.turn, r.trace_id) AS turn
                FROM usage_record AS r
                WHERE r.project = wanted AND usage_in_conversation(r.project, r.conversation, wanted, k.conversation)
                    AND r.started_at >= until
            ) AS late
            WHERE NOT EXISTS (
                SELECT FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
                    AND t.turn = late.turn AND t.first_at < until
            )
        ) ELSE (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation) AND t.first_at < until
        ) END,
        ARRAY(
            SELECT m.model FROM usage_model AS m
            WHERE m.project = wanted AND m.key IN (
                SELECT t.model FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
            )
            ORDER BY m.model
        )
    FROM usage_conversation AS k
    CROSS JOIN (SELECT (SELECT r.kept_since FROM usage_retention AS r) AS since) AS kept
    WHERE k.project = wanted
$$;
