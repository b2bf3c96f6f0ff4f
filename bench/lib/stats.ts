/** Medians and tables for benchmarks that run beside their peers. */
import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const { length } = sorted;
  if (length === 0) return Number.NaN;
  const middle = sorted[Math.floor(length / 2)]!;
  return length % 2 === 1 ? middle : (sorted[length / 2 - 1]! + middle) / 2;
}

/** Three significant digits below 1000, whole numbers with separators above. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** One thing that is measured: gives its rate, per second, for one round. */
export interface Contender {
  readonly name: string;
  readonly round: () => Promise<number> | number;
}

/** Every contender once per round, in turn, so that the machine's moods hit all alike. */
export async function interleaved(
  contenders: readonly Contender[],
  rounds: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, round: run } of contenders) rates.get(name)?.push(await run());
  }
  return rates;
}

/** Milliseconds of a synchronous or asynchronous action. */
export async function elapsedMs(action: () => unknown): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** A mark a benchmark promises to hold. */
export interface Mark {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly atLeast: boolean;
}

export function markLine({ name, value, limit, atLeast }: Mark): string {
  const held = atLeast ? value >= limit : value <= limit;
  const bound = `${atLeast ? "at least" : "at most"} ${limit}`;
  return `${held ? "held    " : "NOT HELD"}  ${name}: ${shown(value)} (${bound})`;
}

/** With `--json FILE` on the command line: write results there, with the machine they are from. */
export function writeResults(name: string, results: object): void {
  const at = process.argv.indexOf("--json");
  const file = at === -1 ? undefined : process.argv[at + 1];
  if (file === undefined) return;
  const machine = {
    cpu: cpus()[0]?.model ?? "",
    cpus: cpus().length,
    kernel: release(),
    node: process.version,
  };
  const date = new Date().toISOString();
  writeFileSync(file, `${JSON.stringify({ name, date, machine, ...results }, null, 2)}\n`);
}
