import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COLOURS } from "../src/colour.ts";

const css = readFileSync(new URL("../src/page.css", import.meta.url), "utf8");
const [light, dark] = [...css.matchAll(/^:root.*?\n\}/gms)].map(([block]) =>
  Object.fromEntries([...block.matchAll(/--(\w+): (#\w+);/g)].map(([, name, colour]) => [name!, linear(colour!)])),
);

type Triple = [number, number, number];

/** Red, green and blue as light, 0 to 1. */
function linear(colour: string): Triple {
  const long = colour.length === 4 ? colour.replace(/\w/g, "$&$&") : colour;
  return [1, 3, 5].map((at) => {
    const value = Number.parseInt(long.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Triple;
}

/** The ratio of WCAG 2. */
function contrast(one: Triple, other: Triple): number {
  const [less, more] = [one, other].map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05).sort((a, b) => a - b);
  return more! / less!;
}

/** Oklab of Ottosson 2020: distances in it are about as large as differences look. */
function oklab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

for (const [theme, colours] of Object.entries({ light: light!, dark: dark! })) {
  const names = Array.from({ length: COLOURS }, (_, number) => `c${number}`);

  test(`in the ${theme} theme each colour stands out from what it is on`, () => {
    for (const name of names) assert.ok(contrast(colours[name]!, colours["panel"]!) >= 3, name);
  });

  test(`in the ${theme} theme no two colours look the same`, () => {
    names.forEach((name, index) => {
      for (const other of [...names.slice(0, index), "other", "none"]) {
        const far = Math.hypot(...oklab(colours[name]!).map((value, at) => value - oklab(colours[other]!)[at]!));
        assert.ok(far > (index < 12 ? 0.11 : 0.09), `${name} and ${other}: ${far}`);
      }
    });
  });
}

test("each colour has its class", () => {
  for (let number = 0; number < COLOURS; number += 1) assert.ok(css.includes(`.c${number} { --own: var(--c${number}); }`));
});
