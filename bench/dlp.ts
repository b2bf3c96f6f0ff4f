/**
 * DLP over clean content, megabytes a second: `node bench/dlp.ts [ROUNDS] [--json FILE]`.
 *
 * Whole scans as the gate makes them: decoding to depth 3, every built-in detector, and the search for eight secrets
 * of the run in every form. Beside them one pass of a regular expression over the same text, as a yardstick of the
 * machine. Then the same text twice as long: the time of a linear scan doubles.
 */
import { globSync, readFileSync } from "node:fs";
import { type ContentPart, findKnownSecrets, scanContent } from "../src/policy/index.ts";
import {
  type Contender,
  interleaved,
  type Mark,
  markLine,
  median,
  shown,
  table,
  writeResults,
} from "./lib/stats.ts";

const rounds = Number(process.argv[2]) || 7;
const SIZE = 8 << 20;
const SECRETS = Array.from({ length: 8 }, (_, index) => ({
  name: `S${index}`,
  value: `value-${index}-${"q7Zk".repeat(8)}`,
}));

const sized = (text: string, size = SIZE): string =>
  text.repeat(Math.ceil(size / text.length)).slice(0, size);
const files = (pattern: string): string =>
  globSync(pattern)
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");

const prose = sized(files("docs/**/*.md").replaceAll(/[^\x20-\x7e\n]/g, " "));
const logs = sized(
  Array.from(
    { length: 20_000 },
    (_, line) =>
      `2026-11-21T08:10:00.${line % 1000}Z INFO [w-${line % 16}] GET /v1/items/${line} 200 ${line % 97}ms`,
  ).join("\n"),
);
const json = sized(
  `${JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id, name: `item ${id}`, ok: true, tags: ["a", "b"], note: "hello\nworld" })))}\n`,
);
const code = sized(files("src/rtfs/**/*.ts"));
const CONTENTS = [
  ["prose", prose],
  ["logs", logs],
  ["JSON", json],
  ["source code", code],
] as const;

function perSecond(content: string, work: (parts: readonly ContentPart[]) => unknown): number {
  const parts = [{ name: "body", content }];
  const started = performance.now();
  work(parts);
  return content.length / 1e6 / ((performance.now() - started) / 1000);
}

const scan = (parts: readonly ContentPart[]): void => {
  const found = scanContent(parts).filter(({ confidence }) => confidence === "high");
  const known = findKnownSecrets(parts, SECRETS);
  if (found.length + known.length > 0) throw new Error(`clean content has ${found[0]?.detector}`);
};
const YARDSTICK = /ghp_[A-Za-z0-9]{36}|AKIA[A-Z2-7]{16}|-----BEGIN|eyJ[A-Za-z0-9_-]{10,}\./g;

const contenders: readonly Contender[] = [
  {
    name: "one expression over prose",
    round: () => perSecond(prose, ([part]) => String(part?.content).match(YARDSTICK)),
  },
  ...CONTENTS.map(([name, content]): Contender => {
    return { name, round: () => perSecond(content, scan) };
  }),
  { name: "prose, half as long", round: () => perSecond(prose.slice(0, SIZE / 2), scan) },
];
await interleaved(contenders, 2);
const measured = await interleaved(contenders, rounds);
const of = (name: string): number => median(measured.get(name) ?? []);
const marks: readonly Mark[] = [
  ...CONTENTS.map(([name]) => ({
    name: `${name}, MB/s`,
    value: of(name),
    limit: 200,
    atLeast: true,
  })),
  {
    name: "prose: MB/s of half the length / of the length",
    value: of("prose, half as long") / of("prose"),
    limit: 1.3,
    atLeast: false,
  },
];
process.stdout.write(
  `${table(
    ["what", "MB/s (median)"],
    contenders.map(({ name }) => [name, shown(of(name))]),
  )}\n\n${marks.map(markLine).join("\n")}\n`,
);
writeResults("dlp", {
  rounds,
  megabytesPerSecond: Object.fromEntries(contenders.map(({ name }) => [name, of(name)])),
  marks,
});
