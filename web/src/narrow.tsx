// A name that leads to the page of its calls alone; a link, so that it can be opened beside this page, too.

import type { ComponentChildren } from "preact";
import { changed, show, state } from "./address.ts";
import { serialise, type Narrowed } from "./state.ts";

type Props = { by: Narrowed; value: string; text: string; children?: ComponentChildren; then?: () => void };

/** A value that leads to its own calls, where there is one. */
export const linked = (by: Narrowed, value: string | null) =>
  value === null ? null : <Narrow by={by} value={value} text={value} />;

export function Narrow({ by, value, text, children, then }: Props) {
  const change = { filter: { ...state.value.filter, [by]: value }, record: "", about: "" };
  return (
    <a
      class="name"
      href={`?${serialise(changed(state.value, change))}`}
      title={`Only ${by}: ${text}`}
      onClick={(event) => {
        if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        show(change);
        then?.();
      }}
    >
      {children ?? text}
    </a>
  );
}
