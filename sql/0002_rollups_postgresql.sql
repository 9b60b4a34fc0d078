-- engine: postgresql
--
-- Rollups: narrow tables, one per family of questions, kept exact in the writing transaction by statement-level
-- triggers with transition tables. All buckets are UTC. Each family is worth its rows: at the benchmark's cardinality
-- (README of bench/) none holds more than about a tenth of the records' rows.
--
--   usage_by_model_15m, _1h, _1d    source, model, provider, operation
--   usage_by_agent_1h, _1d          agent, source
--   usage_by_conversation_1d        conversation, agent, item_name, source
--   usage_by_user_1d                user_id, source
--
-- item_name is the record's name where it has neither conversation nor agent: what an ITEM consumer is known by then.
-- The tables and their triggers differ in grain and dimensions only, so they are written once and stamped out.
DO $migration$
DECLARE
    measures constant text[] := ARRAY[
        'calls', 'failed_calls', 'unpriced_calls', 'unmeasured_calls', 'input_tokens', 'output_tokens',
        'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'cost_nano', 'credits_nano', 'duration_us'
    ];
    -- What one record adds to each measure, in the same order.
    amounts constant text[] := ARRAY[
        '1', 'd.failed::int', '(d.cost_nano IS NULL)::int', '(d.input_tokens IS NULL AND d.output_tokens IS NULL)::int',
        'coalesce(d.input_tokens, 0)', 'coalesce(d.output_tokens, 0)', 'coalesce(d.cache_read_tokens, 0)',
        'coalesce(d.cache_write_tokens, 0)', 'coalesce(d.reasoning_tokens, 0)', 'coalesce(d.cost_nano, 0)',
        'd.credits_nano', 'd.duration_us'
    ];
    model constant text := 'coalesce(d.response_model, d.request_model)';
    item_name constant text := 'CASE WHEN d.conversation IS NULL AND d.agent IS NULL THEN d.name END';
    -- event, its transition tables, and the signed rows they amount to
    events constant text[][] := ARRAY[
        ['insert', 'NEW TABLE AS added', 'SELECT 1 AS sign, added.* FROM added'],
        ['delete', 'OLD TABLE AS removed', 'SELECT -1 AS sign, removed.* FROM removed'],
        ['update', 'OLD TABLE AS removed NEW TABLE AS added',
         'SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed']
    ];
    rollup record;
    event text[];
    bodies jsonb := '{}';
    body text;
BEGIN
    FOR rollup IN
        SELECT name, grain, columns, expressions
        FROM (VALUES
            ('usage_by_model_15m', '15 minutes',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['d.source', model, 'd.provider', 'd.operation']),
            ('usage_by_model_1h', '1 hour',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['d.source', model, 'd.provider', 'd.operation']),
            ('usage_by_model_1d', '1 day',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['d.source', model, 'd.provider', 'd.operation']),
            ('usage_by_agent_1h', '1 hour', ARRAY['agent', 'source'], ARRAY['d.agent', 'd.source']),
            ('usage_by_agent_1d', '1 day', ARRAY['agent', 'source'], ARRAY['d.agent', 'd.source']),
            ('usage_by_conversation_1d', '1 day',
             ARRAY['conversation', 'agent', 'item_name', 'source'],
             ARRAY['d.conversation', 'd.agent', item_name, 'd.source']),
            ('usage_by_user_1d', '1 day', ARRAY['user_id', 'source'], ARRAY['d.user_id', 'd.source'])
        ) AS family (name, grain, columns, expressions)
    LOOP
        -- Rows are updated in place again and again; room in the page keeps those updates out of the index (HOT).
        EXECUTE format(
            'CREATE TABLE %I (bucket timestamptz NOT NULL, %s, project text COLLATE "C" NOT NULL, %s,
             UNIQUE NULLS NOT DISTINCT (project, bucket, %s)) WITH (fillfactor = 80)',
            rollup.name,
            -- A credit may be as small as a token is: sums of 1e-9 credits can leave 64 bits.
            (SELECT string_agg(format('%I %s NOT NULL', m, CASE m WHEN 'credits_nano' THEN 'numeric' ELSE 'bigint' END), ', ')
             FROM unnest(measures) AS m),
            (SELECT string_agg(format('%I text COLLATE "C"', c), ', ') FROM unnest(rollup.columns) AS c),
            array_to_string(rollup.columns, ', ')
        );
        FOREACH event SLICE 1 IN ARRAY events LOOP
            -- Ordered by key, so that concurrent batches take their row locks in one order.
            body := format(
                'INSERT INTO %1$I AS r (project, bucket, %2$s, %3$s)
                 SELECT d.project, date_bin(%4$L, d.started_at, %5$L) AS bucket, %6$s, %7$s
                 FROM (%8$s) AS d GROUP BY d.project, 2, %9$s ORDER BY d.project, 2, %9$s
                 ON CONFLICT (project, bucket, %2$s) DO UPDATE SET %10$s;',
                rollup.name,
                array_to_string(rollup.columns, ', '),
                array_to_string(measures, ', '),
                rollup.grain,
                timestamptz '2000-01-01 00:00:00+00',
                array_to_string(rollup.expressions, ', '),
                (SELECT string_agg(format('sum(d.sign * %s)', a), ', ') FROM unnest(amounts) AS a),
                event[3],
                (SELECT string_agg((i + 2)::text, ', ') FROM generate_series(1, cardinality(rollup.columns)) AS i),
                (SELECT string_agg(format('%1$I = r.%1$I + excluded.%1$I', m), ', ') FROM unnest(measures) AS m)
            );
            IF event[1] <> 'insert' THEN
                -- A group without calls is no group.
                body := body || format(
                    ' DELETE FROM %1$I AS r USING
                      (SELECT DISTINCT project, date_bin(%2$L, started_at, %3$L) AS bucket FROM removed) AS touched
                      WHERE r.project = touched.project AND r.bucket = touched.bucket AND r.calls = 0;',
                    rollup.name, rollup.grain, timestamptz '2000-01-01 00:00:00+00'
                );
            END IF;
            bodies := jsonb_set(bodies, ARRAY[event[1]], to_jsonb(coalesce(bodies ->> event[1], '') || body));
        END LOOP;
    END LOOP;

    FOREACH event SLICE 1 IN ARRAY events LOOP
        EXECUTE format(
            'CREATE FUNCTION usage_roll_up_%1$s() RETURNS trigger LANGUAGE plpgsql AS $body$
             BEGIN
                 %2$s
                 RETURN NULL;
             END $body$',
            event[1], bodies ->> event[1]
        );
        EXECUTE format(
            'CREATE TRIGGER usage_roll_up_%1$s AFTER %1$s ON usage_record REFERENCING %2$s
             FOR EACH STATEMENT EXECUTE FUNCTION usage_roll_up_%1$s()',
            event[1], event[2]
        );
    END LOOP;
END $migration$;

-- Rollups are exact in the transaction that writes the records, so what is stored is also materialized.
CREATE FUNCTION usage_freshness(wanted text) RETURNS TABLE (data_through timestamptz, materialized_through timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT max(started_at), max(started_at) FROM usage_record WHERE project = wanted
$$;
