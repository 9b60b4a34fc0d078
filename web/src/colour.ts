// One colour for a name, wherever on the page it is shown.

import { signal } from "@preact/signals";

/** How many the style sheet has, as `c0`, `c1`, ... */
export const COLOURS = 24;

/** The first of them, which are most unlike each other, are taken before the rest. */
const UNLIKE = 12;

/** By kind, the colours of the names that are shown in charts and shares. */
const claimed = signal<Record<string, ReadonlyMap<string, number>>>({});

/**
 * The class of a name's colour; `kind` is what it is a name of. Names in charts and shares have claimed theirs (`apart`),
 * and it is the same in tables; others have the one that they would rather have.
 */
export function colour(kind: string, name: string | null): string {
  if (name === null) return "none";
  return `c${claimed.value[kind]?.get(name) ?? order(name)[0]}`;
}

/**
 * Sees to it that each of `names`, which are shown at the same time, has a colour of its own, for as long as there are
 * enough: one that has none or shares one takes that of a name that is not shown now. The same names at first have the
 * same colours at every visit, whichever comes first.
 */
export function apart(kind: string, names: readonly (string | null)[]): void {
  const colours = new Map(claimed.peek()[kind]);
  const shown = new Set(names.filter((name) => name !== null).sort());
  const kept = new Set<number>();
  const without: string[] = [];
  for (const name of shown) {
    const had = colours.get(name);
    if (had === undefined || kept.has(had)) without.push(name);
    else kept.add(had);
  }
  for (const name of without) {
    const used = new Set(colours.values());
    const free = order(name).filter((one) => !kept.has(one));
    const found = free.find((one) => !used.has(one)) ?? free[0] ?? order(name)[0]!;
    for (const [other, its] of colours) if (its === found && !shown.has(other)) colours.delete(other);
    colours.set(name, found);
    kept.add(found);
  }
  claimed.value = { ...claimed.peek(), [kind]: colours };
}

/** All colours, those first that a name would rather have. */
function order(name: string): number[] {
  const start = hash(name);
  const turn = (from: number, count: number) =>
    Array.from({ length: count }, (_, step) => from + ((start + step) % count));
  return [...turn(0, UNLIKE), ...turn(UNLIKE, COLOURS - UNLIKE)];
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0)!, 0x01000193) >>> 0;
  return (value ^ (value >>> 15)) >>> 0;
}
