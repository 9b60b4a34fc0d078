-- engine: timescaledb
--
-- What `usage-graph copy` has to know of a database: the same names on both engines.
--
--   usage_projects()             every project, also one that is known by its rollups alone
--   usage_rollup_table(rollup)   the table that has a rollup's rows

-- A project that no refresh has seen yet has marks.
CREATE FUNCTION usage_projects() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT project FROM usage_by_model_1d UNION SELECT project FROM usage_mark
$$;

-- A continuous aggregate is a view of the hypertable that it is materialized in; only that one can be written to.
CREATE FUNCTION usage_rollup_table(rollup text) RETURNS regclass LANGUAGE sql STABLE AS $$
    SELECT format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
    FROM timescaledb_information.continuous_aggregates AS a
    WHERE format('%I.%I', a.view_schema, a.view_name)::regclass = rollup::regclass
$$;
