-- Since when records are kept, for the whole database; NULL: since ever. It only ever moves forward, by whole days in
-- UTC, so that it cuts no bucket of a rollup. What is older is known by the rollups alone.
CREATE TABLE usage_retention (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    kept_since timestamptz CHECK (date_bin('1 day', kept_since, '2000-01-01 00:00:00+00') = kept_since)
);

INSERT INTO usage_retention DEFAULT VALUES;

-- Looked up by time when they are forgotten. Identities come about in the order of time: blocks have a range of it.
CREATE INDEX usage_identity_time ON usage_identity USING brin (started_at) WITH (pages_per_range = 32);

-- A call from before that time would be counted in the rollups (again, perhaps: its identity is forgotten), and in no
-- list. Writers share a lock that moving the time takes alone, so no transaction straddles the move.
CREATE FUNCTION usage_record_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    SELECT kept_since INTO since FROM usage_retention;
    IF EXISTS (SELECT FROM added WHERE started_at < since) THEN
        RAISE EXCEPTION 'a record is older than those that are kept' USING ERRCODE = 'datetime_field_overflow';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_record_kept AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION usage_record_kept();

-- Moves the time since when records are kept to `since`, a day in UTC; returns the one in force. It never moves back,
-- and not past a rollup that still waits for a refresh: without its records, a refresh would empty it.
CREATE FUNCTION usage_keep_since(since timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1970497394, 1);
    UPDATE usage_retention SET kept_since = since
    WHERE (kept_since IS NULL OR kept_since < since) AND NOT EXISTS (SELECT FROM usage_stale() AS s WHERE s.since < $1);
    RETURN (SELECT kept_since FROM usage_retention);
END $$;

-- Removes the identities of what is older, so many in a transaction that writers hardly wait for it.
CREATE PROCEDURE usage_expire_identities() LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        DELETE FROM usage_identity WHERE ctid = ANY (ARRAY(
            SELECT i.ctid FROM usage_identity AS i
            WHERE i.started_at < (SELECT kept_since FROM usage_retention)
            LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
END $$;
