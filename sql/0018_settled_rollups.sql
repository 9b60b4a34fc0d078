-- Coarser rollups of days that are over. They stand on the rollups by day (or by hour), which are exact at any moment,
-- and are made once, when hardly a call of those days comes any more: writing live calls costs nothing for them. The same
-- on both engines.
--
--   usage_by_source_1h, _1d           source
--   usage_by_model_9d, _36d           source, model, provider, operation
--   usage_by_agent_3d, ...            agent, source
--   usage_by_conversation_3d, ...     conversation, agent, item_name, source
--   usage_by_user_3d, _9d, _36d       user_id, source
--
-- They hold sums, no histograms. Of a project they hold the buckets that end by `usage_settled.until`, but for those with
-- a day in `usage_unsettled`: a call of that day came, went or changed since. Queries read such days from what they stand
-- on until upkeep has made the buckets anew.
CREATE TABLE usage_settled (
    until timestamptz NOT NULL,
    project text COLLATE "C" PRIMARY KEY
);

-- Rows are only ever added by writers, so that these never wait for each other here.
CREATE TABLE usage_unsettled (
    day timestamptz NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    project text COLLATE "C" NOT NULL
);

CREATE INDEX usage_unsettled_day ON usage_unsettled (project, day);

-- What is kept: buckets of `grain`, made anew `unit` by `unit`, from `base`. Each length is three or four times the one
-- below: so a month, or a year, is little more than a dozen buckets, wherever it begins.
CREATE VIEW usage_settled_rollup AS
SELECT
    format('%s_%s', v.family, l.suffix) AS name, format('%s_%s', v.base, l.base) AS base, l.grain, l.unit, v.columns
FROM (
    VALUES
    ('usage_by_source', 'usage_by_model', ARRAY['source'], ARRAY['1h', '1d']),
    ('usage_by_model', 'usage_by_model', ARRAY['source', 'model', 'provider', 'operation'], ARRAY['9d', '36d']),
    ('usage_by_agent', 'usage_by_agent', ARRAY['agent', 'source'], ARRAY['3d', '9d', '36d']),
    ('usage_by_conversation', 'usage_by_conversation', ARRAY['conversation', 'agent', 'item_name', 'source'],
     ARRAY['3d', '9d', '36d']),
    ('usage_by_user', 'usage_by_user', ARRAY['user_id', 'source'], ARRAY['3d', '9d', '36d'])
) AS v (family, base, columns, suffixes)
CROSS JOIN LATERAL unnest(v.suffixes) AS wanted (suffix)
INNER JOIN (
    VALUES
    ('1h', '1h', INTERVAL '1 hour', INTERVAL '24 hours'),
    ('1d', '1d', '24 hours', '24 hours'),
    ('3d', '1d', '72 hours', '72 hours'),
    ('9d', '1d', '216 hours', '216 hours'),
    ('36d', '1d', '864 hours', '864 hours')
) AS l (suffix, base, grain, unit) USING (suffix);

-- The tables, empty, with the measures that there are now.
CREATE FUNCTION usage_build_settled() RETURNS void LANGUAGE plpgsql AS $$
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
        -- Numbers of a fixed width come first: what stands before the first text is found without looking at the rest.
        EXECUTE format(
            'CREATE TABLE %I (bucket timestamptz NOT NULL, %s, project text COLLATE "C" NOT NULL, %s)',
            rollup.name,
            (SELECT string_agg(format('%I %s NOT NULL', name, type), ', ' ORDER BY type, number)
             FROM usage_measure WHERE type <> 'histogram'),
            (SELECT string_agg(format('%I text COLLATE "C"', c), ', ') FROM unnest(rollup.columns) AS c)
        );
        EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', rollup.name || '_bucket', rollup.name);
    END LOOP;
END $$;

ALTER FUNCTION usage_build_rollups() RENAME TO usage_build_base_rollups;

CREATE FUNCTION usage_build_rollups() RETURNS void LANGUAGE sql AS $$
    SELECT usage_build_base_rollups();
    SELECT usage_build_settled();
$$;

SELECT usage_build_settled();

-- Makes the buckets of a rollup in [since, until) anew, which are whole units of it.
CREATE FUNCTION usage_settle_buckets(wanted text, rollup text, since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    kept record;
    columns text;
BEGIN
    SELECT * INTO STRICT kept FROM usage_settled_rollup AS v WHERE v.name = rollup;
    columns := (SELECT string_agg('r.' || c, ', ') FROM unnest(kept.columns) AS c);
    EXECUTE format('DELETE FROM %I AS r WHERE r.project = $1 AND r.bucket >= $2 AND r.bucket < $3', rollup)
    USING wanted, since, until;
    EXECUTE format(
        'INSERT INTO %1$I (project, bucket, %2$s, %3$s)
         SELECT r.project, date_bin(%4$L, r.bucket, %5$L) AS bucket, %6$s, %7$s
         FROM %8$I($1, $2, $3) AS r
         GROUP BY r.project, 2, %6$s
         ORDER BY 2',
        rollup,
        array_to_string(kept.columns, ', '),
        (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure WHERE type <> 'histogram'),
        kept.grain,
        timestamptz '2000-01-01 00:00:00+00',
        columns,
        (SELECT string_agg(format('sum(r.%I)', name), ', ' ORDER BY number)
         FROM usage_measure WHERE type <> 'histogram'),
        kept.base
    ) USING wanted, since, until;
END $$;

-- Whether nobody writes older calls until this transaction ends.
CREATE FUNCTION usage_settling() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR attempt IN 1 .. 20 LOOP
        IF pg_try_advisory_xact_lock(1970497394, 4) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN false;
END $$;

-- Settles what is over: of every project the days that ended a day ago, and again those of which calls came, went or
-- changed since, once none has for as long as `quiet` says: while somebody loads a year of calls, that year is left
-- alone. In transactions of 36 days, each of which writers of older calls wait for.
--
-- A call that started within the last hour is no older one (usage_unsettle): a transaction would have to write it and
-- stay open for most of a day to be missed here. Nobody queues for the lock, as writers would then wait for each other in
-- a circle through whoever does: where it cannot be had, the rest is left to the next round.
CREATE PROCEDURE usage_settle(quiet interval) LANGUAGE plpgsql AS $$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    over constant timestamptz := date_bin('24 hours', clock_timestamp() - INTERVAL '24 hours', origin);
    owner text;
    start timestamptz; -- what is settled until now, and what will be after the next step
    stop timestamptz;
    stretch timestamptz; -- of 36 days
    rollup record;
    bucket timestamptz;
BEGIN
    FOR owner IN SELECT project FROM usage_projects() AS project LOOP
        start := coalesce(
            (SELECT s.until FROM usage_settled AS s WHERE s.project = owner),
            (SELECT date_bin('864 hours', min(r.bucket), origin) FROM usage_by_model_1d(owner, '-infinity', 'infinity') AS r)
        );
        WHILE start < over LOOP
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            stop := least(date_bin('864 hours', start, origin) + INTERVAL '864 hours', over);
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                PERFORM usage_settle_buckets(
                    owner, rollup.name, date_bin(rollup.unit, start, origin), date_bin(rollup.unit, stop, origin)
                );
            END LOOP;
            -- Where there are no calls there is nothing to make: on to the next ones.
            start := coalesce(
                (SELECT date_bin('864 hours', min(r.bucket), origin) FROM usage_by_model_1d(owner, stop, over) AS r), over
            );
            INSERT INTO usage_settled (project, until) VALUES (owner, start)
            ON CONFLICT (project) DO UPDATE SET until = greatest(usage_settled.until, excluded.until);
            COMMIT;
        END LOOP;

        CONTINUE WHEN EXISTS (
            SELECT FROM usage_unsettled AS u WHERE u.project = owner AND u.since > clock_timestamp() - quiet
        );
        LOOP
            stretch := (SELECT date_bin('864 hours', min(u.day), origin) FROM usage_unsettled AS u WHERE u.project = owner);
            EXIT WHEN stretch IS NULL;
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                FOR bucket IN
                    SELECT DISTINCT date_bin(rollup.unit, u.day, origin) FROM usage_unsettled AS u
                    WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours'
                        AND date_bin(rollup.unit, u.day, origin) + rollup.unit <= start
                LOOP
                    PERFORM usage_settle_buckets(owner, rollup.name, bucket, bucket + rollup.unit);
                END LOOP;
            END LOOP;
            DELETE FROM usage_unsettled AS u
            WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours';
            COMMIT;
        END LOOP;
    END LOOP;
END $$;

-- Nobody settles while an older call is being written, so what is said here of it is seen by the next who does.
CREATE FUNCTION usage_unsettle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM written AS w WHERE w.started_at < clock_timestamp() - INTERVAL '1 hour') THEN
        PERFORM pg_advisory_xact_lock_shared(1970497394, 4);
        INSERT INTO usage_unsettled (project, day)
        SELECT DISTINCT w.project, date_bin('24 hours', w.started_at, '2000-01-01 00:00:00+00')
        FROM written AS w
        INNER JOIN usage_settled AS s ON s.project = w.project AND w.started_at < s.until;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_unsettle_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION usage_unsettle();

CREATE TRIGGER usage_unsettle_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION usage_unsettle();

-- The columnstore knows no transition tables of DELETE. What retention removes stays counted.
CREATE FUNCTION usage_unsettle_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.started_at >= clock_timestamp() - INTERVAL '1 hour' THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(1970497394, 4);
    INSERT INTO usage_unsettled (project, day)
    SELECT s.project, date_bin('24 hours', old.started_at, '2000-01-01 00:00:00+00')
    FROM usage_settled AS s
    WHERE s.project = old.project AND old.started_at < s.until;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_unsettle_delete AFTER DELETE ON usage_record
FOR EACH ROW WHEN (current_setting('usage_graph.expiring', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION usage_unsettle_deleted();

-- As in 0013, but the time at which a conversation that went on after `until` was active before is that of its newest
-- record of then, which is found by itself. Only where such records are gone all of its turns are looked through: a
-- conversation may have very many.
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
                WHERE r.project = wanted AND r.conversation = k.conversation
                    AND r.started_at >= k.first_at AND r.started_at < until
                ORDER BY r.started_at DESC, r.id DESC
                LIMIT 1
            ),
            (
                SELECT max(CASE WHEN t.last_at < until THEN t.last_at ELSE t.first_at END)
                FROM usage_turn AS t
                WHERE t.project = wanted AND t.conversation = k.conversation AND t.first_at < until
            )
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
