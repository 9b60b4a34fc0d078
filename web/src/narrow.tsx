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
