-- engine: timescaledb
--
-- More measures, and one list of them. Whoever adds a measure adds a row to the list and calls usage_build_rollups():
-- from then on every rollup holds it, also of the records that are there. The same on both engines.

-- What a record `r` adds to each measure of the rollups.
CREATE TABLE usage_measure (
    number smallint PRIMARY KEY,
    type text NOT NULL DEFAULT 'bigint' CHECK (type IN ('bigint', 'numeric')),
    name text COLLATE "C" NOT NULL UNIQUE,
    amount text NOT NULL
);

INSERT INTO usage_measure (number, name, amount) VALUES
(1, 'calls', '1'),
(2, 'failed_calls', 'r.failed::int'),
(3, 'unpriced_calls', '(r.cost_nano IS NULL)::int'),
(4, 'unmeasured_calls', '(r.input_tokens IS NULL AND r.output_tokens IS NULL)::int'),
(5, 'input_tokens', 'coalesce(r.input_tokens, 0)'),
(6, 'output_tokens', 'coalesce(r.output_tokens, 0)'),
(7, 'cache_read_tokens', 'coalesce(r.cache_read_tokens, 0)'),
(8, 'cache_write_tokens', 'coalesce(r.cache_write_tokens, 0)'),
(9, 'reasoning_tokens', 'coalesce(r.reasoning_tokens, 0)'),
(10, 'cost_nano', 'coalesce(r.cost_nano, 0)'),
(12, 'duration_us', 'r.duration_us'),
(13, 'suspect_calls', 'r.suspect::int'),
(14, 'cache_write_1h_tokens', 'coalesce(r.cache_write_1h_tokens, 0)'),
(15, 'input_cost_nano', 'coalesce(r.input_cost_nano, 0)'),
(16, 'cache_read_cost_nano', 'coalesce(r.cache_read_cost_nano, 0)'),
(17, 'cache_write_cost_nano', 'coalesce(r.cache_write_cost_nano, 0)'),
(18, 'output_cost_nano', 'coalesce(r.output_cost_nano, 0)'),
(19, 'unpriced_input_tokens', 'CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END'),
(20, 'unpriced_output_tokens', 'CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END');

-- A credit may be as small as a token is: sums of 1e-9 credits can leave 64 bits.
INSERT INTO usage_measure (number, name, amount, type) VALUES (11, 'credits_nano', 'r.credits_nano', 'numeric');

-- Sums of 64-bit numbers in 64 bits, refused where they do not fit. sum() would make them numeric, which costs whoever
-- sums many measures, reading or writing, a good part of the time.
CREATE AGGREGATE usage_sum(bigint) (
    SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, INITCOND = '0', PARALLEL = SAFE
);

-- Makes the continuous aggregates and their functions anew (see 0002), with the measures that are listed: an aggregate
-- cannot be given a column. What only the aggregates know, sums of records that are gone, is carried over, with 0 of a
-- new measure; all else is marked, so that answers come from the records until upkeep has refreshed it.
CREATE FUNCTION usage_build_rollups() RETURNS void LANGUAGE plpgsql AS $build$
DECLARE
    record_sums constant text := (
        -- Sums of bigint are numeric, which is slow to add up again.
        SELECT string_agg(format('sum(%s)::%s AS %I', amount, type, name), ', ' ORDER BY number) FROM usage_measure
    );
    rollup_sums constant text := (
        SELECT string_agg(format('sum(r.%1$I)::%2$s AS %1$I', name, type), ', ' ORDER BY number) FROM usage_measure
    );
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
                (SELECT string_agg(CASE WHEN name = ANY (past) THEN name ELSE '0' END, ', ' ORDER BY number)
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
                level.name || '_marked', level.name, finest, level.grain, family.of_record, record_sums, keys,
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

-- Where records are gone, the tokens of calls without a price are known where all calls of a group are such.
DO $migration$
DECLARE
    rollup text;
BEGIN
    FOREACH rollup IN ARRAY ARRAY[
        'usage_by_model_15m', 'usage_by_model_1h', 'usage_by_model_1d', 'usage_by_agent_1h', 'usage_by_agent_1d',
        'usage_by_conversation_1d', 'usage_by_user_1d'
    ] LOOP
        EXECUTE format(
            'UPDATE %s SET unpriced_input_tokens = input_tokens, unpriced_output_tokens = output_tokens
             WHERE unpriced_calls = calls AND bucket < (SELECT kept_since FROM usage_retention)',
            usage_rollup_table(rollup)
        );
    END LOOP;
END $migration$;

-- What is older than the records that are kept is known by the rollups alone: a mark would have it read from records
-- that may be gone, and refreshed to nothing. The lock keeps that time from moving meanwhile, as in 0004.
CREATE OR REPLACE FUNCTION usage_mark_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    INSERT INTO usage_mark (project, bucket)
    SELECT DISTINCT w.project, time_bucket('15 minutes', w.started_at) FROM written AS w
    WHERE w.started_at >= coalesce((SELECT kept_since FROM usage_retention), '-infinity');
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION usage_mark_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    INSERT INTO usage_mark (project, bucket)
    SELECT old.project, time_bucket('15 minutes', old.started_at)
    WHERE old.started_at >= coalesce((SELECT kept_since FROM usage_retention), '-infinity');
    RETURN NULL;
END $$;

-- A drop that waits for a long question would have all others wait behind it: it fails after two seconds, and the next
-- round of upkeep tries again.
CREATE OR REPLACE PROCEDURE usage_expire() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM drop_chunks('usage_record', older_than => kept_since) FROM usage_retention WHERE kept_since IS NOT NULL;
    COMMIT;
    CALL usage_expire_identities();
END $$;
