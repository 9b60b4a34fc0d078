// The source of calls, in the colour that it has everywhere.

import { colour } from "./colour.ts";

export function Badge({ source }: { source: string }) {
  return <span class={`badge ${colour("source", source)}`}>{source}</span>;
}
