/**
 * A whole local call through the gate, beside one fdatasync per record: `node bench/gate.ts [ROUNDS] [--json FILE]`.
 *
 * The call has arguments like an HTTP request's; it is resolved, decided, validated against its contract, its
 * arguments are digested, and two records are chained. Buffered: the capability has no outside effect, records are
 * written to a file every 256 calls and not synced; so the yardstick's. Durable: it has one, so intent and outcome are committed (group commit), results not kept.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Capability, createRegistry } from "../src/capability/index.ts";
import {
  type ChainStore,
  type ChainWriter,
  fileStore,
  openChain,
  storeOver,
} from "../src/chain/index.ts";
import type { JsonValue } from "../src/foundation/json.ts";
import { ok } from "../src/foundation/result.ts";
import { levelDefaults, type Policy } from "../src/policy/index.ts";
import { createGate, type Gate } from "../src/runtime/gate.ts";
import { yardstickCalls } from "./lib/yardstick-call.ts";
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

/** 150 000 calls a second were asked of a machine on which the yardstick makes 207 000. */
const YARDSTICK_SHARE = 150 / 207;
const rounds = Number(process.argv[2]) || 7;
const directory = mkdtempSync(join(process.env["CCOS_BENCH_DIR"] ?? process.cwd(), ".bench-gate-"));
const CONFIG = `sha256:${"c".repeat(64)}`;
const CHAIN = "run-01HF7YAT00ZZZZZZZZZZZZZZZZ";
const ARGS: readonly JsonValue[] = [
  {
    $t: "map",
    v: [
      [{ $t: "kw", v: "url" }, "https://api.example.com/v1/items?limit=10"],
      [{ $t: "kw", v: "method" }, "GET"],
      [{ $t: "kw", v: "timeout-ms" }, 5000],
      [{ $t: "kw", v: "tags" }, ["a", "b"]],
    ],
  },
];
const stub = (id: string, effects: readonly string[]): Capability => ({
  manifest: {
    id,
    version: "1.0.0",
    summary: "A local stub",
    effects,
    input:
      "[:tuple [:map [:url :string] [:method :string] [:timeout-ms :int] [:tags [:vector :string]]]]",
    output: ":bool",
  },
  access: () => ok(null),
  invoke: () => Promise.resolve({ ok: true, value: true, facts: {} }),
});
const registry = createRegistry([
  { name: "bench", describe: () => [stub("bench.pure", []), stub("bench.effect", ["ipc"])] },
]);
const policy: Policy = {
  ...levelDefaults("controlled").policy,
  allow: [{ rule: "capabilities.allow[0]", pattern: "bench.*" }],
};
let files = 0;

/** A file that is written and never synced. */
async function bufferedStore(path: string): Promise<ChainStore> {
  const file = await open(path, "ax");
  return storeOver({
    write: async (bytes) => (await file.write(bytes)).bytesWritten,
    sync: () => Promise.resolve(),
    close: () => file.close(),
  });
}

async function openGate(durable: boolean): Promise<{ gate: Gate; chain: ChainWriter }> {
  const path = join(directory, `gate-${files++}.jsonl`);
  const chain = openChain({
    store: await (durable ? fileStore(path) : bufferedStore(path)),
    chainId: CHAIN,
    configDigest: CONFIG,
    nowMs: Date.now,
  });
  chain.append({ type: "RunStarted", data: { config: CONFIG } });
  const gate = createGate({
    policy,
    registry,
    chain,
    callsMax: Number.MAX_SAFE_INTEGER,
    execute: () => Promise.resolve({ ok: true, value: true, facts: {} }),
    matchSecrets: () => [],
    placeholders: [],
    keepResult: () => undefined,
    observe: () => undefined,
  });
  return { gate, chain };
}

/** Calls per second with `callers` in flight. */
async function rate(capability: string, calls: number, callers: number): Promise<number> {
  const { gate, chain } = await openGate(capability === "bench.effect");
  const call = { step: "bench", capability, args: ARGS };
  let left = calls;
  let written: Promise<void> = Promise.resolve();
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await gate.pass(call);
      if (!answer.ok) throw new Error(answer.error.message);
      if (capability !== "bench.pure" || left % 256 !== 0) continue;
      await written;
      written = chain.commit();
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  if (capability === "bench.pure") await chain.commit();
  const perSecond = calls / ((performance.now() - started) / 1000);
  await chain.close();
  return perSecond;
}

/** A record's line of the usual size, written and synced one by one: records per second. */
function syncedRecords(): number {
  const line = Buffer.from(`${"x".repeat(329)}\n`);
  const file = openSync(join(directory, `sync-${files++}`), "w");
  const count = 400;
  const started = performance.now();
  for (let record = 0; record < count; record++) {
    writeSync(file, line);
    fdatasyncSync(file);
  }
  const perSecond = count / ((performance.now() - started) / 1000);
  closeSync(file);
  return perSecond;
}

const contenders: readonly Contender[] = [
  { name: "one fdatasync per record (records/s)", round: syncedRecords },
  {
    name: "yardstick call (calls/s)",
    round: () => yardstickCalls(60_000, join(directory, `yardstick-${files++}`)),
  },
  { name: "call, buffered (calls/s)", round: () => rate("bench.pure", 60_000, 1) },
  { name: "call, durable, 1 caller (calls/s)", round: () => rate("bench.effect", 400, 1) },
  { name: "call, durable, 256 callers (calls/s)", round: () => rate("bench.effect", 40_000, 256) },
];
await interleaved(contenders, 1);
const measured = await interleaved(contenders, rounds);
rmSync(directory, { recursive: true });
const of = (name: string): number => median(measured.get(name) ?? []);
const synced = of("one fdatasync per record (records/s)");
const marks: readonly Mark[] = [
  {
    name: "buffered calls/s",
    value: of("call, buffered (calls/s)"),
    limit: 150_000,
    atLeast: true,
  },
  {
    name: "buffered calls / yardstick calls",
    value: of("call, buffered (calls/s)") / of("yardstick call (calls/s)"),
    limit: YARDSTICK_SHARE,
    atLeast: true,
  },
  {
    name: "durable records at 256 callers / one fdatasync per record",
    value: (2 * of("call, durable, 256 callers (calls/s)")) / synced,
    limit: 30,
    atLeast: true,
  },
];
const rows = contenders.map(({ name }) => [name, shown(of(name)), shown(of(name) / synced)]);
process.stdout.write(
  `${table(["what", "per second (median)", "/ fdatasync per record"], rows)}\n\n${marks.map(markLine).join("\n")}\n`,
);
writeResults("gate", {
  rounds,
  perSecond: Object.fromEntries(contenders.map(({ name }) => [name, of(name)])),
  marks,
});
