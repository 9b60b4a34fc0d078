SELECT since, until
FROM usage_stale()
ORDER BY since
