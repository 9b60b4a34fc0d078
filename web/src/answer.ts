// What the server said last to what the page shows now.

import { effect, signal, useComputed, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { state } from "./address.ts";
import { Refused, ask } from "./ask.ts";
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

/**
 * Asks `document` with `variables` when they change, when calls came (unless `live` is false), and when the key or the
 * project is another one. Answers that were overtaken are dropped. `null` asks nothing.
 */
export function useAnswer<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: ReadonlySignal<Variables | null>,
  { live = true }: { live?: boolean | (() => boolean) } = {},
): ReadonlySignal<Answer<Result>> {
  const answer = useMemo(() => signal<Answer<Result>>({ data: undefined, error: undefined, stale: true }), []);
  // A signal of texts: equal questions are one.
  const question = useComputed(() => JSON.stringify([variables.value, state.value.project, key.value]));
  useEffect(() => {
    let current: AbortController | undefined;
    let asked = "";
    let timer: ReturnType<typeof setTimeout> | undefined;

    const run = async () => {
      clearTimeout(timer);
      current?.abort();
      const controller = (current = new AbortController());
      const now = variables.peek();
      if (now === null) {
        answer.value = { data: undefined, error: undefined, stale: false };
        return;
      }
      if (asked !== question.peek()) answer.value = { ...answer.peek(), stale: true };
      asked = question.peek();
      try {
        const data = await ask(document, now, { project: state.peek().project, signal: controller.signal });
        if (controller.signal.aborted) return;
        answer.value = { data, error: undefined, stale: false };
        refused.value = "";
      } catch (error) {
        if (controller.signal.aborted) return;
        const found = error instanceof Refused ? error : new Refused(String(error), "INTERNAL");
        answer.value = { ...answer.peek(), error: found };
        if (KEYS_MATTER.has(found.code)) refused.value = found.message;
        else if (found.retryAfter !== undefined) timer = setTimeout(run, found.retryAfter * 1000);
      }
    };
    const stopAsking = effect(() => {
      question.value;
      void run();
    });
    let first = true;
    const stopLive = effect(() => {
      changes.value;
      if (!first && (typeof live === "function" ? live() : live)) void run();
      first = false;
    });
    return () => {
      stopAsking();
      stopLive();
      clearTimeout(timer);
      current?.abort();
    };
  }, []);
  return answer;
}
