// The dialog that tells all of one thing.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Refused } from "./ask.ts";
import { refused } from "./key.ts";
import { Problem } from "./panel.tsx";

type Props = {
  label: string;
  open: boolean;
  close: () => void;
  /** Nothing is known yet of what is to be shown. */
  waiting: boolean;
  error: Refused | undefined;
  children: ComponentChildren;
};

export function Detail({ label, open, close, waiting, error, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Where a key is asked for it makes way, before that takes the focus, and comes back.
  const shown = open && !refused.value;
  useLayoutEffect(() => {
    const found = dialog.current!;
    if (shown && !found.open) found.showModal();
    if (!shown && found.open) found.close();
  }, [shown]);
  // What is around the dialog is no part of its content.
  const beside = (event: MouseEvent) => event.target === dialog.current && close();
  return (
    <dialog ref={dialog} class="detail" aria-label={label} aria-busy={waiting} onClose={() => refused.peek() || close()} onClick={beside}>
      <div class="inside">
        <form method="dialog">
          <button class="close" aria-label="Close" onClick={(event) => (event.preventDefault(), close())}>
            ×
          </button>
        </form>
        {error ? <Problem error={error} /> : null}
        {waiting && !error ? <p class="none-here">Loading…</p> : null}
        {children}
      </div>
    </dialog>
  );
}

export function Facts({ title, facts }: { title: string; facts: Record<string, ComponentChildren> }) {
  const known = Object.entries(facts).filter(([, value]) => value !== null);
  if (!known.length) return null;
  return (
    <>
      <h3>{title}</h3>
      <dl>
        {known.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
