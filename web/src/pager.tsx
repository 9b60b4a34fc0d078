// Where a page stands in its list, and the way to the next and the previous one.

import { useRef } from "preact/hooks";
import { whole, type Whole } from "./number.ts";

export const PAGE = 20;

type PageInfo = { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
type Listed = { totalCount: Whole; pageInfo: PageInfo; nodes: unknown[] };
type Props = {
  what: string;
  page: number;
  list: Listed | undefined;
  stale: boolean;
  go: (page: number, cursor: string) => void;
};

/** The arguments of the page that a cursor leads to: `>` and where to go on, or `<` and where to go back from. */
export function pageAt(cursor: string): { first?: number; after?: string; last?: number; before?: string } {
  if (cursor.startsWith(">")) return { first: PAGE, after: cursor.slice(1) };
  if (cursor.startsWith("<")) return { last: PAGE, before: cursor.slice(1) };
  return { first: PAGE };
}

/** Rows that a table lacks to be as high as a full page; of a single page there is nothing that could move. */
export function lacking(list: Listed | undefined): number {
  if (!list) return PAGE;
  const { hasNextPage, hasPreviousPage } = list.pageInfo;
  return hasNextPage || hasPreviousPage ? PAGE - list.nodes.length : 0;
}

export function Pager({ what, page, list, stale, go }: Props) {
  // Until the next page is there, this is still the one before.
  const settled = useRef(page);
  const turned = useRef(false);
  if (page !== settled.current) turned.current = true;
  else if (!stale) turned.current = false;
  if (!stale) settled.current = page;
  if (!list) return <nav class="pager" aria-label={`Pages of ${what}`} />;
  const { totalCount: total, pageInfo: info, nodes } = list;
  const first = (settled.current - 1) * PAGE + 1;
  const pages = Math.max(settled.current, Math.ceil(Number(total) / PAGE));
  const several = info.hasNextPage || info.hasPreviousPage || page > 1;
  const back = () => (page === 2 ? go(1, "") : go(page - 1, `<${info.startCursor ?? ""}`));
  return (
    <nav class="pager" aria-label={`Pages of ${what}`}>
      {/* Said aloud where a page is turned, not where calls come. */}
      <span role="status" aria-live={turned.current ? "polite" : "off"}>
        {nodes.length ? `${whole(first)}–${whole(first + nodes.length - 1)} of ${whole(total)}` : `None of ${whole(total)}`} {what}
      </span>
      {several ? (
        <>
          <Step name="First" able={page > 1} go={() => go(1, "")} />
          <Step name="Previous" able={!stale && page > 1} go={back} />
          <span>
            Page {whole(settled.current)} of {whole(pages)}
          </span>
          <Step name="Next" able={!stale && info.hasNextPage} go={() => go(page + 1, `>${info.endCursor ?? ""}`)} />
        </>
      ) : null}
    </nav>
  );
}

/** Not disabled where it leads nowhere: whoever uses the keyboard would be thrown off it at the last page. */
function Step({ name, able, go }: { name: string; able: boolean; go: () => void }) {
  return (
    <button type="button" aria-disabled={!able} onClick={() => able && go()}>
      {name}
    </button>
  );
}
