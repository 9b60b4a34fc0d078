// The calls, one a row, with a search and a filter of their own, and pages that do not shift.

import { useComputed } from "@preact/signals";
import { show, state, timezone } from "./address.ts";
import { useAnswer } from "./answer.ts";
import { Badge } from "./badge.tsx";
import { Choice, Select } from "./choice.tsx";
import { duration, exactDuration } from "./duration.ts";
import { Exact, Unknown } from "./exact.tsx";
import { RecordTableDocument, type RecordOrder, type RecordTableQuery } from "./generated.ts";
import { exactMoney, money } from "./money.ts";
import { short, whole, type Whole } from "./number.ts";
import { Pager, pageAt } from "./pager.tsx";
import { Panel, Scroll } from "./panel.tsx";
import { Search } from "./search.tsx";
import { ORDERS, filterOf, windowOf, type State } from "./state.ts";
import { When } from "./when.tsx";

type Row = RecordTableQuery["usage"]["records"]["nodes"][number];

const FIELDS = { newest: "STARTED_AT", cost: "COST", tokens: "TOKENS", duration: "DURATION" } as const;
const orderOf = ({ order }: State): RecordOrder => ({ field: FIELDS[order], direction: "DESC" });

export function Records({ sources }: { sources: string[] }) {
  const variables = useComputed(() => {
    const { search, from, cursor } = state.value;
    const own = { ...(search ? { search } : {}), ...(from ? { source: { eq: from } } : {}) };
    const around = filterOf(state.value);
    // Both hold: the page may be narrowed to another source than the table is.
    const filter = around ? { ...own, and: [around] } : own;
    return {
      window: windowOf(state.value),
      timezone: timezone.value,
      filter,
      orderBy: orderOf(state.value),
      ...pageAt(cursor),
    };
  });
  // Further pages stay as they are while calls arrive; the first one shows the new ones.
  const answer = useAnswer(RecordTableDocument, variables, { live: () => state.peek().cursor === "" });
  const { data, error, stale } = answer.value;
  const { search, from, order, page } = state.value;
  const records = data?.usage.records;
  const names = [...new Set([...sources, ...(from ? [from] : [])])];
  const few = Object.fromEntries([["", "All"], ...names.map((name) => [name, name])]) as Record<string, string>;
  const choose = (from: string) => show({ from });
  return (
    <Panel
      title="Calls"
      class="wide records"
      stale={stale}
      error={error}
      tools={
        <div class="tools">
          {names.length > 1 || from ? (
            names.length <= 5 ? (
              <Choice label="Source" options={few} value={from} choose={choose} />
            ) : (
              <Select label="Source" options={few} value={from} choose={choose} />
            )
          ) : null}
          <Select label="Order" options={ORDERS} value={order} choose={(order) => show({ order })} />
          <Search label="Search calls" value={search} search={(search) => show({ search }, { replace: true })} />
        </div>
      }
    >
      <Scroll label="Calls, as a table">
        <table class="rows">
          <caption class="unseen">Calls</caption>
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">Name</th>
              <th scope="col">Model</th>
              <th scope="col" class="right">Input</th>
              <th scope="col" class="right">Output</th>
              <th scope="col" class="right">Cost</th>
              <th scope="col" class="right">Duration</th>
              <th scope="col" class="right">Time</th>
            </tr>
          </thead>
          <tbody>
            {(records?.nodes ?? []).map((row) => (
              <tr key={row.id} class={row.status === "ERROR" ? "failed" : ""}>
                <td>
                  <Badge source={row.source} />
                </td>
                <th scope="row">
                  <button type="button" class="link" onClick={() => show({ record: row.id })}>
                    {row.name ?? row.agent ?? "unnamed call"}
                  </button>
                  {row.status === "ERROR" ? <span class="error-mark">{row.errorType ?? "failed"}</span> : null}
                </th>
                <td class="model">{row.responseModel ?? row.requestModel ?? <Unknown />}</td>
                <td class="right">
                  <Count value={row.inputTokens} />
                </td>
                <td class="right">
                  <Count value={row.outputTokens} />
                </td>
                <td class="right">
                  <Cost row={row} />
                </td>
                <td class="right">
                  <Exact short={duration(row.durationMs)} exact={exactDuration(row.durationMs)} />
                </td>
                <td class="right">
                  <When instant={row.startedAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {records && !records.nodes.length ? (
        <p class="none-here">
          No calls {search ? `with “${search}” ` : ""}
          {from ? `of ${from} ` : ""}in this time.{" "}
          {search || from ? (
            <button type="button" class="link" onClick={() => show({ search: "", from: "" })}>
              Show all calls
            </button>
          ) : null}
        </p>
      ) : null}
      <Pager
        what="calls"
        page={page}
        total={records?.totalCount}
        shown={records?.nodes.length ?? 0}
        info={records?.pageInfo}
        stale={stale}
        go={(page, cursor) => show({ page, cursor })}
      />
    </Panel>
  );
}

function Count({ value }: { value: Whole | null }) {
  return value === null ? <Unknown /> : <Exact short={short(value)} exact={whole(value)} />;
}

function Cost({ row }: { row: Row }) {
  return row.cost === null ? <Unknown why="no price is known" /> : <Exact short={money(row.cost)} exact={exactMoney(row.cost)} />;
}
