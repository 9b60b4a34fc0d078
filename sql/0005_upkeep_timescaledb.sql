-- engine: timescaledb
--
-- What keeps the database in shape: the same names on both engines.
--
--   usage_freshness(wanted)       through when there are records, and through when they are rolled up
--   usage_stale()                 ranges of whole days in UTC whose rollups wait for a refresh
--   usage_refresh(since, until)   brings the rollups of such a range up to date
--   usage_keep_since(since)       moves the time since when records are kept (0004)
--   usage_expire()                removes what is older

-- In steps, so that the search for the newest record knows in which chunks it can be: every record is in a bucket that
-- is marked or in the aggregate.
CREATE FUNCTION usage_freshness(wanted text) RETURNS TABLE (data_through timestamptz, materialized_through timestamptz)
LANGUAGE plpgsql STABLE AS $$
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
END $$;

CREATE FUNCTION usage_stale() RETURNS TABLE (since timestamptz, until timestamptz) LANGUAGE sql STABLE AS $$
    -- Not too long each: what is refreshed at once is one transaction.
    SELECT piece.start, least(piece.start + INTERVAL '240 hours', marked.stop)
    FROM usage_marked(NULL, '1 day', '-infinity', 'infinity') AS marked
    CROSS JOIN LATERAL generate_series(
        marked.start, marked.stop - INTERVAL '1 microsecond', INTERVAL '240 hours'
    ) AS piece (start)
$$;

-- The marks that are there now are set apart; what is written from now on is marked anew. Once the aggregates have been
-- refreshed, finest first, they hold everything that the marks set apart stood for. Forced, since the marks know better
-- than TimescaleDB's own log what has changed: that keeps one range per transaction, however far apart its rows are.
-- One session does it at a time, as another one's refresh may have been too early for a mark; where it fails, the session
-- keeps the lock until it ends. Not to be run in a transaction block.
CREATE PROCEDURE usage_refresh(since timestamptz, until timestamptz) LANGUAGE plpgsql AS $$
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
END $$;

-- No aggregate is refreshed before the time since when records are kept: they keep what the chunks lose.
CREATE PROCEDURE usage_expire() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM drop_chunks('usage_record', older_than => kept_since) FROM usage_retention WHERE kept_since IS NOT NULL;
    COMMIT;
    CALL usage_expire_identities();
END $$;
