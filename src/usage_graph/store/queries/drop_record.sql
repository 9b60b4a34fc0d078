-- A record that turned out to be of the same call as another one. By its key alone: of the columnstore, that is one batch.
DELETE FROM usage_record WHERE project = $1 AND started_at = $2 AND id = $3
