// Where a page stands in its list, and the way to the next and the previous one.

import { useRef } from "preact/hooks";
import { whole, type Whole } from "./number.ts";

export const PAGE = 20;

type PageInfo = { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
type Props = {
  what: string;
  page: number;
  total: Whole | undefined;
  shown: number;
  info: PageInfo | undefined;
  stale: boolean;
  go: (page: number, cursor: string) => void;
};

/** The arguments of the page that a cursor leads to: `>` and where to go on, or `<` and where to go back from. */
export function pageAt(cursor: string): { first?: number; after?: string; last?: number; before?: string } {
  if (cursor.startsWith(">")) return { first: PAGE, after: cursor.slice(1) };
  if (cursor.startsWith("<")) return { last: PAGE, before: cursor.slice(1) };
  return { first: PAGE };
}

export function Pager({ what, page, total, shown, info, stale, go }: Props) {
  // Until the next page is there, this is still the one before.
  const settled = useRef(page);
  if (!stale) settled.current = page;
  if (total === undefined || !info) return <nav class="pager" aria-label={`Pages of ${what}`} />;
  const first = (settled.current - 1) * PAGE + 1;
  const several = info.hasNextPage || info.hasPreviousPage || page > 1;
  return (
    <nav class="pager" aria-label={`Pages of ${what}`}>
      <span role="status">
        {shown ? `${whole(first)}–${whole(first + shown - 1)} of ${whole(total)}` : `None of ${whole(total)}`} {what}
      </span>
      {several ? (
        <>
          <button type="button" disabled={page === 1} onClick={() => go(1, "")}>
            First
          </button>
          <button
            type="button"
            disabled={stale || page === 1}
            onClick={() => (page === 2 ? go(1, "") : go(page - 1, `<${info.startCursor ?? ""}`))}
          >
            Previous
          </button>
          <span>Page {whole(settled.current)}</span>
          <button type="button" disabled={stale || !info.hasNextPage} onClick={() => go(page + 1, `>${info.endCursor ?? ""}`)}>
            Next
          </button>
        </>
      ) : null}
    </nav>
  );
}
