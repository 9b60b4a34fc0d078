// Prints what the two usage pages begin with. Run it: node pages.ts http://127.0.0.1:8000 [project]

import { ask } from "./client.ts";
import { CreditsPageDocument, UsagePageDocument } from "./generated.ts";

declare const process: { argv: string[]; env: Record<string, string | undefined> };

const [url = "http://127.0.0.1:8000", project] = process.argv.slice(2);
const server = { url, project, key: process.env["USAGE_GRAPH_API_KEY"] };
const window = { last: "P30D" };

const { usage } = await ask(server, UsagePageDocument, { window });
console.log(`calls ${usage.totals.calls}`);
console.log(`cost ${usage.totals.cost ?? "unknown"}`);

const page = await ask(server, CreditsPageDocument, { window });
console.log(`credits ${page.usage.totals.credits}`);
