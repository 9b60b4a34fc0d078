// Asks the server one operation over HTTP.

import { signal } from "@preact/signals";
import type { TypedDocumentString } from "./generated.ts";
import { encoded, headers } from "./key.ts";

type Failure = { message: string; path?: unknown; extensions?: { code?: string } };
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

/** How often somebody wanted what could not be answered to be asked again. */
export const tries = signal(0);
export const tryAgain = () => void (tries.value += 1);

/** Where the API is: beside the page, also below a prefix of a proxy. */
export const API = new URL("graphql", document.baseURI);

/** Milliseconds after which nobody waits any longer; the server itself gives up long before. */
const PATIENCE = 90_000;
/** Seconds until what is only away for a while is asked again, at first. */
const SOON = 3;
/** The same for what the server says of itself: it may be over soon, but asking is not what mends it. */
const PAUSES: Record<string, number> = { UNAVAILABLE: SOON, INTERNAL: 10, TIMEOUT: 30 };

export async function ask<Result, Variables>(
  asked: TypedDocumentString<Result, Variables>,
  variables: Variables,
  { project, signal }: { project: string; signal: AbortSignal },
): Promise<Result> {
  if (!isProject(project)) throw new Refused("No project has such a name: look at the end of the address.", "BAD_PROJECT");
  let response: Response;
  try {
    response = await fetch(API, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...encoded(headers(project)) },
      body: JSON.stringify({ query: asked.toString(), variables }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refused("The server does not answer. It is asked again until it does.", "UNREACHABLE", SOON);
  }
  const answer = (await response.json().catch(() => ({}))) as Answer<Result>;
  // Part of an answer is better than none: what is missing is null, and shown as unknown.
  if (answer.data) return answer.data;
  throw refusal(response, answer);
}

function refusal(response: Response, answer: Answer<unknown>): Refused {
  const { status } = response;
  const failure = answer.errors?.[0];
  const pause = answer.extensions?.cost?.retryAfter ?? pauseOf(response);
  if (failure) {
    const said = failure.extensions?.code ?? "INTERNAL";
    // A part that this key is not told says nothing of the others, for which it is good.
    const code = said === "FORBIDDEN" && failure.path ? "NOT_TOLD" : said;
    return new Refused(failure.message, code, PAUSES[code] ?? pause);
  }
  // Whoever stands between page and server says it without GraphQL.
  if (status === 429) return new Refused("Too much was asked in a short time.", "RATE_LIMITED", pause ?? SOON);
  if (status === 401) return new Refused("The server wants a key.", "UNAUTHENTICATED");
  if (status >= 500) return new Refused(`The server has a problem (status ${status}). It is asked again.`, "UNREACHABLE", pause ?? SOON);
  return new Refused(`Something else than the server answers here (status ${status}), maybe a proxy that wants you to sign in.`, "ELSEWHERE");
}

/** Seconds, as `Retry-After` says them. */
function pauseOf({ headers }: Response): number | undefined {
  const said = headers.get("retry-after");
  return said !== null && /^\d+$/.test(said) ? Number(said) : undefined;
}

/** As the server has it: whatever can be printed, up to 256 characters. */
const isProject = (name: string) => !/(?! )[\p{C}\p{Z}]/u.test(name) && [...name].length <= 256;
