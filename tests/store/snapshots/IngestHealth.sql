SELECT project, outcome, detail, count, first_seen, last_seen FROM usage_ingest WHERE project = $1
