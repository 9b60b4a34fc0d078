// A part of the page with a heading; it says what is wrong where it has nothing to show, and keeps its place meanwhile.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Refused } from "./ask.ts";

type Props = {
  title: string;
  class?: string;
  tools?: ComponentChildren;
  stale?: boolean;
  error?: Refused | undefined;
  children?: ComponentChildren;
};

export function Panel({ title, class: name, tools, stale = false, error, children }: Props) {
  const id = useId();
  return (
    <section class={`panel ${name ?? ""}`} aria-labelledby={id} aria-busy={stale}>
      <header>
        <h2 id={id}>{title}</h2>
        {tools}
      </header>
      {error ? <Problem error={error} /> : null}
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
  BAD_TIMEZONE: "Choose another time zone above.",
  BAD_CURSOR: "Go back to the first page.",
  BEFORE_RECORDS: "Choose a later time above: the calls of that time are no longer kept.",
  TIMEOUT: "Choose a shorter time above, or try again.",
  RATE_LIMITED: "It is asked again by itself.",
};

export function Problem({ error }: { error: Refused }) {
  return (
    <p class="problem" role="alert">
      {error.message} {ADVICE[error.code] ?? ""}
    </p>
  );
}
