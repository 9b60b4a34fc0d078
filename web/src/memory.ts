// What the browser keeps for the page: of the tab, or for good. Some let a page keep nothing; then it ends with the visit.

type Place = "localStorage" | "sessionStorage";

export function kept(place: Place, name: string): string | null {
  try {
    return globalThis[place].getItem(name);
  } catch {
    return null;
  }
}

export function keep(place: Place, name: string, value: string): void {
  try {
    globalThis[place].setItem(name, value);
  } catch {
    // full, or forbidden
  }
}
