-- engine: postgresql
--
-- Rollups in one pass: what each record adds is computed once, the finest sums are made of records, and coarser ones of
-- the finer, in one statement. Before, each rollup went over the records by itself.

-- The sums of one batch from those of its parts: entries, one after the other.
CREATE AGGREGATE usage_entries(bigint[]) (SFUNC = array_cat, STYPE = bigint[]);

-- Gives each rollup the measures that it lacks, filled from the records, and the triggers what they are to add. What
-- is older than the records that are kept has 0 of a new measure. As in 0012, with one statement for all rollups.
CREATE OR REPLACE FUNCTION usage_build_rollups() RETURNS void LANGUAGE plpgsql AS $build$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    model constant text := 'coalesce(r.response_model, r.request_model)';
    item_name constant text := 'CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END';
    -- event, and the signed rows that its transition tables amount to
    events constant text[][] := ARRAY[
        ['insert', 'SELECT 1::bigint AS sign, added.* FROM added'],
        ['delete', 'SELECT -1::bigint AS sign, removed.* FROM removed'],
        ['update', 'SELECT 1::bigint AS sign, added.* FROM added '
                   'UNION ALL SELECT -1::bigint AS sign, removed.* FROM removed']
    ];
    measures constant text := (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure);
    -- What one signed row adds, and the sums of such: of rows, and of finer sums.
    amounts constant text := (
        SELECT string_agg(
            format(
                CASE type WHEN 'histogram' THEN '(%s << 40) + r.sign AS %I' ELSE 'r.sign * (%s) AS %I' END, amount, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    sums constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'bigint' THEN 'usage_sum(r.%1$I) AS %1$I'
                    WHEN 'numeric' THEN 'sum(r.%1$I) AS %1$I'
                    ELSE 'array_remove(array_agg(r.%1$I), NULL) AS %1$I'
                END, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    sums_of_sums constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'bigint' THEN 'usage_sum(r.%1$I) AS %1$I'
                    WHEN 'numeric' THEN 'sum(r.%1$I) AS %1$I'
                    ELSE 'usage_entries(r.%1$I) AS %1$I'
                END, name
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
    dimensions constant text :=
        format('r.source, %s AS model, r.provider, r.operation, r.agent, r.conversation, %s AS item_name, r.user_id',
               model, item_name);
    family record;
    rollup record;
    event text[];
    finer text; -- what a rollup's sums are made of
    columns text; -- its dimensions
    lacking text[];
    summed text := ''; -- the sums of all rollups
    kept_in text[] := '{}'; -- adds them to what is kept
    emptied text := ''; -- removes the groups that are no more
BEGIN
    -- No record is written while this goes on.
    LOCK TABLE usage_record IN SHARE ROW EXCLUSIVE MODE;
    FOR family IN
        SELECT f.*
        FROM (VALUES
            ('usage_by_model', ARRAY['source', 'model', 'provider', 'operation'], ARRAY['15m', '1h', '1d']),
            ('usage_by_agent', ARRAY['agent', 'source'], ARRAY['1h', '1d']),
            ('usage_by_conversation', ARRAY['conversation', 'agent', 'item_name', 'source'], ARRAY['1d']),
            ('usage_by_user', ARRAY['user_id', 'source'], ARRAY['1d'])
        ) AS f (name, dimensions, suffixes)
    LOOP
        columns := array_to_string(family.dimensions, ', ');
        finer := 'signed';
        FOR rollup IN
            SELECT family.name || '_' || wanted.suffix AS name, l.grain
            FROM unnest(family.suffixes) WITH ORDINALITY AS wanted (suffix, number)
            INNER JOIN (VALUES ('15m', '15 minutes'), ('1h', '1 hour'), ('1d', '1 day')) AS l (suffix, grain)
                USING (suffix)
            ORDER BY wanted.number
        LOOP
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
                    'INSERT INTO %1$I AS kept (project, bucket, %2$s, %3$s)
                     SELECT r.project, date_bin(%4$L, r.bucket, %5$L), %2$s, %6$s
                     FROM (
                         SELECT r.project, r.started_at AS bucket, %7$s, %8$s FROM usage_record AS r
                         WHERE r.started_at >= %9$L AND (%10$s)
                     ) AS r
                     GROUP BY r.project, 2, %2$s
                     ON CONFLICT (project, bucket, %2$s) DO UPDATE SET %11$s',
                    rollup.name, columns, measures, rollup.grain, origin,
                    (SELECT string_agg(
                         CASE
                             WHEN type = 'histogram' AND name = ANY (lacking)
                                 THEN format('usage_histogram(array_agg(r.%I))', name)
                             WHEN type = 'histogram' THEN '''{}''::bigint[]'
                             WHEN name = ANY (lacking) THEN format('sum(r.%I)', name)
                             ELSE '0'
                         END, ', ' ORDER BY number
                     ) FROM usage_measure),
                    dimensions, replace(amounts, 'r.sign', '1'),
                    coalesce((SELECT kept_since FROM usage_retention), '-infinity'),
                    (SELECT string_agg(
                         format(CASE type WHEN 'histogram' THEN '%s IS NOT NULL' ELSE '%s <> 0' END, amount), ' OR '
                     )
                     FROM usage_measure WHERE name = ANY (lacking)),
                    additions
                );
            END IF;
            -- Nobody asks for measures by their values: to know how these are distributed would cost autovacuum as
            -- much as all writing costs.
            EXECUTE format(
                'ALTER TABLE %I %s', rollup.name,
                (SELECT string_agg(format('ALTER COLUMN %I SET STATISTICS 0', name), ', ') FROM usage_measure)
            );

            summed := summed || format(
                ', %1$I AS MATERIALIZED (
                     SELECT r.project, date_bin(%2$L, r.bucket, %3$L) AS bucket, %4$s, %5$s FROM %6$I AS r
                     GROUP BY r.project, 2, %4$s
                 )',
                rollup.name || '_sums', rollup.grain, origin, columns,
                CASE finer WHEN 'signed' THEN sums ELSE sums_of_sums END, finer
            );
            -- Ordered by key, so that concurrent batches take their row locks in one order.
            kept_in := kept_in || format(
                'INSERT INTO %1$I AS kept (project, bucket, %2$s, %3$s)
                 SELECT r.project, r.bucket, %2$s, %3$s FROM %4$I AS r ORDER BY r.project, r.bucket, %2$s
                 ON CONFLICT (project, bucket, %2$s) DO UPDATE SET %5$s',
                rollup.name, columns, measures, rollup.name || '_sums', additions
            );
            -- A group without calls is no group.
            emptied := emptied || format(
                'DELETE FROM %1$I AS kept USING
                 (SELECT DISTINCT project, date_bin(%2$L, started_at, %3$L) AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; ',
                rollup.name, rollup.grain, origin
            );
            finer := rollup.name || '_sums';
        END LOOP;
    END LOOP;

    FOREACH event SLICE 1 IN ARRAY events LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION usage_roll_up_%1$s() RETURNS trigger LANGUAGE plpgsql AS $body$
             BEGIN
                 WITH signed AS MATERIALIZED (
                     SELECT r.project, date_bin(%2$L, r.started_at, %3$L) AS bucket, %4$s, %5$s FROM (%6$s) AS r
                 )%7$s%8$s
                 %9$s;
                 %10$s
                 RETURN NULL;
             END $body$',
            event[1], '15 minutes', origin, dimensions, amounts, event[2], summed,
            (SELECT string_agg(format(', added_%s AS (%s)', number, statement), '' ORDER BY number)
             FROM unnest(kept_in) WITH ORDINALITY AS k (statement, number) WHERE number < cardinality(kept_in)),
            kept_in[cardinality(kept_in)], CASE event[1] WHEN 'insert' THEN '' ELSE emptied END
        );
    END LOOP;
END $build$;

SELECT usage_build_rollups();

-- Nor is a record ever found by these, and samples of identities need not be large: they are all different.
DO $migration$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY[
        'trace_id', 'span_id', 'duration_us', 'first_token_us', 'input_tokens', 'output_tokens', 'cache_read_tokens',
        'cache_write_tokens', 'cache_write_1h_tokens', 'reasoning_tokens', 'input_cost_nano', 'cache_read_cost_nano',
        'cache_write_cost_nano', 'output_cost_nano', 'attributes'
    ] LOOP
        EXECUTE format('ALTER TABLE usage_record ALTER COLUMN %I SET STATISTICS 0', named);
    END LOOP;
    FOREACH named IN ARRAY ARRAY['project', 'kind', 'key', 'started_at', 'record', 'flags', 'parent'] LOOP
        EXECUTE format('ALTER TABLE usage_identity ALTER COLUMN %I SET STATISTICS 10', named);
    END LOOP;
END $migration$;
