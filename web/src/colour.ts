// One colour for a name, wherever on the page it is shown.

/** How many the style sheet has, as `c0`, `c1`, ... */
export const COLOURS = 12;

const taken = new Map<string, Map<string, number>>();

/**
 * The class of a name's colour; `kind` is what it is a name of. The name itself says which: it keeps it from visit to
 * visit. Where another of its kind has that one already it gets the next that is free, for as long as there is any.
 */
export function colour(kind: string, name: string | null): string {
  if (name === null) return "none";
  let colours = taken.get(kind);
  if (!colours) taken.set(kind, (colours = new Map()));
  let found = colours.get(name);
  if (found === undefined) {
    found = hash(name) % COLOURS;
    const used = new Set(colours.values());
    if (used.size < COLOURS) while (used.has(found)) found = (found + 1) % COLOURS;
    colours.set(name, found);
  }
  return `c${found}`;
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0)!, 0x01000193) >>> 0;
  return (value ^ (value >>> 15)) >>> 0;
}
