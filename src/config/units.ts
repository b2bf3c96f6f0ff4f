const DURATION_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);
const SIZE_BYTES: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["KB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
]);

/** `500ms`, `30s`, `2m`, `1h`, also `1.5s`, in milliseconds; null: it is no duration. */
export function parseDuration(text: string): number | null {
  return parseAmount(text, DURATION_MS);
}

/** `10485760B`, `64KiB`, `128MiB`, `1GiB`, also `10MB`, in bytes; null: it is no size. */
export function parseSize(text: string): number | null {
  return parseAmount(text, SIZE_BYTES);
}

function parseAmount(text: string, units: ReadonlyMap<string, number>): number | null {
  const [, amount, unit] = /^(\d{1,12}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/.exec(text) ?? [];
  const factor = units.get(unit ?? "");
  return amount === undefined || factor === undefined ? null : Number(amount) * factor;
}
