// The address of the page, and what was chosen last: the one place where state is read and changed.

import { computed, signal } from "@preact/signals";
import { keep, kept } from "./memory.ts";
import { INITIAL, REMEMBERED, parse, serialise, type State } from "./state.ts";

const MEMORY = "usage-graph.chosen";

export const state = signal<State>(parse(location.search, remembered()));

/** The zone whose days and hours the page shows. */
export const timezone = computed(() => state.value.timezone || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

/** Pages of a table are of one list only: whatever makes another one goes back to the first page. */
const BOTH: (keyof State)[] = ["window", "timezone", "filter", "project"];
const LISTS: [(keyof State)[], Partial<State>][] = [
  [[...BOTH, "search", "from", "order"], { page: 1, cursor: "" }],
  [[...BOTH, "talk", "talkOrder"], { talkPage: 1, talkCursor: "" }],
];

/** The state that `change` leads to from `now`. */
export function changed(now: State, change: Partial<State>): State {
  const has = (names: (keyof State)[]) => names.some((name) => name in change);
  const restart = LISTS.filter(([names]) => has(names)).map(([, first]) => first);
  const lines = has(["by", "filter", "window"]) ? { only: [] } : {};
  return Object.assign({}, now, ...restart, lines, change) as State;
}

/** Change what is shown. `replace` keeps the browser's history as it is, for what changes while one types. */
export function show(change: Partial<State>, { replace = false } = {}): void {
  state.value = changed(state.value, change);
  remember(change);
  const address = `?${serialise(state.value)}`;
  if (address === location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

/** What is shown over the page is an entry of its own of the browser's history, so that back leads out of it. */
const OVER = "over";
let leaving = false;

export function open(change: Partial<State>): void {
  show(change);
  history.replaceState(OVER, "");
}

/** The way out of what `open` led to, or of what an address did: then there is nothing before it to go back to. */
export function close(change: Partial<State>): void {
  if (leaving) return;
  if (history.state !== OVER) return show(change, { replace: true });
  leaving = true;
  history.back();
}

addEventListener("popstate", () => {
  leaving = false;
  state.value = parse(location.search, remembered());
});
history.replaceState(history.state, "", `?${serialise(state.peek())}`);

/** What was chosen, not what somebody else's address said. */
function remember(change: Partial<State>): void {
  const names = REMEMBERED.filter((name) => name in change);
  if (!names.length) return;
  const chosen = Object.fromEntries(names.map((name) => [name, change[name]]));
  keep("localStorage", MEMORY, JSON.stringify({ ...recall(), ...chosen }));
}

function remembered(): State {
  try {
    // Through the same checks as an address: an older page may have written what this one does not know.
    return parse(serialise({ ...INITIAL, ...recall(), filter: {}, only: [] }));
  } catch {
    return INITIAL;
  }
}

function recall(): Partial<State> {
  try {
    const found: unknown = JSON.parse(kept("localStorage", MEMORY) ?? "{}");
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}
