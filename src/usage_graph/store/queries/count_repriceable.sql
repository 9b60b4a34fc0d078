SELECT count(*)
FROM usage_record AS r
WHERE r.project = ANY($1::text[]) AND r.started_at >= $2 AND r.started_at < $3
    AND NOT (r.cost_reported AND r.credits_reported)
    AND ($4::text IS NULL OR r.request_model = $4 OR r.response_model = $4)
    AND ($5::text IS NULL OR r.provider = $5)
