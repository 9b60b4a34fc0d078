// Asks the server one operation over HTTP.

import type { TypedDocumentString } from "./generated.ts";
import { headers } from "./key.ts";

type Failure = { message: string; extensions?: { code?: string } };
type Answer<Result> = { data?: Result | null; errors?: Failure[]; extensions?: { cost?: { retryAfter?: number } } };

/** Something went wrong; the message says what, and what to do. */
export class Refused extends Error {
  readonly code: string;
  /** Seconds after which to ask again by itself; `undefined`: not at all. */
  readonly retryAfter: number | undefined;

  constructor(message: string, code: string, retryAfter?: number) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Where the API is: beside the page, also below a prefix of a proxy. */
export const API = new URL("graphql", document.baseURI);

export async function ask<Result, Variables>(
  asked: TypedDocumentString<Result, Variables>,
  variables: Variables,
  { project, signal }: { project: string; signal: AbortSignal },
): Promise<Result> {
  let response: Response;
  try {
    response = await fetch(API, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...headers(project) },
      body: JSON.stringify({ query: asked.toString(), variables }),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refused("The server does not answer. It is asked again until it does.", "UNREACHABLE", 3);
  }
  const answer = (await response.json().catch(() => ({}))) as Answer<Result>;
  const failure = answer.errors?.[0];
  // Part of an answer is better than none: what is missing is null, and shown as unknown.
  if (answer.data) return answer.data;
  if (failure) throw new Refused(failure.message, failure.extensions?.code ?? "INTERNAL", answer.extensions?.cost?.retryAfter);
  throw new Refused(`The server answers with status ${response.status}. It is asked again.`, "UNREACHABLE", 5);
}
