-- What there is of every call, in less room: identities, turns, and the indexes that calls are found by. To write their
-- entries at random places of large indexes is a good part of all writing. So where texts are only compared, their
-- hashes are.

-- Identities, by 128 bits of the SHA-256 of project, kind and key, as in store/identity.py: nobody finds two of one,
-- also not on purpose. Flags and parents are of spans; no flags are NULL, which takes no room.
CREATE FUNCTION usage_identity_key(project text, kind int, key bytea) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN encode(
    substr(
        sha256(convert_to(project, 'UTF8') || '\x00'::bytea || decode(lpad(to_hex(kind), 2, '0'), 'hex') || key), 1, 16
    ),
    'hex'
)::uuid;

-- No record is written while this goes on.
LOCK TABLE usage_record IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE usage_identity IN ACCESS EXCLUSIVE MODE;

ALTER TABLE usage_identity RENAME TO usage_identity_by_name;
ALTER TABLE usage_identity_by_name RENAME CONSTRAINT usage_identity_pkey TO usage_identity_by_name_pkey;
DROP INDEX usage_identity_time, usage_identity_parent;

CREATE TABLE usage_identity (
    started_at timestamptz NOT NULL,
    record bigint NOT NULL,
    parent bigint,
    key uuid NOT NULL,
    flags smallint
);

-- In the order that they came in.
INSERT INTO usage_identity (started_at, record, parent, key, flags)
SELECT i.started_at, i.record, i.parent, usage_identity_key(i.project, i.kind, i.key), nullif(i.flags, 0)
FROM usage_identity_by_name AS i;

DROP TABLE usage_identity_by_name;

ALTER TABLE usage_identity ADD PRIMARY KEY (key);
CREATE INDEX usage_identity_time ON usage_identity USING brin (started_at) WITH (pages_per_range = 32);
CREATE INDEX usage_identity_parent ON usage_identity (parent) WHERE parent IS NOT NULL;

-- Samples of what is all different need not be large.
ALTER TABLE usage_identity
ALTER COLUMN started_at SET STATISTICS 10, ALTER COLUMN record SET STATISTICS 10, ALTER COLUMN parent SET STATISTICS 10,
ALTER COLUMN key SET STATISTICS 10, ALTER COLUMN flags SET STATISTICS 10;

-- 64 bits of a text's MD5. Two texts do not share one by chance; to make one that shares somebody else's takes 2^64
-- attempts, and confuses how many turns a conversation had.
CREATE FUNCTION usage_hash(said text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || left(md5(said), 16))::bit(64)::bigint;

CREATE FUNCTION usage_conversation_key(project text, conversation text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN usage_hash(project || E'\x1f' || conversation);

-- Turns, conversations and models by their hashes. Models are told by their project's names for them alone.
CREATE TABLE usage_model (
    key bigint NOT NULL,
    project text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    PRIMARY KEY (project, key)
);

CREATE TABLE usage_conversation_turn (
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    conversation bigint NOT NULL,
    turn bigint NOT NULL,
    model bigint
);

INSERT INTO usage_model (key, project, model)
SELECT usage_hash(told.model), told.project, told.model
FROM (SELECT DISTINCT t.project, t.model FROM usage_turn AS t WHERE t.model IS NOT NULL) AS told
ON CONFLICT DO NOTHING;

-- The first half of a UUID that is the MD5 of a turn is the turn's hash.
INSERT INTO usage_conversation_turn (first_at, last_at, conversation, turn, model)
SELECT
    min(t.first_at),
    max(t.last_at),
    usage_conversation_key(t.project, t.conversation) AS conversation,
    ('x' || left(replace(t.turn::text, '-', ''), 16))::bit(64)::bigint AS turn,
    usage_hash(t.model) AS model
FROM usage_turn AS t
GROUP BY 3, 4, 5;

ALTER TABLE usage_conversation_turn ADD CONSTRAINT usage_conversation_turn_key
UNIQUE NULLS NOT DISTINCT (conversation, turn, model);

DROP TABLE usage_turn;

-- The same by their names.
CREATE VIEW usage_turn AS
SELECT t.first_at, t.last_at, t.turn, k.project, k.conversation, m.model
FROM usage_conversation AS k
INNER JOIN usage_conversation_turn AS t ON t.conversation = usage_conversation_key(k.project, k.conversation)
LEFT JOIN usage_model AS m ON m.project = k.project AND m.key = t.model;

DROP FUNCTION usage_turn_key(text, bytea);

CREATE FUNCTION usage_turn_key(turn text, trace_id bytea) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN usage_hash(coalesce(turn, encode(trace_id, 'hex')));

-- The conditions that a record of a project is of a conversation, or of one of several. Asked beside that it is of the
-- project.
CREATE FUNCTION usage_in_conversation(project text, conversation text, wanted_project text, wanted text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN conversation COLLATE "C" = wanted;

CREATE FUNCTION usage_in_conversations(project text, conversation text, wanted_project text, wanted text [])
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN conversation COLLATE "C" = ANY(wanted);

-- As in 0018, by the hashes; and the index alone says how many turns a conversation has had: where it went on for less
-- than a day after `until`, less those that began then, which are found by their records.
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

DROP FUNCTION usage_take_back(text [], text [], timestamptz [], bigint [], uuid [], text [], boolean []);

-- Takes back what calls have told that tell it no longer. Other calls may have told the same: these are asked, of turns
-- only where the call has left its turn. Of the time before the records that are kept nothing is taken back.
CREATE FUNCTION usage_take_back(
    projects text [], conversations text [], starts timestamptz [], records bigint [], turns bigint [], models text [],
    left_turn boolean []
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
    known record;
    first timestamptz;
    last timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    since := coalesce((SELECT kept_since FROM usage_retention), '-infinity');

    FOR known IN
        SELECT DISTINCT
            gone.project, gone.conversation, gone.model, t.first_at, t.last_at, t.conversation AS key, t.turn,
            t.model AS model_key
        FROM unnest(projects, conversations, starts, turns, models, left_turn)
            AS gone (project, conversation, started_at, turn, model, left_turn)
        INNER JOIN usage_conversation_turn AS t
            ON t.conversation = usage_conversation_key(gone.project, gone.conversation) AND t.turn = gone.turn
                AND t.model IS NOT DISTINCT FROM usage_hash(gone.model)
        WHERE gone.left_turn AND gone.started_at >= since
        ORDER BY key, t.turn, model_key
    LOOP
        SELECT min(r.started_at), max(r.started_at) INTO first, last
        FROM usage_record AS r
        WHERE r.project = known.project
            AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
            AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            AND usage_turn_key(r.turn, r.trace_id) = known.turn
            AND coalesce(r.response_model, r.request_model) IS NOT DISTINCT FROM known.model;
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, first);
        END IF;
        IF first IS NULL THEN
            DELETE FROM usage_conversation_turn AS t
            WHERE t.conversation = known.key AND t.turn = known.turn AND t.model IS NOT DISTINCT FROM known.model_key;
        ELSE
            UPDATE usage_conversation_turn AS t SET first_at = first, last_at = last
            WHERE t.conversation = known.key AND t.turn = known.turn AND t.model IS NOT DISTINCT FROM known.model_key;
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
            WHERE r.project = known.project
                AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
                AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            ORDER BY r.started_at DESC, r.id DESC
            LIMIT 1
        );
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, (
                SELECT greatest(max(CASE WHEN t.last_at < since THEN t.last_at ELSE t.first_at END), known.first_at)
                FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(known.project, known.conversation) AND t.first_at < since
            ));
        ELSE
            first := (
                SELECT r.started_at FROM usage_record AS r
                WHERE r.project = known.project
                    AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
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
END $$;

-- As in 0013.
DO $migration$
DECLARE
    quote_another constant text :=
        'UPDATE usage_conversation AS k
         SET %1$I = (
             SELECT (r.started_at, r.id, r.%2$I)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.%2$I IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.%1$I).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.%1$I).at = gone.started_at AND (k.%1$I).record = gone.record AND gone.started_at >= since;';
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION usage_quote_others(
             projects text [], conversations text [], starts timestamptz [], records bigint [], since timestamptz
         ) RETURNS void LANGUAGE plpgsql AS $body$
         BEGIN
             %s
         END $body$',
        (
            SELECT string_agg(format(quote_another, said, source), ' ')
            FROM (
                VALUES ('title', 'name'), ('agent', 'agent'), ('channel', 'channel'), ('user_id', 'user_id')
            ) AS quoted (said, source)
        )
    );
END $migration$;

-- What calls tell, as in 0013, in one statement that goes over them once.
DO $migration$
DECLARE
    telling constant text :=
        'SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM %s AS r WHERE r.conversation IS NOT NULL';
    hear constant text :=
        'WITH said AS MATERIALIZED (%1$s),

         turns AS MATERIALIZED (
             SELECT
                 r.project, r.conversation, r.turn, r.model, min(r.started_at) AS first_at, max(r.started_at) AS last_at
             FROM said AS r
             GROUP BY r.project, r.conversation, r.turn, r.model
         ),

         named AS (
             INSERT INTO usage_model (project, key, model)
             SELECT r.project, usage_hash(r.model) AS key, r.model
             FROM (SELECT DISTINCT t.project, t.model FROM turns AS t WHERE t.model IS NOT NULL) AS r
             ORDER BY r.project, key
             ON CONFLICT DO NOTHING
         ),

         taken AS (
             INSERT INTO usage_conversation_turn AS kept (conversation, turn, model, first_at, last_at)
             SELECT
                 usage_conversation_key(r.project, r.conversation), r.turn, usage_hash(r.model), min(r.first_at),
                 max(r.last_at)
             FROM turns AS r
             GROUP BY 1, 2, 3
             ORDER BY 1, 2, 3
             ON CONFLICT (conversation, turn, model) DO UPDATE SET
                 first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at)
         )

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), %2$s
         FROM said AS r
         GROUP BY r.project, r.conversation
         ORDER BY r.project, r.conversation
         ON CONFLICT (project, conversation) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
             title = greatest(kept.title, excluded.title), agent = greatest(kept.agent, excluded.agent),
             channel = greatest(kept.channel, excluded.channel), user_id = greatest(kept.user_id, excluded.user_id);';
    -- There is no max() of a composite type (before PostgreSQL 18), but of arrays of one: it holds a single quote,
    -- however many calls a conversation has.
    newest constant text := (
        SELECT string_agg(
            format(
                '(max(ARRAY[(r.started_at, r.id, r.%1$I)::usage_quote]) FILTER (WHERE r.%1$I IS NOT NULL))[1]', said
            ), ', '
        )
        FROM unnest(ARRAY['title', 'agent', 'channel', 'user_id']) AS said
    );
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION usage_conversation_added() RETURNS trigger LANGUAGE plpgsql AS $body$
         BEGIN
             %s
             RETURN NULL;
         END $body$',
        format(hear, format(telling, 'added'), newest)
    );
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION usage_conversation_changed() RETURNS trigger LANGUAGE plpgsql AS $body$
         BEGIN
             %1$s
             PERFORM usage_take_back(
                 array_agg(gone.project), array_agg(gone.conversation), array_agg(gone.started_at), array_agg(gone.id),
                 array_agg(gone.turn), array_agg(gone.model), array_agg(gone.left_turn)
             )
             FROM (
                 SELECT
                     r.*,
                     (now.conversation, now.turn, now.model)
                         IS DISTINCT FROM (r.conversation, r.turn, r.model) AS left_turn
                 FROM (%2$s) AS r
                 LEFT JOIN (%3$s) AS now ON now.project = r.project AND now.started_at = r.started_at AND now.id = r.id
                 WHERE r IS DISTINCT FROM now
             ) AS gone
             HAVING count(*) > 0;
             RETURN NULL;
         END $body$',
        format(hear, format(telling, 'added') || ' EXCEPT ' || format(telling, 'removed'), newest),
        format(telling, 'removed'), format(telling, 'added')
    );
END $migration$;

-- A text's key is of its project, too: so the index of calls by it needs no projects. Lists by search are in the order
-- of time, and ties in it are few.
DROP INDEX usage_record_label;
DROP FUNCTION usage_search_key(text, text, text, text, text, text);

CREATE FUNCTION usage_search_key(
    project text, name text, agent text, conversation text, user_id text, request_model text, response_model text
) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(
    project || E'\x1f' || usage_search_text(name, agent, conversation, user_id, request_model, response_model)
)::uuid;

-- As in 0003.
CREATE OR REPLACE FUNCTION usage_label_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_label (project, key, label)
    SELECT DISTINCT
        a.project,
        usage_search_key(a.project, a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model),
        usage_search_text(a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model)
    FROM added AS a
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

UPDATE usage_label SET key = md5(project || E'\x1f' || label)::uuid;

CREATE INDEX usage_record_label ON usage_record (
    usage_search_key(project, name, agent, conversation, user_id, request_model, response_model), started_at
);
