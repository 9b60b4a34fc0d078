-- Reading with less to read: settled rollups of 108 days, for years.

CREATE OR REPLACE VIEW usage_settled_rollup AS
SELECT
    format('%s_%s', v.family, l.suffix) AS name, format('%s_%s', v.base, l.base) AS base, l.grain, l.unit, v.columns
FROM (
    VALUES
    ('usage_by_source', 'usage_by_model', ARRAY['source'], ARRAY['1h', '1d']),
    ('usage_by_model', 'usage_by_model', ARRAY['source', 'model', 'provider', 'operation'], ARRAY['9d', '36d']),
    ('usage_by_agent', 'usage_by_agent', ARRAY['agent', 'source'], ARRAY['3d', '9d', '36d', '108d']),
    ('usage_by_conversation', 'usage_by_conversation', ARRAY['conversation', 'agent', 'item_name', 'source'],
     ARRAY['3d', '9d', '36d', '108d']),
    ('usage_by_user', 'usage_by_user', ARRAY['user_id', 'source'], ARRAY['3d', '9d', '36d', '108d'])
) AS v (family, base, columns, suffixes)
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

-- As in 0018, with texts before the measures that are seldom asked for: of a row only what stands before the last
-- column that is asked for has to be taken apart.
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
            (SELECT string_agg(format('%I %s NOT NULL', name, type), ', ' ORDER BY type DESC, number)
             FROM usage_measure WHERE type = 'numeric' OR type = 'bigint' AND number > 12)
        );
        EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', rollup.name || '_bucket', rollup.name);
    END LOOP;
END $$;

SELECT usage_build_settled();
