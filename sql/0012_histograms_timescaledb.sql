-- engine: timescaledb
--
-- How long calls take: a measure may be a histogram, which holds as little of a month as of a day.

ALTER TABLE usage_measure DROP CONSTRAINT usage_measure_type_check;
ALTER TABLE usage_measure ADD CONSTRAINT usage_measure_type_check CHECK (type IN ('bigint', 'numeric', 'histogram'));

-- The class of a time in microseconds: 0 up to 1 µs, else k, of those above 1.04^(k-1) and up to 1.04^k. Unknown of a
-- time that is. usage_graph.latency has the same.
CREATE FUNCTION usage_time_class(taken bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN taken <= 1 THEN 0 ELSE ceil(ln(taken::float8) / ln(1.04::float8))::bigint END
$$;

-- A histogram is an array of entries, class * 2^40 + number of calls. Of one class there may be several, which add up,
-- and numbers may be negative: so the histogram of two parts is simply both of theirs, one after the other. This makes
-- one entry of those of a class. A refresh of TimescaleDB finds no functions but those of PostgreSQL.
CREATE FUNCTION usage_histogram(entries bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg((c.class << 40) + c.calls ORDER BY c.class), '{}')
    FROM (
        SELECT e.class, sum(e.entry - (e.class << 40))::bigint AS calls
        FROM (SELECT u.entry, (u.entry + (1::bigint << 39)) >> 40 AS class FROM unnest(entries) AS u (entry)) AS e
        WHERE e.entry IS NOT NULL
        GROUP BY e.class
    ) AS c
    WHERE c.calls <> 0
$$;

-- The histogram of entries, with one of each class, or as they are; and the one of histograms.
CREATE AGGREGATE usage_histogram_of(bigint) (
    SFUNC = array_append, STYPE = bigint[], COMBINEFUNC = array_cat, FINALFUNC = usage_histogram, INITCOND = '{}',
    PARALLEL = SAFE
);
CREATE AGGREGATE usage_entries(bigint) (
    SFUNC = array_append, STYPE = bigint[], COMBINEFUNC = array_cat, INITCOND = '{}', PARALLEL = SAFE
);
CREATE AGGREGATE usage_histogram_sum(bigint[]) (
    SFUNC = array_cat, STYPE = bigint[], COMBINEFUNC = array_cat, FINALFUNC = usage_histogram, INITCOND = '{}',
    PARALLEL = SAFE
);

-- Calls that took time, as far as is known, and of these those whose output tokens are known, for tokens per second.
INSERT INTO usage_measure (number, name, amount) VALUES
(21, 'timed_calls', '(r.duration_us > 0)::int'),
(22, 'timed_output_tokens', 'CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END'),
(23, 'timed_output_us', 'CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END'),
(24, 'first_token_calls', '(r.first_token_us IS NOT NULL)::int'),
(25, 'first_token_us', 'coalesce(r.first_token_us, 0)');

-- Of a histogram the amount is the class of the call's time, null where that is unknown.
INSERT INTO usage_measure (number, name, amount, type) VALUES
(26, 'durations', 'usage_time_class(nullif(r.duration_us, 0))', 'histogram'),
(27, 'first_tokens', 'usage_time_class(r.first_token_us)', 'histogram');

-- Makes the continuous aggregates and their functions anew (see 0002), with the measures that are listed: an aggregate
-- cannot be given a column. What only the aggregates know, sums of records that are gone, is carried over, with 0 of a
-- new measure; all else is marked, so that answers come from the records until upkeep has refreshed it. As in 0008, and
-- histograms as well.
CREATE OR REPLACE FUNCTION usage_build_rollups() RETURNS void LANGUAGE plpgsql AS $build$
DECLARE
    record_sums constant text := (
        -- Sums of bigint are numeric, which is slow to add up again.
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'histogram' THEN 'usage_histogram_of((%1$s << 40) + 1) AS %3$I'
                    ELSE 'sum(%1$s)::%2$s AS %3$I'
                END, amount, type, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    rollup_sums constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'histogram' THEN 'usage_histogram_sum(r.%1$I) AS %1$I'
                    ELSE 'sum(r.%1$I)::%2$s AS %1$I'
                END, name, type
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    -- Read as they are, without the time that it takes to make one entry of those of a class.
    marked_sums constant text := replace(record_sums, 'usage_histogram_of(', 'usage_entries(');
    measures constant text := (SELECT string_agg('r.' || name, ', ' ORDER BY number) FROM usage_measure);
    since timestamptz;
    family record;
    level record;
    columns text; -- of a rollup
    keys text; -- ordinals of what rows are grouped by
    finest text; -- the family's finest grain
    finer text; -- the aggregate below, and what reads marked buckets from it and from those below it
    finer_grain text;
    from_finer text;
    past text[]; -- the measures of what is carried over
BEGIN
    -- No refresh is under way, no record is written and the time since when they are kept does not move.
    PERFORM pg_advisory_xact_lock(1970497394, 3);
    LOCK TABLE usage_record IN SHARE ROW EXCLUSIVE MODE;
    PERFORM pg_advisory_xact_lock(1970497394, 1);
    since := coalesce((SELECT kept_since FROM usage_retention), '-infinity');

    -- Every record is in a bucket that is marked or in the aggregate.
    INSERT INTO usage_mark (project, bucket)
    SELECT DISTINCT r.project, r.bucket FROM usage_by_model_15m AS r WHERE r.bucket >= since;

    -- Coarse ones first: they stand on the finer ones.
    FOR level IN
        SELECT name
        FROM unnest(ARRAY[
            'usage_by_model_1d', 'usage_by_model_1h', 'usage_by_model_15m', 'usage_by_agent_1d', 'usage_by_agent_1h',
            'usage_by_conversation_1d', 'usage_by_user_1d'
        ]) WITH ORDINALITY AS rollup (name, number)
        ORDER BY number
    LOOP
        EXECUTE format(
            'CREATE TEMPORARY TABLE %I ON COMMIT DROP AS SELECT r.* FROM %I AS r WHERE r.bucket < %L',
            level.name || '_past', level.name, since
        );
        EXECUTE format('DROP FUNCTION %I (text, timestamptz, timestamptz)', level.name);
        EXECUTE format('DROP FUNCTION %I (text, timestamptz, timestamptz)', level.name || '_marked');
        EXECUTE format('DROP MATERIALIZED VIEW %I', level.name);
    END LOOP;

    FOR family IN
        SELECT * FROM (VALUES
            ('usage_by_model',
             'r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['15m', '1h', '1d']),
            ('usage_by_agent', 'r.agent, r.source', ARRAY['agent', 'source'], ARRAY['1h', '1d']),
            ('usage_by_conversation',
             'r.conversation, r.agent,
              CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END AS item_name, r.source',
             ARRAY['conversation', 'agent', 'item_name', 'source'], ARRAY['1d']),
            ('usage_by_user', 'r.user_id, r.source', ARRAY['user_id', 'source'], ARRAY['1d'])
        ) AS f (name, of_record, dimensions, suffixes)
    LOOP
        columns := (SELECT string_agg('r.' || d, ', ') FROM unnest(family.dimensions) AS d);
        keys := (SELECT string_agg(n::text, ', ') FROM generate_series(1, cardinality(family.dimensions) + 2) AS n);
        finest := NULL;
        finer := NULL;
        from_finer := '';
        FOR level IN
            -- Rollups have few rows: with long chunks, few of them have to be planned for.
            SELECT family.name || '_' || wanted.suffix AS name, l.grain, l.chunk
            FROM unnest(family.suffixes) AS wanted (suffix)
            INNER JOIN (VALUES
                ('15m', '15 minutes', INTERVAL '30 days'), ('1h', '1 hour', '90 days'), ('1d', '1 day', '360 days')
            ) AS l (suffix, grain, chunk) USING (suffix)
            ORDER BY l.chunk
        LOOP
            finest := coalesce(finest, level.grain);
            EXECUTE format(
                'CREATE MATERIALIZED VIEW %1$I WITH (
                     timescaledb.continuous, timescaledb.materialized_only = true,
                     timescaledb.create_group_indexes = false
                 ) AS
                 SELECT time_bucket(%2$L, r.%3$I) AS bucket, r.project, %4$s, %5$s FROM %6$I AS r GROUP BY %7$s
                 WITH NO DATA',
                level.name, level.grain,
                CASE WHEN finer IS NULL THEN 'started_at' ELSE 'bucket' END,
                CASE WHEN finer IS NULL THEN family.of_record ELSE columns END,
                CASE WHEN finer IS NULL THEN record_sums ELSE rollup_sums END,
                coalesce(finer, 'usage_record'), keys
            );
            EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', level.name || '_key', level.name);
            PERFORM set_chunk_time_interval(level.name::regclass, level.chunk);

            past := ARRAY(
                SELECT a.attname FROM pg_attribute AS a
                WHERE a.attrelid = format('pg_temp.%I', level.name || '_past')::regclass AND a.attnum > 0
            );
            EXECUTE format(
                'INSERT INTO %1$s (bucket, project, %2$s, %3$s)
                 SELECT r.bucket, r.project, %2$s, %4$s FROM pg_temp.%5$I AS r',
                usage_rollup_table(level.name),
                array_to_string(family.dimensions, ', '),
                (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure),
                (SELECT string_agg(
                     CASE
                         WHEN name = ANY (past) THEN name
                         WHEN type = 'histogram' THEN '''{}''::bigint[]'
                         ELSE '0'
                     END, ', ' ORDER BY number
                 )
                 FROM usage_measure),
                level.name || '_past'
            );

            IF finer IS NOT NULL THEN
                from_finer := from_finer || format(
                    'FOR part IN SELECT * FROM usage_marked(wanted, %3$L, since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket(<grain>, r.bucket), r.project, %4$s, %5$s FROM %1$I AS r
                         WHERE r.project = wanted AND r.bucket >= part.start AND r.bucket < part.stop
                             AND r.bucket NOT IN (
                                 SELECT time_bucket(%2$L, m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP; ',
                    finer, finer_grain, level.grain, columns, measures
                );
            END IF;
            EXECUTE format(
                'CREATE FUNCTION %1$I(wanted text, since timestamptz, until timestamptz) RETURNS SETOF %2$I
                 LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 AS $body$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, %3$L, since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket(%4$L, r.started_at), r.project, %5$s, %6$s FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY %7$s;
                     END LOOP;
                     %8$s
                 END $body$',
                level.name || '_marked', level.name, finest, level.grain, family.of_record, marked_sums, keys,
                replace(from_finer, '<grain>', quote_literal(level.grain))
            );
            EXECUTE format(
                'CREATE FUNCTION %1$I(wanted text, since timestamptz, until timestamptz) RETURNS SETOF %1$I
                 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
                     SELECT r.* FROM %1$I AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket(%2$L, m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM %3$I(wanted, since, until)
                 $body$',
                level.name, level.grain, level.name || '_marked'
            );
            finer := level.name;
            finer_grain := level.grain;
        END LOOP;
    END LOOP;
END $build$;

SELECT usage_build_rollups();

-- Where records are gone, calls are taken to have had a duration, as nearly all of them do: so the average is kept.
DO $migration$
DECLARE
    rollup text;
BEGIN
    FOREACH rollup IN ARRAY ARRAY[
        'usage_by_model_15m', 'usage_by_model_1h', 'usage_by_model_1d', 'usage_by_agent_1h', 'usage_by_agent_1d',
        'usage_by_conversation_1d', 'usage_by_user_1d'
    ] LOOP
        EXECUTE format(
            'UPDATE %s SET timed_calls = calls
             WHERE duration_us > 0 AND bucket < (SELECT kept_since FROM usage_retention)',
            usage_rollup_table(rollup)
        );
    END LOOP;
END $migration$;
