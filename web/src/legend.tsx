// Which colour in a chart is whose; names that are chosen here are shown alone.

import { show } from "./address.ts";
import { amount, exactAmount, type Metric } from "./amount.tsx";
import type { Line } from "./lines.ts";
import type { Preceding } from "./preceding.ts";
import { Swatch } from "./swatch.tsx";

type Props = { lines: Line[]; only: string[]; metric: Metric; whole: boolean; preceding: Preceding | undefined };

export function Legend({ lines, only, metric, whole, preceding }: Props) {
  const toggle = (id: string) => show({ only: only.includes(id) ? only.filter((one) => one !== id) : [...only, id] });
  return (
    <ul class="legend" aria-label="Names and colours; those that are chosen are shown alone">
      {lines.map(({ id, name, colour, totals }) => (
        <li key={id}>
          <button
            type="button"
            aria-pressed={only.includes(id)}
            class={only.length && !only.includes(id) ? "off" : ""}
            title={`${name}: ${exactAmount(amount(totals, metric), metric)}`}
            onClick={() => toggle(id)}
          >
            <Swatch colour={colour} />
            {name}
          </button>
        </li>
      ))}
      {whole ? (
        <li class="of-all">
          <span class="dash whole" aria-hidden="true" />
          All
        </li>
      ) : null}
      {preceding ? (
        <li class="of-all" title={preceding.totals && exactAmount(amount(preceding.totals, metric), metric)}>
          <span class="dash" aria-hidden="true" />
          Previous period
        </li>
      ) : null}
    </ul>
  );
}
