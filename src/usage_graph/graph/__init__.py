"""GraphQL out: the schema, its limits, and the HTTP endpoint with GraphiQL. The only package with ``strawberry``.

app         what the composition root mounts
endpoint    GraphQL over HTTP: request -> operation -> response
graphiql    the page for a browser, from the package's own assets
schema      the executable schema, its SDL and the example operations
query       Query, Usage and Node: what can be asked
connection  lists, a page at a time (Relay cursor connections); records and conversations are such lists
cursors     cursors and global ids: opaque texts
types, enums, scalars, inputs      the vocabulary
fields      the typed field decorator
operation   what the fields of one operation share: one instant, one snapshot, each question once
execution   how an operation is executed: by its plan, or by the plain executor
plan        queries as functions, made once for each document; arguments and leaves, what goes in and comes out
limits      what is refused before it runs
cost        what an operation costs, estimated before it runs; weights, field by field; budget, who pays
mutation    what an admin can change; changes, its inputs; belongings, what there is; administration, the store's side
failures    errors as clients see them
"""
