SELECT project
FROM usage_projects() AS project
ORDER BY project COLLATE "C"
