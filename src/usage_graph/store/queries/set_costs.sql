-- Gives records of a project other costs and credits. The times are said once more by themselves: the planner then looks at their
-- chunks alone, and at those rows of the columnstore that are between the first and the last.
UPDATE usage_record AS r
SET cost_nano = n.cost_nano, input_cost_nano = n.input_cost_nano, cache_read_cost_nano = n.cache_read_cost_nano,
    cache_write_cost_nano = n.cache_write_cost_nano, output_cost_nano = n.output_cost_nano,
    credits_nano = n.credits_nano
FROM unnest(
    $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]
) AS n (
    started_at, id, cost_nano, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano,
    credits_nano
)
WHERE r.project = $1 AND r.started_at = n.started_at AND r.id = n.id
    AND r.started_at = ANY($2) AND r.started_at >= $10 AND r.started_at <= $11
