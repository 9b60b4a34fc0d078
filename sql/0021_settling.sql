-- As in 0018, but one project whose sums leave their range keeps no other from being settled, and neither does a call
-- get lost that somebody writes in a transaction which stays open for most of a day.

-- The end of the days that are over `at` a time: those that ended six hours before it, and of which nobody can still be
-- writing calls without saying so (usage_unsettle): such calls began an hour before their transaction, or later.
CREATE FUNCTION usage_over(at timestamptz) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT date_bin(
        '24 hours',
        least(at - INTERVAL '6 hours', (
            SELECT min(a.xact_start) - INTERVAL '1 hour' FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
        )),
        '2000-01-01 00:00:00+00'
    )
$$;

-- Makes buckets anew, as usage_settle_buckets; false, and a warning, where a sum of theirs leaves its range: they stay as
-- they were.
CREATE FUNCTION usage_try_settle_buckets(wanted text, rollup text, since timestamptz, until timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usage_settle_buckets(wanted, rollup, since, until);
    RETURN true;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RAISE WARNING 'sums of % since % leave their range', rollup, since;
    RETURN false;
END $$;

-- The first day since when there are calls, as a bucket of 36 days begins, or `until` where there are none; null, and a
-- warning, where a sum leaves its range: on TimescaleDB, days that are not refreshed are summed to be listed.
CREATE FUNCTION usage_first_stretch(wanted text, since timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(
        (SELECT date_bin('864 hours', min(r.bucket), '2000-01-01 00:00:00+00')
         FROM usage_by_model_1d(wanted, since, until) AS r),
        until
    );
EXCEPTION WHEN numeric_value_out_of_range THEN
    RAISE WARNING 'sums since % leave their range', since;
    RETURN NULL;
END $$;

-- What cannot be settled of a project is read from the rollups that it stands on, and tried again in the next round.
CREATE OR REPLACE PROCEDURE usage_settle(quiet interval) LANGUAGE plpgsql AS $$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    over constant timestamptz := usage_over(clock_timestamp());
    owner text;
    start timestamptz; -- what is settled until now, and what will be after the next step
    stop timestamptz;
    stretch timestamptz; -- of 36 days
    rollup record;
    bucket timestamptz;
    fits boolean;
BEGIN
    FOR owner IN SELECT project FROM usage_projects() AS project LOOP
        fits := true;
        start := coalesce(
            (SELECT s.until FROM usage_settled AS s WHERE s.project = owner),
            usage_first_stretch(owner, '-infinity', over)
        );
        CONTINUE WHEN start IS NULL;
        WHILE start < over LOOP
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            stop := least(date_bin('864 hours', start, origin) + INTERVAL '864 hours', over);
            -- Where there are no calls there is nothing to make: on to the next ones. Long buckets may end on the way.
            stop := usage_first_stretch(owner, stop, over);
            fits := stop IS NOT NULL;
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                fits := fits AND usage_try_settle_buckets(
                    owner, rollup.name, date_bin(rollup.unit, start, origin), date_bin(rollup.unit, stop, origin)
                );
            END LOOP;
            IF NOT fits THEN
                ROLLBACK;
                EXIT;
            END IF;
            start := stop;
            INSERT INTO usage_settled (project, until) VALUES (owner, start)
            ON CONFLICT (project) DO UPDATE SET until = greatest(usage_settled.until, excluded.until);
            COMMIT;
        END LOOP;

        CONTINUE WHEN EXISTS (
            SELECT FROM usage_unsettled AS u WHERE u.project = owner AND u.since > clock_timestamp() - quiet
        );
        LOOP
            stretch := (
                SELECT date_bin('864 hours', min(u.day), origin) FROM usage_unsettled AS u
                WHERE u.project = owner AND (stretch IS NULL OR u.day >= stretch + INTERVAL '864 hours')
            );
            EXIT WHEN stretch IS NULL;
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            fits := true;
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                FOR bucket IN
                    SELECT DISTINCT date_bin(rollup.unit, u.day, origin) FROM usage_unsettled AS u
                    WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours'
                        AND date_bin(rollup.unit, u.day, origin) + rollup.unit <= start
                LOOP
                    fits := fits AND usage_try_settle_buckets(owner, rollup.name, bucket, bucket + rollup.unit);
                END LOOP;
            END LOOP;
            IF fits THEN
                DELETE FROM usage_unsettled AS u
                WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours';
                COMMIT;
            ELSE
                ROLLBACK;
            END IF;
        END LOOP;
    END LOOP;
END $$;
