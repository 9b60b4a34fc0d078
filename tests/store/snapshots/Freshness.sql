-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

-- Records from before the time since when they are kept are gone, even where they have not been removed yet.
SELECT freshness.data_through, freshness.materialized_through
FROM usage_retention AS retention
LEFT JOIN usage_freshness($1) AS freshness
    ON freshness.data_through >= coalesce(retention.kept_since, '-infinity')
