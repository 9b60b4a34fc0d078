// The calls, one a row, with a search and a filter of their own, and pages that do not shift.

import { useComputed } from "@preact/signals";
import { open, show, state, timezone } from "./address.ts";
import { SLOWLY, useAnswer } from "./answer.ts";
import { Badge } from "./badge.tsx";
import { Select } from "./choice.tsx";
import { duration, exactDuration } from "./duration.ts";
import { Exact, Unknown } from "./exact.tsx";
import { FilterValuesDocument, RecordTableDocument, type RecordTableQuery } from "./generated.ts";
import { exactMoney, money } from "./money.ts";
import { short, whole, type Whole } from "./number.ts";
import { recordOrder } from "./order.ts";
import { Pager, lacking, pageAt } from "./pager.tsx";
import { Panel, Scroll } from "./panel.tsx";
import { Search } from "./search.tsx";
import { Sorted } from "./sorted.tsx";
import { filterOf, windowOf, type State } from "./state.ts";
import { Waiting } from "./waiting.tsx";
import { When } from "./when.tsx";

type Row = RecordTableQuery["usage"]["records"]["nodes"][number];

const CALLS = "calls";

/** Shows where the calls are. */
export const toCalls = () => document.getElementById(CALLS)?.scrollIntoView();

export function Records() {
  const variables = useComputed(() => {
    const { search, from, order, cursor } = state.value;
    const own = { ...(search ? { search } : {}), ...(from ? { source: { eq: from } } : {}) };
    const around = filterOf(state.value);
    // Both hold: the page may be narrowed to another source than the table is.
    const filter = around ? { ...own, and: [around] } : own;
    return {
      window: windowOf(state.value),
      timezone: timezone.value,
      filter,
      orderBy: recordOrder(order),
      ...pageAt(cursor),
    };
  });
  // Further pages stay as they are while calls arrive; the first one shows the new ones.
  const answer = useAnswer(RecordTableDocument, variables, { live: () => state.peek().cursor === "" });
  const { data, error, stale } = answer.value;
  const { page } = state.value;
  const list = data?.usage.records;
  return (
    <Panel title="Calls" id={CALLS} class="wide records" stale={stale} error={error} tools={<Tools />}>
      <Scroll label="Calls, as a table">
        <table class="rows">
          <caption class="unseen">Calls</caption>
          <Head />
          <tbody>
            {(list?.nodes ?? []).map((row) => (
              <Call key={row.id} row={row} />
            ))}
            <Waiting rows={lacking(list)} columns={9} />
          </tbody>
        </table>
      </Scroll>
      {list && !list.nodes.length ? <None /> : null}
      <Pager what="calls" page={page} list={list} stale={stale} go={(page, cursor) => show({ page, cursor })} />
    </Panel>
  );
}

function Tools() {
  // Those of all calls of the time, whatever the page is narrowed to: those with the most calls, if there are many.
  const variables = useComputed(() => ({ window: windowOf(state.value), timezone: timezone.value, dimension: "SOURCE" as const }));
  const { data } = useAnswer(FilterValuesDocument, variables, { every: SLOWLY }).value;
  const sources = data?.usage.dimensionValues.map(({ value }) => value) ?? [];
  const { search, from } = state.value;
  const names = [...new Set([...sources, ...(from ? [from] : [])])];
  const options = Object.fromEntries([["", "All"], ...names.map((name) => [name, name])]) as Record<string, string>;
  return (
    <div class="tools">
      <Select label="Source" options={options} value={from} choose={(from) => show({ from })} />
      <Search label="Search calls" value={search} search={(search, replace) => show({ search }, { replace })} />
    </div>
  );
}

function Head() {
  const by = { order: state.value.order, sort: (order: State["order"]) => show({ order }) };
  return (
    <thead>
      <tr>
        <th scope="col">Source</th>
        <th scope="col">Name</th>
        <th scope="col">Model</th>
        <Sorted column="input" name="Input" {...by} />
        <Sorted column="output" name="Output" {...by} />
        <Sorted column="tokens" name="Tokens" {...by} />
        <Sorted column="cost" name="Cost" {...by} />
        <Sorted column="duration" name="Duration" {...by} />
        <Sorted column="time" name="Time" {...by} />
      </tr>
    </thead>
  );
}

function Call({ row }: { row: Row }) {
  return (
    <tr class={row.status === "ERROR" ? "failed" : ""}>
      <td>
        <Badge source={row.source} />
      </td>
      <th scope="row">
        <span class="named">
          <button type="button" class="link" onClick={() => open({ record: row.id, about: "" })}>
            {row.name ?? row.agent ?? "unnamed call"}
          </button>
          {row.status === "ERROR" ? <span class="error-mark">{row.errorType ?? "failed"}</span> : null}
        </span>
      </th>
      <td>{row.responseModel ?? row.requestModel ?? <Unknown />}</td>
      {[row.inputTokens, row.outputTokens, row.totalTokens].map((count, index) => (
        <td key={index} class="right">
          <Count value={count} />
        </td>
      ))}
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
  );
}

function None() {
  const { search, from } = state.value;
  return (
    <p class="none-here">
      No calls {search ? `with “${search}” ` : ""}
      {from ? `of ${from} ` : ""}in this time.{" "}
      {search || from ? (
        <button type="button" class="link" onClick={() => show({ search: "", from: "" })}>
          Show all calls
        </button>
      ) : null}
    </p>
  );
}

function Count({ value }: { value: Whole | null }) {
  return value === null ? <Unknown /> : <Exact short={short(value)} exact={whole(value)} />;
}

function Cost({ row }: { row: Row }) {
  return row.cost === null ? <Unknown why="no price is known" /> : <Exact short={money(row.cost)} exact={exactMoney(row.cost)} />;
}
