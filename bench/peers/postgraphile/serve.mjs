// PostGraphile over the schema `peers` of the database that DATABASE_URL names, on any free port of loopback. Writes
// the port to stdout once it answers. Set up for speed: nothing but queries, answers made as text by PostgreSQL,
// documents and statements prepared once; no GraphiQL, no watching, no WebSockets.
import { createServer } from "node:http";

import { PgAggregatesPreset } from "@graphile/pg-aggregates";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

const preset = {
  extends: [PostGraphileAmberPreset, PgAggregatesPreset, PostGraphileConnectionFilterPreset],
  // Columns without an index are asked for, too.
  disablePlugins: ["PgIndexBehaviorsPlugin", "PgMutationCreatePlugin", "PgMutationUpdateDeletePlugin"],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ["peers"] })],
  grafast: { explain: false },
  grafserv: { graphiql: false, watch: false, websockets: false, outputDataAsString: true },
};

const instance = postgraphile(preset);
const serving = instance.createServ(grafserv);
const server = createServer();
await serving.addTo(server);
await instance.getSchema();
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

process.once("SIGTERM", async () => {
  server.closeAllConnections();
  server.close();
  await serving.release();
  await instance.release();
});
