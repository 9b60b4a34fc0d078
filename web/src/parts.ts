// The parts of a whole: what each name used, and the rest.

import { colour } from "./colour.ts";
import type { SharesFragment } from "./generated.ts";
import { NOBODY } from "./lines.ts";
import type { Narrowed } from "./state.ts";

type Group = SharesFragment["groups"][number];
export type Part = Omit<Group, "label"> & { id: string; name: string; colour: string; rest: boolean };

export function partsOf({ groups, other }: SharesFragment, by: Narrowed): Part[] {
  const parts: Part[] = groups.map(({ label, ...group }) => ({
    ...group,
    id: group.key === null ? "=" : `=${group.key}`,
    name: group.key === null ? (NOBODY[by] ?? "none") : (label ?? group.key),
    colour: colour(by, group.key),
    rest: false,
  }));
  if (!other) return parts;
  return [...parts, { ...other, id: "other", key: null, name: "all others", colour: "other", rest: true }];
}
