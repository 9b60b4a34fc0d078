-- engine: postgresql
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

-- The histogram of two parts. Entries of a class are made one only each time that the array has grown over another 256:
-- to do so for every batch of records would take longer than all sums together.
CREATE FUNCTION usage_histogram_plus(kept bigint[], added bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN cardinality(kept) / 256 = (cardinality(kept) + cardinality(added)) / 256 THEN kept || added
        ELSE usage_histogram(kept || added)
    END
$$;

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

-- Gives each rollup the measures that it lacks, filled from the records, and the triggers what they are to add. What
-- is older than the records that are kept has 0 of a new measure. As in 0008, and histograms as well: uncompressed, as
-- they are written again and again, and apart from the row where they are long, as few questions need them.
CREATE OR REPLACE FUNCTION usage_build_rollups() RETURNS void LANGUAGE plpgsql AS $build$
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
            format(
                CASE type
                    WHEN 'bigint' THEN 'usage_sum(r.sign * %s)'
                    WHEN 'numeric' THEN 'sum(r.sign * %s)'
                    ELSE 'array_remove(array_agg((%s << 40) + r.sign), NULL)'
                END, amount
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    additions constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'histogram' THEN '%1$I = usage_histogram_plus(kept.%1$I, excluded.%1$I)'
                    ELSE '%1$I = kept.%1$I + excluded.%1$I'
                END, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
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
                (SELECT string_agg(
                     format(
                         CASE type
                             WHEN 'histogram' THEN
                                 'ADD COLUMN %1$I bigint[] NOT NULL DEFAULT ''{}'', '
                                 'ALTER COLUMN %1$I SET STORAGE EXTERNAL'
                             ELSE 'ADD COLUMN %1$I %2$s NOT NULL DEFAULT 0'
                         END, name, type
                     ), ', ' ORDER BY number
                 )
                 FROM usage_measure WHERE name = ANY (lacking))
            );
            EXECUTE format(
                add_to,
                (SELECT string_agg(
                     CASE
                         WHEN type = 'histogram' AND name = ANY (lacking)
                             THEN format('usage_histogram(array_agg((%s << 40) + 1))', amount)
                         WHEN type = 'histogram' THEN '''{}''::bigint[]'
                         WHEN name = ANY (lacking) THEN format('sum(%s)', amount)
                         ELSE '0'
                     END, ', ' ORDER BY number
                 ) FROM usage_measure),
                format(
                    'SELECT r.* FROM usage_record AS r WHERE r.started_at >= %L AND (%s)',
                    coalesce((SELECT kept_since FROM usage_retention), '-infinity'),
                    (SELECT string_agg(
                         format(CASE type WHEN 'histogram' THEN '%s IS NOT NULL' ELSE '%s <> 0' END, amount), ' OR '
                     )
                     FROM usage_measure WHERE name = ANY (lacking))
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
