// A part of the page with a heading; it says what is wrong where it has nothing to show, and keeps its place meanwhile.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { show } from "./address.ts";
import { tryAgain, type Refused } from "./ask.ts";
import { refused } from "./key.ts";

type Props = {
  title: string;
  id?: string;
  class?: string;
  tools?: ComponentChildren;
  stale?: boolean;
  error?: Refused | undefined;
  children?: ComponentChildren;
};

export function Panel({ title, id: place, class: name, tools, stale = false, error, children }: Props) {
  const id = useId();
  return (
    <section id={place} class={`panel ${name ?? ""}`} aria-labelledby={id} aria-busy={stale && !error} data-stale={stale}>
      <header>
        <h2 id={id}>{title}</h2>
        {tools}
      </header>
      {error && !refused.value ? (
        <div class="over">
          <Problem error={error} />
        </div>
      ) : null}
      {children}
    </section>
  );
}

/** What is wider than a small screen; it has the focus now and then, or nobody without a pointer sees its end. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={label}>
      {children}
    </div>
  );
}

const ADVICE: Record<string, string> = {
  BAD_WINDOW: "Choose another time above.",
  BAD_CURSOR: "The list is another one now.",
  BEFORE_RECORDS: "Choose a later time above: the calls of that time are no longer kept.",
  COST_EXCEEDED: "Choose a shorter time above, or points further apart.",
  TOO_MANY_POINTS: "Choose a shorter time above, or points further apart.",
  TIMEOUT: "Choose a shorter time above, or try again.",
  RATE_LIMITED: "It is asked again by itself.",
  UNAVAILABLE: "It is asked again by itself.",
  INTERNAL: "Tell whoever runs the server, if it stays so.",
};

const REMEDIES: Record<string, [string, Parameters<typeof show>[0]]> = {
  BAD_CURSOR: ["Go to the first page", { page: 1, cursor: "", talkPage: 1, talkCursor: "" }],
  BAD_TIMEZONE: ["Use the time zone of this browser", { timezone: "" }],
};

/** What went wrong, what to do, and a way to do it. */
export function Problem({ error }: { error: Refused }) {
  const [name, change] = REMEDIES[error.code] ?? ["Try again", undefined];
  return (
    <p class="problem" role="alert">
      <span>
        {error.message} {ADVICE[error.code] ?? ""}
      </span>
      <button type="button" onClick={() => (change ? show(change) : tryAgain())}>
        {name}
      </button>
    </p>
  );
}
