-- Histograms in the rollups of days that are over, where these have fewer entries than calls: a month holds a hundred
-- times as many entries in its days as there are classes of times. By user and by conversation there would be hardly
-- fewer. And more rollups, as most questions are of all calls or of each model: by source of more lengths, and by model
-- without provider, operation and source. As in 0020 and 0018 otherwise.
--
--   usage_by_model_alone_1d, ...      model
CREATE OR REPLACE VIEW usage_settled_rollup AS
SELECT
    format('%s_%s', v.family, l.suffix) AS name, format('%s_%s', v.base, l.base) AS base, l.grain, l.unit, v.columns,
    v.histograms
FROM (
    VALUES
    ('usage_by_source', 'usage_by_model', ARRAY['source'], ARRAY['1h', '1d', '9d', '36d', '108d'], true),
    ('usage_by_model', 'usage_by_model', ARRAY['source', 'model', 'provider', 'operation'],
     ARRAY['3d', '9d', '36d', '108d'], true),
    ('usage_by_model_alone', 'usage_by_model', ARRAY['model'], ARRAY['1d', '3d', '9d', '36d', '108d'], true),
    ('usage_by_agent', 'usage_by_agent', ARRAY['agent', 'source'], ARRAY['3d', '9d', '36d', '108d'], true),
    ('usage_by_conversation', 'usage_by_conversation', ARRAY['conversation', 'agent', 'item_name', 'source'],
     ARRAY['3d', '9d', '36d', '108d'], false),
    ('usage_by_user', 'usage_by_user', ARRAY['user_id', 'source'], ARRAY['3d', '9d', '36d', '108d'], false)
) AS v (family, base, columns, suffixes, histograms)
CROSS JOIN LATERAL unnest(v.suffixes) AS wanted (suffix)
INNER JOIN (
    VALUES
    ('1h', '1h', INTERVAL '1 hour', INTERVAL '24 hours'),
    ('1d', '1d', '24 hours', '24 hours'),
    ('3d', '1d', '72 hours', '72 hours'),
    ('9d', '1d', '216 hours', '216 hours'),
    ('36d', '1d', '864 hours', '864 hours'),
    ('108d', '1d', '2592 hours', '2592 hours')
) AS l (suffix, base, grain, unit) USING (suffix);

-- Histograms stand last, as few questions need them, and compressed where they are long, as they are written once.
CREATE OR REPLACE FUNCTION usage_build_settled() RETURNS void LANGUAGE plpgsql AS $$
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
        EXECUTE format(
            'CREATE TABLE %I (bucket timestamptz NOT NULL, %s, %s, project text COLLATE "C" NOT NULL, %s)',
            rollup.name,
            (SELECT string_agg(format('%I %s NOT NULL', name, type), ', ' ORDER BY number)
             FROM usage_measure WHERE type = 'bigint' AND number <= 12),
            (SELECT string_agg(format('%I text COLLATE "C"', c), ', ') FROM unnest(rollup.columns) AS c),
            (SELECT string_agg(
                format('%I %s NOT NULL', name, CASE type WHEN 'histogram' THEN 'bigint[]' ELSE type END),
                ', ' ORDER BY type = 'histogram', type DESC, number
             )
             FROM usage_measure
             WHERE type = 'numeric' OR type = 'bigint' AND number > 12 OR type = 'histogram' AND rollup.histograms)
        );
        EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', rollup.name || '_bucket', rollup.name);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION usage_settle_buckets(wanted text, rollup text, since timestamptz, until timestamptz) RETURNS void
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
        (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure WHERE type <> 'histogram' OR kept.histograms),
        kept.grain,
        timestamptz '2000-01-01 00:00:00+00',
        columns,
        (SELECT string_agg(
            format(CASE type WHEN 'histogram' THEN 'usage_histogram_sum(r.%I)' ELSE 'sum(r.%I)' END, name),
            ', ' ORDER BY number
         )
         FROM usage_measure WHERE type <> 'histogram' OR kept.histograms),
        kept.base
    ) USING wanted, since, until;
END $$;

SELECT usage_build_settled();
