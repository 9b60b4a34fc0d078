// Asks usage-graph one operation, and answers with its type. Works in browsers and in Node.js, and needs no package.

import type { TypedDocumentString } from "./generated.ts";

export type Server = {
  /** Such as http://127.0.0.1:8000 */
  url: string;
  /** A key of the server's, where it wants one. */
  key?: string | undefined;
  /** The project that is asked about; a key of one project knows it. */
  project?: string | undefined;
};

type Cost = { requested: number; limit: number; perMinute?: number; remaining?: number; retryAfter?: number };

type Answer<Result> = {
  data?: Result | null;
  errors?: { message: string; extensions: { code: string } }[];
  extensions?: { cost: Cost };
};

export class Refused extends Error {
  /** The `extensions.code` of the first error, such as `BAD_WINDOW`. */
  readonly code: string;
  /** Seconds after which the same may be asked again, where it was too much for now. */
  readonly retryAfter: number | undefined;

  constructor(answer: Answer<unknown>) {
    const errors = answer.errors ?? [];
    super(errors.map((error) => error.message).join("\n") || "There is no answer.");
    this.code = errors[0]?.extensions.code ?? "INTERNAL";
    this.retryAfter = answer.extensions?.cost.retryAfter;
  }
}

export async function ask<Result, Variables>(
  server: Server,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json" };
  if (server.key) headers["authorization"] = `Bearer ${server.key}`;
  if (server.project) headers["x-usage-graph-project"] = server.project;
  const body = JSON.stringify({ query: document.toString(), variables });
  const response = await fetch(`${server.url}/graphql`, { method: "POST", headers, body });
  const answer = (await response.json()) as Answer<Result>;
  if (answer.errors || !answer.data) throw new Refused(answer);
  return answer.data;
}
