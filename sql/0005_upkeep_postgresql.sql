-- engine: postgresql
--
-- What queries read, and what keeps the database in shape: the same names on both engines.
--
--   usage_by_<family>_<grain>(wanted, since, until)   a rollup's rows of one project, buckets in [since, until)
--   usage_stale()                                     ranges of whole days in UTC whose rollups wait for a refresh
--   usage_refresh(since, until)                       brings the rollups of such a range up to date
--   usage_keep_since(since)                           moves the time since when records are kept (0004)
--   usage_expire()                                    removes what is older

-- Here rollups are tables that are always exact.
DO $migration$
DECLARE
    rollup text;
BEGIN
    FOREACH rollup IN ARRAY ARRAY[
        'usage_by_model_15m', 'usage_by_model_1h', 'usage_by_model_1d', 'usage_by_agent_1h', 'usage_by_agent_1d',
        'usage_by_conversation_1d', 'usage_by_user_1d'
    ] LOOP
        EXECUTE format(
            'CREATE FUNCTION %1$I(wanted text, since timestamptz, until timestamptz) RETURNS SETOF %1$I
             LANGUAGE sql STABLE PARALLEL SAFE AS $body$
                 SELECT r.* FROM %1$I AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $body$',
            rollup
        );
    END LOOP;
END $migration$;

CREATE FUNCTION usage_stale() RETURNS TABLE (since timestamptz, until timestamptz) LANGUAGE sql STABLE AS $$
    SELECT NULL::timestamptz, NULL::timestamptz WHERE false
$$;

CREATE PROCEDURE usage_refresh(since timestamptz, until timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    NULL;
END $$;

-- Rollups keep what records lose.
DROP TRIGGER usage_roll_up_delete ON usage_record;
CREATE TRIGGER usage_roll_up_delete AFTER DELETE ON usage_record REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT WHEN (current_setting('usage_graph.expiring', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION usage_roll_up_delete();

-- Project by project, as the primary key begins with it; so many in a transaction that writers hardly wait for it.
CREATE PROCEDURE usage_expire() LANGUAGE plpgsql AS $$
DECLARE
    owner text;
BEGIN
    owner := (SELECT min(project) FROM usage_record);
    WHILE owner IS NOT NULL LOOP
        LOOP
            PERFORM set_config('usage_graph.expiring', 'on', true);
            DELETE FROM usage_record WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM usage_record AS r
                WHERE r.project = owner AND r.started_at < (SELECT kept_since FROM usage_retention)
                LIMIT 10000
            ));
            EXIT WHEN NOT found;
            COMMIT;
        END LOOP;
        owner := (SELECT min(project) FROM usage_record WHERE project > owner);
    END LOOP;
    COMMIT;
    CALL usage_expire_identities();
END $$;
