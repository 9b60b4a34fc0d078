// Instants by the clock and the calendar of a time zone.

import type { Bucket } from "./generated.ts";

const formats = new Map<string, Intl.DateTimeFormat>();

// To make one takes as long as a hundred uses of it.
function format(timezone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = timezone + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, ...options });
    formats.set(key, found);
  }
  return found;
}

/** `22 Nov 2026, 14:50:03 CET`. */
export function exactTime(instant: string, timezone: string): string {
  return format(timezone, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
  }).format(new Date(instant));
}

/** `22 Nov 2026 14:50`; with the offset, `26 Oct 2025 02:30 (UTC+1)`, where the clock shows that twice. */
export function minuteOf(instant: string, timezone: string): string {
  return `${minuteAt(instant, timezone)}${which(instant, timezone, " (UTC", ")")}`;
}

function minuteAt(instant: string, timezone: string): string {
  return format(timezone, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" })
    .format(new Date(instant))
    .replace(",", "");
}

/** What is written below a chart: `14:00` or `22 Nov`, and `02:00 (+1)` where the clock shows that twice. */
export function tick(instant: string, timezone: string, bucket: Bucket): string {
  const date = new Date(instant);
  if (bucket === "MONTH") return format(timezone, { month: "short", year: "numeric" }).format(date);
  if (bucket === "DAY" || bucket === "WEEK") return format(timezone, { day: "numeric", month: "short" }).format(date);
  const clock = format(timezone, { hour: "2-digit", minute: "2-digit" }).format(date);
  const shown = clock === "00:00" ? format(timezone, { day: "numeric", month: "short" }).format(date) : clock;
  return `${shown}${which(instant, timezone, " (", ")")}`;
}

/** What a point of a chart stands for: a day, or from when to when, by the clock as it stands when that begins. */
export function span(start: string, end: string, timezone: string, bucket: Bucket): string {
  const from = new Date(start);
  const weekday = { weekday: "short", day: "numeric", month: "short", year: "numeric" } as const;
  if (bucket === "MONTH") return format(timezone, { month: "long", year: "numeric" }).format(from);
  if (bucket === "DAY") return format(timezone, weekday).format(from);
  if (bucket === "WEEK") return `Week from ${format(timezone, weekday).format(from)}`;
  const until = new Date(Date.parse(end) + offset(from.getTime(), timezone)).toISOString().slice(11, 16);
  return `${minuteAt(start, timezone)}–${until}${which(start, timezone, " (UTC", ")")}`;
}

const DAY = 86_400_000;

/** The offset, such as `+2`, between `before` and `after` where a clock shows the same at another instant, too. */
function which(instant: string, timezone: string, before: string, after: string): string {
  const at = Date.parse(instant);
  const own = offset(at, timezone);
  const twice = [-DAY, DAY].some((away) => {
    const other = offset(at + away, timezone);
    return other !== own && offset(at + own - other, timezone) === other;
  });
  return twice ? `${before}${offsetName(own)}${after}` : "";
}

function offsetName(offset: number): string {
  const minutes = Math.abs(offset) / 60_000;
  const rest = minutes % 60 ? `:${String(minutes % 60).padStart(2, "0")}` : "";
  return `${offset < 0 ? "−" : "+"}${Math.floor(minutes / 60)}${rest}`;
}

/** How far clocks are ahead of UTC, in milliseconds. */
function offset(at: number, timezone: string): number {
  return wallClock(at, timezone) - Math.floor(at / 1000) * 1000;
}

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
  [Infinity, "year"],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "narrow" });

/** `49m ago`, from milliseconds since the epoch. */
export function ago(instant: string, now: number): string {
  let amount = Math.max(0, now - Date.parse(instant)) / 1000;
  for (const [next, unit] of STEPS) {
    if (amount < next) return unit === "second" && amount < 5 ? "just now" : relative.format(-Math.floor(amount), unit);
    amount /= next;
  }
  return instant;
}

/** The instant at which a clock in `timezone` shows `local`, such as `2026-11-22T14:50`; RFC 3339, in UTC. */
export function instantOf(local: string, timezone: string): string | undefined {
  // Browsers read many things as a date, and none says so.
  if (!/^(19[7-9]\d|2\d{3})-\d\d-\d\d(T\d\d:\d\d)?$/.test(local)) return undefined;
  const wanted = Date.parse(`${local.length === 10 ? `${local}T00:00` : local}:00Z`);
  if (Number.isNaN(wanted)) return undefined;
  // A zone's offset is that of the instant, which is what is looked for: the second guess is right but within a change.
  let guess = wanted;
  for (let round = 0; round < 2; round += 1) guess += wanted - wallClock(guess, timezone);
  return new Date(guess).toISOString();
}

/** What a clock in `timezone` shows at an instant, for a field of type datetime-local. */
export function localOf(instant: string, timezone: string): string {
  return new Date(wallClock(Date.parse(instant), timezone)).toISOString().slice(0, 16);
}

/** What a clock shows at an instant, to the second, as the instant at which one in UTC shows that. */
export function wallClock(instant: number, timezone: string): number {
  const parts = Object.fromEntries(
    format(timezone, {
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    })
      .formatToParts(new Date(instant))
      .map(({ type, value }) => [type, value]),
  );
  return Date.parse(`${parts["year"]}-${parts["month"]}-${parts["day"]}T${parts["hour"]}:${parts["minute"]}:${parts["second"]}Z`);
}
