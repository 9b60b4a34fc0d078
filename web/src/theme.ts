// Light or dark: as the system has it, until somebody chooses.

import { effect, signal } from "@preact/signals";
import { keep, kept } from "./memory.ts";

const NAME = "usage-graph.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const chosen = (): string | null => kept("localStorage", NAME);

export const dark = signal((chosen() ?? (system.matches ? "dark" : "light")) === "dark");

system.addEventListener("change", ({ matches }) => {
  if (chosen() === null) dark.value = matches;
});
effect(() => {
  document.documentElement.dataset["theme"] = dark.value ? "dark" : "light";
});

export function turn(): void {
  dark.value = !dark.value;
  keep("localStorage", NAME, dark.value ? "dark" : "light");
}
