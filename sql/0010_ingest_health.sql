-- What became of everything that was sent, by project. Servers add to it every few seconds; a row is changed in place.
CREATE TABLE usage_ingest (
    count bigint NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    project text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    detail text COLLATE "C" NOT NULL,
    PRIMARY KEY (project, outcome, detail)
) WITH (fillfactor = 50);
