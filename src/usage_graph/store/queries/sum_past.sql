-- What a rollup adds up to before $1, by project.
SELECT c.project, count(*) AS buckets, {sums}
FROM {rollup} AS c
WHERE c.bucket < $1
GROUP BY c.project
