import assert from "node:assert/strict";
import { test } from "node:test";
import { grouped } from "../src/decimal.ts";
import { duration } from "../src/duration.ts";
import { exactMoney, money, scaleMoney } from "../src/money.ts";
import { change, percent, short, whole } from "../src/number.ts";

const table = (name: string, show: (value: never) => string, cases: [unknown, string][]) =>
  test(name, () => {
    for (const [value, shown] of cases) assert.equal(show(value as never), shown, String(value));
  });

table("short numbers", short, [
  [0, "0"],
  [999, "999"],
  ["874.1804", "874.2"],
  [999.96, "1.0K"],
  [1000, "1.0K"],
  [45_000, "45.0K"],
  [999_949, "999.9K"],
  [999_950, "1.0M"],
  [1_500_000, "1.5M"],
  [-1_500_000, "-1.5M"],
  ["9007199254740993", "9007.2T"],
]);
table("whole numbers keep every digit", whole, [
  [1_500_000, "1,500,000"],
  ["9007199254740993", "9,007,199,254,740,993"],
]);
table("money", money, [
  ["0", "$0.00"],
  ["0.0003401", "<$0.01"],
  ["0.01", "$0.01"],
  ["1234.5", "$1,234.50"],
  ["-0.004", "−<$0.01"],
  ["-12.3", "−$12.30"],
]);
table("exact money", exactMoney, [
  ["0.0003401", "$0.0003401"],
  ["1234567.000000001", "$1,234,567.000000001"],
]);
table("money on a scale", scaleMoney, [
  [0, "$0"],
  [0.05, "$0.050"],
  [0.5, "$0.50"],
  [20, "$20"],
  [2000, "$2.0K"],
]);
table("decimals", grouped, [["10399.4745", "10,399.4745"]]);
table("shares", percent, [
  [0, "0.0%"],
  [0.0004, "<0.1%"],
  [0.775, "77.5%"],
]);
table("changes", change, [
  [1, "±0%"],
  [1.125, "+12.5%"],
  [0.5, "−50.0%"],
  [0, "−100.0%"],
  [12.4, "×12"],
]);
table("durations", duration, [
  [12.4, "12ms"],
  [9_900, "9.9s"],
  [59_960, "1m 00s"],
  [125_000, "2m 05s"],
  [3_725_000, "1h 02m"],
]);
