// The address of the page, and what was chosen last: the one place where state is read and changed.

import { computed, effect, signal } from "@preact/signals";
import { INITIAL, REMEMBERED, parse, serialise, type State } from "./state.ts";

const MEMORY = "usage-graph.chosen";

export const state = signal<State>(parse(location.search, remembered()));

/** The zone whose days and hours the page shows. */
export const timezone = computed(() => state.value.timezone || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

/** Pages of tables are of one list only: whatever makes another one goes back to the first page. */
const FIRST_PAGE = { page: 1, cursor: "", talkPage: 1, talkCursor: "" } satisfies Partial<State>;
const LISTS: (keyof State)[] = ["window", "timezone", "filter", "search", "from", "order", "talk", "project"];

/** Change what is shown. `replace` keeps the browser's history as it is, for what changes while one types. */
export function show(change: Partial<State>, { replace = false } = {}): void {
  const restart = LISTS.some((name) => name in change) ? FIRST_PAGE : {};
  const lines = ["by", "filter", "window"].some((name) => name in change) ? { only: [] } : {};
  state.value = { ...state.value, ...restart, ...lines, ...change };
  const address = `?${serialise(state.value)}`;
  if (address === location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

addEventListener("popstate", () => (state.value = parse(location.search, remembered())));
effect(() => {
  const chosen = Object.fromEntries(REMEMBERED.map((name) => [name, state.value[name]]));
  keep(MEMORY, JSON.stringify(chosen));
});
history.replaceState(null, "", `?${serialise(state.peek())}`);

function remembered(): State {
  try {
    const chosen = JSON.parse(localStorage.getItem(MEMORY) ?? "{}") as Partial<State>;
    // Through the same checks as an address: an older page may have written what this one does not know.
    return parse(serialise({ ...INITIAL, ...chosen, filter: {}, only: [] }));
  } catch {
    return INITIAL;
  }
}

/** Some browsers let a page keep nothing. */
export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // then the choice ends with the visit
  }
}
