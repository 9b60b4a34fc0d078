-- A page of the records of a project whose cost or credits nobody reported: those after ($2, $3) that started before $4; if given,
-- of a model and of a provider. The time is said once more by itself, so that no chunk before it is looked at.
SELECT {columns}
FROM usage_record AS r
WHERE r.project = $1 AND r.started_at >= $2 AND (r.started_at, r.id) > ($2, $3) AND r.started_at < $4
    AND NOT (r.cost_reported AND r.credits_reported)
    AND ($5::text IS NULL OR r.request_model = $5 OR r.response_model = $5)
    AND ($6::text IS NULL OR r.provider = $6)
ORDER BY r.started_at, r.id
LIMIT $7
