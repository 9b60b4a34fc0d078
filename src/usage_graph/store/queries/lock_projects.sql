-- Until the end of the transaction nobody else adds to these projects: what is known of their calls stays as it is
-- between looking and storing, also for spans that are each other's parents and arrive at the same time.
SELECT pg_advisory_xact_lock(1970497395, locked.project)
FROM (SELECT DISTINCT hashtext(given.project) AS project FROM unnest($1::text[]) AS given (project) ORDER BY 1) AS locked
