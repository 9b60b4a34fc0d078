// A name that leads to the page of its calls alone; a link, so that it can be opened beside this page, too.

import { show, state } from "./address.ts";
import { serialise, type Narrowed } from "./state.ts";

export function Narrow({ by, value, text }: { by: Narrowed; value: string; text: string }) {
  const filter = { ...state.value.filter, [by]: value };
  const change = { filter, page: 1, cursor: "", talkPage: 1, talkCursor: "", only: [], record: "" };
  return (
    <a
      class="name"
      href={`?${serialise({ ...state.value, ...change })}`}
      title={`Only ${by}: ${text}`}
      onClick={(event) => {
        if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        show(change);
      }}
    >
      {text}
    </a>
  );
}

/** What the page is narrowed by, each with a way out. */
export function Narrowings() {
  const { filter } = state.value;
  const entries = Object.entries(filter) as [Narrowed, string][];
  if (!entries.length) return null;
  const without = (name: Narrowed) => Object.fromEntries(entries.filter(([other]) => other !== name));
  return (
    <ul class="narrowings" aria-label="Only calls of">
      {entries.map(([name, value]) => (
        <li key={name}>
          <button type="button" onClick={() => show({ filter: without(name) })} aria-label={`Remove ${name}: ${value || "none"}`}>
            <span class="kind">{name}</span> {value || "none"} <span aria-hidden="true">×</span>
          </button>
        </li>
      ))}
      {entries.length > 1 ? (
        <li>
          <button type="button" class="quiet" onClick={() => show({ filter: {} })}>
            Show all
          </button>
        </li>
      ) : null}
    </ul>
  );
}
