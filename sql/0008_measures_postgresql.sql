-- engine: postgresql
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

-- Gives each rollup the measures that it lacks, filled from the records, and the triggers what they are to add. What
-- is older than the records that are kept has 0 of a new measure.
CREATE FUNCTION usage_build_rollups() RETURNS void LANGUAGE plpgsql AS $build$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    model constant text := 'coalesce(r.response_model, r.request_model)';
    item_name constant text := 'CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END';
    -- event, and the signed rows that its transition tables amount to
    events constant text[][] := ARRAY[
        ['insert', 'SELECT 1 AS sign, added.* FROM added'],
        ['delete', 'SELECT -1 AS sign, removed.* FROM removed'],
        ['update', 'SELECT 1 AS sign, added.* FROM added UNION ALL SELECT -1 AS sign, removed.* FROM removed']
    ];
    measures constant text := (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure);
    amounts constant text := (
        SELECT string_agg(
            format('%s(r.sign * %s)', CASE type WHEN 'bigint' THEN 'usage_sum' ELSE 'sum' END, amount), ', '
            ORDER BY number
        )
        FROM usage_measure
    );
    additions constant text := (
        SELECT string_agg(format('%1$I = kept.%1$I + excluded.%1$I', name), ', ' ORDER BY number) FROM usage_measure
    );
    rollup record;
    event text[];
    lacking text[];
    add_to text; -- adds amounts (%1$s) of signed rows (%2$s) to the rollup
    body text;
    bodies jsonb := '{}';
BEGIN
    -- No record is written while this goes on.
    LOCK TABLE usage_record IN SHARE ROW EXCLUSIVE MODE;
    FOR rollup IN
        SELECT name, grain, columns, expressions
        FROM (VALUES
            ('usage_by_model_15m', '15 minutes',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['r.source', model, 'r.provider', 'r.operation']),
            ('usage_by_model_1h', '1 hour',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['r.source', model, 'r.provider', 'r.operation']),
            ('usage_by_model_1d', '1 day',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['r.source', model, 'r.provider', 'r.operation']),
            ('usage_by_agent_1h', '1 hour', ARRAY['agent', 'source'], ARRAY['r.agent', 'r.source']),
            ('usage_by_agent_1d', '1 day', ARRAY['agent', 'source'], ARRAY['r.agent', 'r.source']),
            ('usage_by_conversation_1d', '1 day',
             ARRAY['conversation', 'agent', 'item_name', 'source'],
             ARRAY['r.conversation', 'r.agent', item_name, 'r.source']),
            ('usage_by_user_1d', '1 day', ARRAY['user_id', 'source'], ARRAY['r.user_id', 'r.source'])
        ) AS family (name, grain, columns, expressions)
    LOOP
        -- Ordered by key, so that concurrent batches take their row locks in one order.
        add_to := format(
            'INSERT INTO %1$I AS kept (project, bucket, %2$s, %3$s)
             SELECT r.project, date_bin(%4$L, r.started_at, %5$L) AS bucket, %6$s, %%1$s
             FROM (%%2$s) AS r GROUP BY r.project, 2, %7$s ORDER BY r.project, 2, %7$s
             ON CONFLICT (project, bucket, %2$s) DO UPDATE SET %8$s;',
            rollup.name,
            array_to_string(rollup.columns, ', '),
            measures,
            rollup.grain,
            origin,
            array_to_string(rollup.expressions, ', '),
            (SELECT string_agg((i + 2)::text, ', ') FROM generate_series(1, cardinality(rollup.columns)) AS i),
            additions
        );

        lacking := ARRAY(
            SELECT m.name FROM usage_measure AS m
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = rollup.name::regclass AND a.attname = m.name AND NOT a.attisdropped
            )
        );
        IF cardinality(lacking) > 0 THEN
            EXECUTE format(
                'ALTER TABLE %I %s', rollup.name,
                (SELECT string_agg(format('ADD COLUMN %I %s NOT NULL DEFAULT 0', name, type), ', ' ORDER BY number)
                 FROM usage_measure WHERE name = ANY (lacking))
            );
            EXECUTE format(
                add_to,
                (SELECT string_agg(
                     CASE WHEN name = ANY (lacking) THEN format('sum(%s)', amount) ELSE '0' END, ', ' ORDER BY number
                 ) FROM usage_measure),
                format(
                    'SELECT r.* FROM usage_record AS r WHERE r.started_at >= %L AND (%s)',
                    coalesce((SELECT kept_since FROM usage_retention), '-infinity'),
                    (SELECT string_agg(format('%s <> 0', amount), ' OR ') FROM usage_measure WHERE name = ANY (lacking))
                )
            );
        END IF;

        FOREACH event SLICE 1 IN ARRAY events LOOP
            body := format(add_to, amounts, event[2]);
            IF event[1] <> 'insert' THEN
                -- A group without calls is no group.
                body := body || format(
                    ' DELETE FROM %1$I AS kept USING
                      (SELECT DISTINCT project, date_bin(%2$L, started_at, %3$L) AS bucket FROM removed) AS touched
                      WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;',
                    rollup.name, rollup.grain, origin
                );
            END IF;
            bodies := jsonb_set(bodies, ARRAY[event[1]], to_jsonb(coalesce(bodies ->> event[1], '') || body));
        END LOOP;
    END LOOP;

    FOREACH event SLICE 1 IN ARRAY events LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION usage_roll_up_%1$s() RETURNS trigger LANGUAGE plpgsql AS $body$
             BEGIN
                 %2$s
                 RETURN NULL;
             END $body$',
            event[1], bodies ->> event[1]
        );
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
            'UPDATE %I SET unpriced_input_tokens = input_tokens, unpriced_output_tokens = output_tokens
             WHERE unpriced_calls = calls AND bucket < (SELECT kept_since FROM usage_retention)',
            rollup
        );
    END LOOP;
END $migration$;
