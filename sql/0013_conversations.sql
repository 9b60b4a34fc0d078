-- What is known of a conversation beside its sums. It is of all calls ever, also of those whose records are gone, and
-- counts of turns and models do not add up over days: so it is kept by conversation, in the writing transaction.
--
-- Whatever a call adds is the least, the greatest, or one of a set: in any order, and however often, calls that are
-- told of leave the same behind.

-- What a call says of its conversation. The newest call that says something of it is quoted: these compare by time, then
-- by record.
CREATE TYPE usage_quote AS (at timestamptz, record bigint, said text COLLATE "C");

CREATE TABLE usage_conversation (
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    project text COLLATE "C" NOT NULL,
    conversation text COLLATE "C" NOT NULL,
    title usage_quote,
    agent usage_quote,
    channel usage_quote,
    user_id usage_quote,
    PRIMARY KEY (project, conversation)
) WITH (fillfactor = 80);

-- Which models answered in which turn of a conversation, and when. A turn is what the application says it is, else a
-- trace; it is only ever counted, so a hash of it will do.
CREATE TABLE usage_turn (
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    turn uuid NOT NULL,
    project text COLLATE "C" NOT NULL,
    conversation text COLLATE "C" NOT NULL,
    model text COLLATE "C",
    UNIQUE NULLS NOT DISTINCT (project, conversation, turn, model)
) WITH (fillfactor = 80);

CREATE FUNCTION usage_turn_key(turn text, trace_id bytea) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(coalesce(turn, encode(trace_id, 'hex')))::uuid;

-- The conversations of a project as they stood at `until`; those that began later have no `last_at`. Titles and the like,
-- and models, as they are known now. A call whose record is gone is known to have been in its turn.
CREATE FUNCTION usage_conversations(wanted text, until timestamptz) RETURNS TABLE (
    conversation text, first_at timestamptz, last_at timestamptz, title text, agent text, channel text, user_id text,
    turns bigint, models text []
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
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
$$;

-- Where one of these calls is quoted, the newest one that is left is.
DO $migration$
DECLARE
    quote_another constant text :=
        'UPDATE usage_conversation AS k
         SET %1$I = (
             SELECT (r.started_at, r.id, r.%2$I)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project AND r.conversation = k.conversation AND r.%2$I IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.%1$I).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.%1$I).at = gone.started_at AND (k.%1$I).record = gone.record AND gone.started_at >= since;';
BEGIN
    EXECUTE format(
        'CREATE FUNCTION usage_quote_others(
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

-- Takes back what calls have told that tell it no longer. Other calls may have told the same: these are asked, of turns
-- only where the call has left its turn. Of the time before the records that are kept nothing is taken back.
CREATE FUNCTION usage_take_back(
    projects text [], conversations text [], starts timestamptz [], records bigint [], turns uuid [], models text [],
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
END $$;

-- What calls tell is written once, and stamped out for those that are there, are added, or have changed. Ordered by key,
-- so that concurrent batches take their row locks in one order.
DO $migration$
DECLARE
    telling constant text :=
        'SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM %s AS r WHERE r.conversation IS NOT NULL';
    hear constant text :=
        'INSERT INTO usage_turn AS kept (project, conversation, turn, model, first_at, last_at)
         SELECT r.project, r.conversation, r.turn, r.model, min(r.started_at), max(r.started_at)
         FROM (%1$s) AS r
         GROUP BY r.project, r.conversation, r.turn, r.model
         ORDER BY r.project, r.conversation, r.turn, r.model
         ON CONFLICT (project, conversation, turn, model) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at);

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), %2$s
         FROM (%1$s) AS r
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
    since timestamptz;
BEGIN
    EXECUTE format(
        'CREATE FUNCTION usage_conversation_added() RETURNS trigger LANGUAGE plpgsql AS $body$
         BEGIN
             %s
             RETURN NULL;
         END $body$',
        format(hear, format(telling, 'added'), newest)
    );
    EXECUTE format(
        'CREATE FUNCTION usage_conversation_changed() RETURNS trigger LANGUAGE plpgsql AS $body$
         BEGIN
             %1$s
             PERFORM usage_take_back(
                 array_agg(gone.project), array_agg(gone.conversation), array_agg(gone.started_at), array_agg(gone.id),
                 array_agg(gone.turn), array_agg(gone.model), array_agg(gone.left_turn)
             )
             FROM (
                 SELECT
                     r.*,
                     (now.conversation, now.turn, now.model) IS DISTINCT FROM (r.conversation, r.turn, r.model) AS left_turn
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

    CREATE TRIGGER usage_conversation_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_added();

    CREATE TRIGGER usage_conversation_update AFTER UPDATE ON usage_record
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_changed();

    -- What is known until now. No record is written meanwhile: the triggers above have locked them.
    since := coalesce((SELECT kept_since FROM usage_retention), '-infinity');
    EXECUTE format(hear, format(telling, 'usage_record') || format(' AND r.started_at >= %L', since), newest);

    -- Of calls whose records are gone the rollups know the agent, and the day.
    INSERT INTO usage_conversation AS kept (project, conversation, first_at, last_at, agent)
    SELECT
        r.project,
        r.conversation,
        min(r.bucket),
        max(r.bucket),
        (
            max(ARRAY[(r.bucket, '-9223372036854775808', r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL)
        )[1]
    FROM usage_by_conversation_1d AS r
    WHERE r.conversation IS NOT NULL AND r.bucket < since
    GROUP BY r.project, r.conversation
    ON CONFLICT (project, conversation) DO UPDATE SET
        first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
        agent = greatest(kept.agent, excluded.agent);
END $migration$;

-- The columnstore knows no transition tables of DELETE. What retention removes stays known.
CREATE FUNCTION usage_conversation_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usage_take_back(
        ARRAY[old.project], ARRAY[old.conversation], ARRAY[old.started_at], ARRAY[old.id],
        ARRAY[usage_turn_key(old.turn, old.trace_id)], ARRAY[coalesce(old.response_model, old.request_model)],
        ARRAY[true]
    );
    RETURN NULL;
END $$;

CREATE TRIGGER usage_conversation_delete AFTER DELETE ON usage_record
FOR EACH ROW WHEN (
    old.conversation IS NOT NULL AND current_setting('usage_graph.expiring', true) IS DISTINCT FROM 'on'
)
EXECUTE FUNCTION usage_conversation_removed();
