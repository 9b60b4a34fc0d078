-- engine: timescaledb
--
-- Records are a hypertable, rollups are continuous aggregates: the same narrow families as on plain PostgreSQL, all
-- buckets UTC, the coarser ones standing on the finer ones.
--
--   usage_by_model_15m, _1h, _1d    source, model, provider, operation
--   usage_by_agent_1h, _1d          agent, source
--   usage_by_conversation_1d        conversation, agent, item_name, source
--   usage_by_user_1d                user_id, source
--
-- A continuous aggregate knows only what was there at its last refresh. So every write marks the quarters of an hour
-- that it touches, and until a refresh has seen to a mark, its buckets are read from below. Queries read functions
-- that put both together, of the same names as the aggregates: no answer waits for a refresh.

-- Chunks of a day, in UTC: retention then drops whole chunks at the day it keeps records from, a window's edge reads
-- one of them, and at millions of calls a day the indexes of the chunks that are being written fit into memory.
SELECT create_hypertable('usage_record', by_range('started_at', INTERVAL '1 day'), create_default_indexes => false);

-- Columnar after a week, when hardly a late span comes any more. Every question names its project and a range of
-- time: batches hold one project (segmentby) and a short stretch of its time (orderby), in the order of the primary
-- key, by which a late record's neighbours and one record by its id are found, too.
ALTER TABLE usage_record SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'project', timescaledb.orderby = 'started_at DESC, id DESC'
);
CALL add_columnstore_policy('usage_record', after => INTERVAL '7 days');

-- One row per transaction, project and quarter of an hour that it wrote to: rows are only ever added, so writers never
-- wait for each other here. `taken`: a refresh has begun that will have seen what the mark stands for.
CREATE TABLE usage_mark (
    bucket timestamptz NOT NULL,
    project text COLLATE "C" NOT NULL,
    taken boolean NOT NULL DEFAULT false
);

CREATE INDEX usage_mark_bucket ON usage_mark (project, bucket);

CREATE FUNCTION usage_mark_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_mark (project, bucket)
    SELECT DISTINCT w.project, time_bucket('15 minutes', w.started_at) FROM written AS w;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_mark_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION usage_mark_written();

CREATE TRIGGER usage_mark_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION usage_mark_written();

-- The columnstore knows no transition tables of DELETE. Nothing deletes records but drop_chunks, which fires no trigger.
CREATE FUNCTION usage_mark_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_mark (project, bucket) VALUES (old.project, time_bucket('15 minutes', old.started_at));
    RETURN NULL;
END $$;

CREATE TRIGGER usage_mark_delete AFTER DELETE ON usage_record
FOR EACH ROW EXECUTE FUNCTION usage_mark_deleted();

-- The runs of buckets of `grain` that are marked in [since, until): those of a project, or with null those of all.
CREATE FUNCTION usage_marked(wanted text, grain interval, since timestamptz, until timestamptz)
RETURNS TABLE (start timestamptz, stop timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT min(run.bucket), max(run.bucket) + grain
    FROM (
        SELECT marked.bucket, marked.bucket - grain * row_number() OVER (ORDER BY marked.bucket) AS number
        FROM (
            SELECT DISTINCT time_bucket(grain, m.bucket) AS bucket
            FROM usage_mark AS m
            WHERE (wanted IS NULL OR m.project = wanted) AND m.bucket >= since AND m.bucket < until
        ) AS marked
    ) AS run
    GROUP BY run.number
    ORDER BY 1
$$;

-- The aggregates differ in grain, dimensions and what they stand on only, so they are written once and stamped out,
-- each with two functions of the rows of one project, buckets in [since, until):
--
--   <rollup>_marked(wanted, since, until)  those that are marked, from below: from the finer aggregates where these are
--                                          not marked themselves, else from the records
--   <rollup>(wanted, since, until)         all
--
-- The first is not inlined, so that it plans for the marked ranges alone: mostly one, the current quarter of an hour.
DO $migration$
DECLARE
    -- Sums of bigint are numeric, which is slow to add up again; credits need it: one may be as small as a token.
    record_sums constant text :=
        'count(*) AS calls, count(*) FILTER (WHERE s.failed) AS failed_calls,
         count(*) FILTER (WHERE s.cost_nano IS NULL) AS unpriced_calls,
         count(*) FILTER (WHERE s.input_tokens IS NULL AND s.output_tokens IS NULL) AS unmeasured_calls,
         sum(coalesce(s.input_tokens, 0))::bigint AS input_tokens,
         sum(coalesce(s.output_tokens, 0))::bigint AS output_tokens,
         sum(coalesce(s.cache_read_tokens, 0))::bigint AS cache_read_tokens,
         sum(coalesce(s.cache_write_tokens, 0))::bigint AS cache_write_tokens,
         sum(coalesce(s.reasoning_tokens, 0))::bigint AS reasoning_tokens,
         sum(coalesce(s.cost_nano, 0))::bigint AS cost_nano,
         sum(s.credits_nano) AS credits_nano,
         sum(s.duration_us)::bigint AS duration_us';
    measures constant text :=
        's.calls, s.failed_calls, s.unpriced_calls, s.unmeasured_calls, s.input_tokens, s.output_tokens,
         s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_nano, s.credits_nano, s.duration_us';
    rollup_sums constant text := replace(
        regexp_replace(measures, 's\.(\w+)', 'sum(s.\1)::bigint AS \1', 'g'),
        'sum(s.credits_nano)::bigint', 'sum(s.credits_nano)'
    );
    family record;
    level record;
    columns text; -- of a rollup
    keys text; -- ordinals of what rows are grouped by
    finest text; -- the family's finest grain
    finer text; -- the aggregate below, and what reads marked buckets from it and from those below it
    finer_grain text;
    from_finer text;
BEGIN
    FOR family IN
        SELECT * FROM (VALUES
            ('usage_by_model', 's.source, coalesce(s.response_model, s.request_model) AS model, s.provider, s.operation',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['15m', '1h', '1d']),
            ('usage_by_agent', 's.agent, s.source', ARRAY['agent', 'source'], ARRAY['1h', '1d']),
            ('usage_by_conversation',
             's.conversation, s.agent,
              CASE WHEN s.conversation IS NULL AND s.agent IS NULL THEN s.name END AS item_name, s.source',
             ARRAY['conversation', 'agent', 'item_name', 'source'], ARRAY['1d']),
            ('usage_by_user', 's.user_id, s.source', ARRAY['user_id', 'source'], ARRAY['1d'])
        ) AS f (name, of_record, dimensions, suffixes)
    LOOP
        columns := (SELECT string_agg('s.' || d, ', ') FROM unnest(family.dimensions) AS d);
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
                     timescaledb.continuous, timescaledb.materialized_only = true, timescaledb.create_group_indexes = false
                 ) AS
                 SELECT time_bucket(%2$L, s.%3$I) AS bucket, s.project, %4$s, %5$s FROM %6$I AS s GROUP BY %7$s
                 WITH NO DATA',
                level.name, level.grain,
                CASE WHEN finer IS NULL THEN 'started_at' ELSE 'bucket' END,
                CASE WHEN finer IS NULL THEN family.of_record ELSE columns END,
                CASE WHEN finer IS NULL THEN record_sums ELSE rollup_sums END,
                coalesce(finer, 'usage_record'), keys
            );
            EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', level.name || '_key', level.name);
            PERFORM set_chunk_time_interval(level.name::regclass, level.chunk);

            IF finer IS NOT NULL THEN
                from_finer := from_finer || format(
                    'FOR part IN SELECT * FROM usage_marked(wanted, %3$L, since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket(<grain>, s.bucket), s.project, %4$s, %5$s FROM %1$I AS s
                         WHERE s.project = wanted AND s.bucket >= part.start AND s.bucket < part.stop
                             AND s.bucket NOT IN (
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
                         SELECT time_bucket(%4$L, s.started_at), s.project, %5$s, %6$s FROM usage_record AS s
                         WHERE s.project = wanted AND s.started_at >= part.start AND s.started_at < part.stop
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
                     SELECT s.* FROM %1$I AS s
                     WHERE s.project = wanted AND s.bucket >= since AND s.bucket < until
                         AND s.bucket NOT IN (
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
END $migration$;
