// What the server said last to what the page shows now.

import { effect, signal, untracked, useComputed, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { state } from "./address.ts";
import { Refused, ask, tries } from "./ask.ts";
import { now } from "./clock.ts";
import type { TypedDocumentString } from "./generated.ts";
import { key, refused } from "./key.ts";
import { changes } from "./live.ts";

export type Answer<Result> = {
  /** Of the last question that was answered: it stays until the next answer is there, so that nothing jumps. */
  data: Result | undefined;
  error: Refused | undefined;
  /** Whether `data` is of another question than the one that is asked now. */
  stale: boolean;
};

const KEYS_MATTER = new Set(["UNAUTHENTICATED", "FORBIDDEN"]);
/** Seconds: the longest pause before what is away is asked again. */
const LATEST = 60;
/** Milliseconds between two questions for what changes slowly. */
export const SLOWLY = 10_000;
/** Milliseconds after which a page that nobody could see looks whether somebody can. */
const HIDDEN = 1000;

type When = {
  live?: boolean | (() => boolean);
  /** Milliseconds that pass at least until calls that came ask again. */
  every?: number;
  /** Whether it is asked again as time goes by, since nothing tells when it is another one. */
  always?: boolean;
};
type Put<Result, Variables> = (variables: Variables, options: { project: string; signal: AbortSignal }) => Promise<Result>;

/**
 * Asks `document` with `variables` when they change, when calls came (unless `live` is false), and when the key or the
 * project is another one. Answers that were overtaken are dropped. `null` asks nothing.
 */
export function useAnswer<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: ReadonlySignal<Variables | null>,
  when: When = {},
): ReadonlySignal<Answer<Result>> {
  return usePut((now, options) => ask(document, now, options), variables, when);
}

/** The same for a question that is more than a document: `put` asks it, as it was when it was first handed over. */
export function usePut<Result, Variables>(
  put: Put<Result, Variables>,
  variables: ReadonlySignal<Variables | null>,
  { live = true, ...when }: When = {},
): ReadonlySignal<Answer<Result>> {
  const asking = useMemo(() => new Asking(put, variables, when), []);
  // A signal of texts: equal questions are one.
  const question = useComputed(() => JSON.stringify([variables.value, state.value.project, key.value]));
  useEffect(() => {
    const stop = [
      effect(() => {
        const asked = question.value;
        untracked(() => void asking.ask(asked));
      }),
      later(changes, () => (typeof live === "function" ? live() : live) && asking.refresh()),
      // What failed is asked again by itself where that may help.
      later(now, () => when.always && !asking.answer.peek().error && asking.refresh()),
      later(tries, () => asking.answer.peek().error && void asking.ask(question.peek())),
    ];
    return () => {
      for (const end of stop) end();
      asking.stop();
    };
  }, []);
  return asking.answer;
}

/** Runs `then` when `found` changes, not before. */
function later(found: ReadonlySignal<unknown>, then: () => unknown): () => void {
  const first = found.peek();
  return effect(() => {
    if (found.value !== first) untracked(then);
  });
}

class Asking<Result, Variables> {
  readonly answer = signal<Answer<Result>>({ data: undefined, error: undefined, stale: true });
  readonly #put: Put<Result, Variables>;
  readonly #variables: ReadonlySignal<Variables | null>;
  readonly #when: When;
  #question = "";
  #current: AbortController | undefined;
  /** Set while it is to be asked again by itself. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failed = 0;
  /** When it was asked last. */
  #asked = 0;
  /** Whether calls came while an answer was under way. */
  #due = false;

  constructor(put: Put<Result, Variables>, variables: ReadonlySignal<Variables | null>, when: When) {
    this.#put = put;
    this.#variables = variables;
    this.#when = when;
  }

  async ask(question: string): Promise<void> {
    this.stop();
    const variables = this.#variables.peek();
    if (question !== this.#question) this.#failed = 0;
    if (variables === null) {
      this.answer.value = { data: undefined, error: undefined, stale: false };
      this.#question = question;
      return;
    }
    if (question !== this.#question) this.answer.value = { ...this.answer.peek(), stale: true };
    this.#question = question;
    this.#asked = Date.now();
    const controller = (this.#current = new AbortController());
    const wasRefused = refused.peek() !== undefined;
    try {
      const data = await this.#put(variables, { project: state.peek().project, signal: controller.signal });
      if (controller.signal.aborted) return;
      this.#current = undefined;
      this.answer.value = { data, error: undefined, stale: false };
      this.#failed = 0;
      // One that was asked before the key was refused says nothing of the key.
      if (wasRefused) refused.value = undefined;
    } catch (error) {
      if (controller.signal.aborted) return;
      this.#current = undefined;
      this.#fail(error instanceof Refused ? error : new Refused(String(error), "INTERNAL"));
    }
    if (this.#due) this.refresh();
  }

  #fail(error: Refused): void {
    this.answer.value = { ...this.answer.peek(), error };
    if (KEYS_MATTER.has(error.code)) refused.value = error;
    else if (error.retryAfter !== undefined) {
      const pause = error.code === "RATE_LIMITED" ? error.retryAfter : Math.min(LATEST, error.retryAfter * 2 ** this.#failed);
      this.#failed += 1;
      this.#askIn(pause * 1000);
    }
  }

  /**
   * Calls came. An answer that is under way is waited for: where answers take longer than calls keep away there would
   * never be any. And who was told to wait waits.
   */
  refresh(): void {
    if (this.#current) this.#due = true;
    else if (this.#timer === undefined) this.#askIn(this.#asked + (this.#when.every ?? 0) - Date.now());
  }

  /** Later, and not while nobody can see the page. */
  #askIn(milliseconds: number): void {
    const ask = () => (document.hidden ? this.#askIn(HIDDEN) : void this.ask(this.#question));
    if (milliseconds > 0) this.#timer = setTimeout(ask, milliseconds);
    else ask();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#current?.abort();
    this.#current = undefined;
    this.#due = false;
  }
}
