// The heading of a column that a table can be ordered by.

import { read, type Order } from "./order.ts";

type Props<Column extends string> = {
  column: Column;
  name: string;
  order: Order<Column>;
  sort: (order: Order<Column>) => void;
  /** Of texts the first comes first, of amounts and times the largest, until one turns them around. */
  text?: boolean;
};

export function Sorted<Column extends string>({ column, name, order, sort, text = false }: Props<Column>) {
  const now = read(order);
  const chosen = now.column === column;
  const up = chosen ? !now.up : text;
  return (
    <th scope="col" class={text ? "" : "right"} aria-sort={chosen ? (now.up ? "ascending" : "descending") : undefined}>
      <button type="button" class="sort" onClick={() => sort(up ? `${column}-up` : column)}>
        {name}
      </button>
    </th>
  );
}
