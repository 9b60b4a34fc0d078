-- engine: postgresql
--
-- What `usage-graph copy` has to know of a database: the same names on both engines.
--
--   usage_projects()             every project, also one that is known by its rollups alone
--   usage_rollup_table(rollup)   the table that has a rollup's rows

CREATE FUNCTION usage_projects() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT DISTINCT project FROM usage_by_model_1d
$$;

CREATE FUNCTION usage_rollup_table(rollup text) RETURNS regclass LANGUAGE sql STABLE AS $$
    SELECT rollup::regclass
$$;
