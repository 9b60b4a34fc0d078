// The key that the server wants to see, if it does: kept for this tab, until it is closed.

import { signal } from "@preact/signals";
import type { Refused } from "./ask.ts";
import { keep, kept } from "./memory.ts";

const NAME = "usage-graph.key";

export const key = signal(kept("sessionStorage", NAME) ?? "");
/** How the server refused what was asked last, for want of a key or a better one; it is lifted by an answer. */
export const refused = signal<Refused | undefined>(undefined);

export function enter(value: string): void {
  key.value = value.trim();
  keep("sessionStorage", NAME, key.value);
}

/** Who asks, of which project: what a WebSocket is opened with, and headers as `encoded`. */
export function headers(project: string): Record<string, string> {
  const found: Record<string, string> = {};
  if (key.value) found["authorization"] = `Bearer ${key.value}`;
  if (project) found["x-usage-graph-project"] = project;
  return found;
}

/** The same as headers are sent: the bytes of UTF-8, since `fetch` takes no letter beyond Latin-1. */
export function encoded(found: Record<string, string>): Record<string, string> {
  const bytes = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, bytes(value)]));
}
