// What was used in the window, at a glance, and what changed since the one before.

import { timezone } from "./address.ts";
import { grouped } from "./decimal.ts";
import { Exact, Unknown } from "./exact.tsx";
import { exactMoney, money } from "./money.ts";
import { change, percent, short, whole, type Whole } from "./number.ts";
import type { Usage } from "./overview.ts";
import { minuteOf } from "./time.ts";

type Shown = { short: string; exact: string } | null;

const ofMoney = (cost: string | null | undefined): Shown =>
  cost == null ? null : { short: money(cost), exact: exactMoney(cost) };
const ofNumber = (value: Whole | null | undefined): Shown =>
  value == null ? null : { short: short(value), exact: whole(value) };
const ofCredits = (value: string | null | undefined): Shown =>
  value == null ? null : { short: short(value), exact: grouped(value) };

export function Cards({ usage }: { usage: Usage | undefined }) {
  const { totals, previous, credits } = usage ?? {};
  const before = previous?.totals;
  const ratio = previous?.ratio;
  return (
    <section class="cards" aria-labelledby="totals" aria-busy={!usage}>
      <h2 id="totals" class="unseen">
        Totals
      </h2>
      <Card title="Total cost" now={ofMoney(totals?.cost)} then={ofMoney(before?.cost)} ratio={ratio?.cost} usage={usage}>
        {totals && Number(totals.unpricedCalls) > 0 ? (
          <a class="warning" href="#health">
            {whole(totals.unpricedCalls)} {Number(totals.unpricedCalls) === 1 ? "call" : "calls"} without a price
          </a>
        ) : null}
      </Card>
      <Card
        title="Input tokens"
        now={ofNumber(totals?.inputTokens)}
        then={ofNumber(before?.inputTokens)}
        ratio={ratio?.inputTokens}
        usage={usage}
      >
        {totals && Number(totals.inputTokens) > 0
          ? `${percent(Number(totals.cacheReadTokens) / Number(totals.inputTokens))} from a cache`
          : null}
      </Card>
      <Card
        title="Output tokens"
        now={ofNumber(totals?.outputTokens)}
        then={ofNumber(before?.outputTokens)}
        ratio={ratio?.outputTokens}
        usage={usage}
      >
        {totals && Number(totals.outputTokens) > 0
          ? `${percent(Number(totals.reasoningTokens) / Number(totals.outputTokens))} reasoning`
          : null}
      </Card>
      <Card
        title="Total tokens"
        now={ofNumber(totals?.totalTokens)}
        then={ofNumber(before?.totalTokens)}
        ratio={ratio?.totalTokens}
        usage={usage}
      >
        {totals && Number(totals.unmeasuredCalls) > 0
          ? `${whole(totals.unmeasuredCalls)} calls without counts`
          : null}
      </Card>
      <Card title="API calls" now={ofNumber(totals?.calls)} then={ofNumber(before?.calls)} ratio={ratio?.calls} usage={usage}>
        {totals && Number(totals.failedCalls) > 0 ? `${whole(totals.failedCalls)} failed` : null}
      </Card>
      <Card
        title="Avg / call"
        now={ofMoney(totals?.avgCost)}
        then={ofMoney(before?.avgCost)}
        ratio={ratio?.avgCost}
        usage={usage}
        nothing={Number(totals?.calls ?? 0) === 0 ? "no calls" : "unknown"}
      />
      <Card
        title="Credits"
        now={ofCredits(totals?.credits)}
        then={ofCredits(before?.credits)}
        ratio={ratio?.credits}
        usage={usage}
      >
        {credits?.remaining != null ? (
          <>
            <Exact short={short(credits.remaining)} exact={grouped(credits.remaining)} /> left of the{" "}
            {credits.plan?.period.toLowerCase()}
          </>
        ) : null}
      </Card>
      <Card title="Additional credits" now={ofCredits(credits?.additional)} usage={usage}>
        {credits?.plan
          ? credits.additionalCost != null
            ? <>cost <Exact short={money(credits.additionalCost)} exact={exactMoney(credits.additionalCost)} /></>
            : null
          : "no plan is set"}
      </Card>
    </section>
  );
}

type CardProps = {
  title: string;
  now: Shown;
  then?: Shown;
  ratio?: number | null | undefined;
  usage: Usage | undefined;
  nothing?: string;
  children?: preact.ComponentChildren;
};

function Card({ title, now, then, ratio, usage, nothing, children }: CardProps) {
  const range = usage?.previous?.range;
  return (
    <div class="card">
      <h3>{title}</h3>
      <p class="figure">{now ? <Exact {...now} /> : usage ? <Unknown why={nothing ?? "unknown"} /> : " "}</p>
      <p class="change">
        {ratio != null && then && range ? (
          <span
            class={ratio > 1 ? "more" : ratio < 1 ? "less" : ""}
            title={`${then.exact} from ${minuteOf(range.from, timezone.value)} to ${minuteOf(range.to, timezone.value)}`}
          >
            {change(ratio)}
            <span class="unseen"> against {then.exact} before</span>
          </span>
        ) : null}
        {children ? <span class="aside">{children}</span> : null}
      </p>
    </div>
  );
}
