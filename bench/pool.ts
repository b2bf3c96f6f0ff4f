/**
 * A job's time with a guest that waits and with one that starts for it: `npm run build && node bench/pool.ts [ROUNDS] [--json FILE]`.
 *
 * A job is a plan's text to its value: `(+ 1 2)`, or the plan of 200 lines. Warm: from asking the pool; the pool refills behind it,
 * and the next job comes when it is full again. Cold: from starting the wall. Closing the wall is in neither. Every row
 * once a round, in turn.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createProviders, type SandboxLimits } from "../src/isolation/index.ts";
import { type Launched, launchPlan, loadGuest } from "../src/runtime/guest-launch.ts";
import { createGuestPools, type GuestPools } from "../src/runtime/standby.ts";
import type { World } from "../src/runtime/world.ts";
import { planOf } from "./lib/first-plan.ts";
import { type Mark, markLine, median, shown, table, writeResults } from "./lib/stats.ts";

const rounds = Number(process.argv[2]) || 30;
const stateDir = mkdtempSync(join(tmpdir(), "ccos-bench-"));
const world: World = {
  stateDir,
  nodePath: process.execPath,
  guestDir: join(import.meta.dirname, "..", "dist", "guest"),
  version: "bench",
  environment: {},
  nowMs: Date.now,
  randomBytes: (length) => randomBytes(length),
};
const LIMITS: SandboxLimits = {
  wallMs: 600_000,
  cpuMs: 60_000,
  memoryBytes: 512 * 1024 * 1024,
  pidsMax: 64,
  outputBytes: 1024 * 1024,
  diskBytes: 64 * 1024 * 1024,
};
const only = [
  "process/bubblewrap",
  "process/unshare",
  "process/landlock",
  "gvisor/runsc",
  "wasm/bubblewrap",
];
const providers = createProviders({ ...world, only });
// gVisor is not everywhere; the marks of the others need all of them.
const probes = await Promise.all(providers.map((provider) => provider.probe()));
const WALLS = only.filter(
  (name) =>
    name !== "gvisor/runsc" ||
    probes[providers.findIndex((each) => each.name === name)]?.kind === "ready",
);
const PLANS = { "(+ 1 2)": "(+ 1 2)", "200 lines": planOf(200) };
const running = new AbortController().signal;

/** The value of one plan in a guest that runs. */
async function answered({ execution, link }: Launched, source: string): Promise<void> {
  execution.stdin.end();
  const limits = { modules: [], args: [], fuel: 50_000_000, depthMax: 5_000 };
  const execute = { type: "execute", id: 0, source, file: "bench.rtfs", ...limits } as const;
  const options = { execute, callsInFlightMax: 1 };
  const end = await link.converse(options, { onMessage: () => "nothing is asked" });
  if (end.kind !== "result" || !end.message.ok) throw new Error(JSON.stringify(end));
}

async function full(pools: GuestPools): Promise<void> {
  while (pools.counts.some(({ ready, raising }) => ready < 2 || raising > 0)) await pause(20);
  // What ended before leaves the processor.
  await pause(50);
}

async function warmMs(wall: string, source: string): Promise<number> {
  const pools = poolsOf.get(wall);
  if (pools === undefined) throw new Error(`no pool of ${wall}`);
  await full(pools);
  const started = performance.now();
  const guest = await pools.take(wall, LIMITS, running);
  if (guest === null) throw new Error("no guest waited");
  await answered(guest, source);
  const ms = performance.now() - started;
  await guest.session.close();
  return ms;
}

async function coldMs(wall: string, source: string): Promise<number> {
  const provider = providers.find((each) => each.name === wall);
  if (provider === undefined) throw new Error(`no wall ${wall}`);
  const guest = await loadGuest(world);
  const started = performance.now();
  const launched = await launchPlan(LIMITS, provider, guest, { signal: running });
  await answered(launched, source);
  const ms = performance.now() - started;
  await launched.session.close();
  return ms;
}

const times = new Map<string, number[]>();
const note = (row: string, ms: number): void => {
  times.set(row, [...(times.get(row) ?? []), ms]);
};
/** One for each wall: a host with all walls in use at once has fewer of each. */
const poolsOf = new Map(WALLS.map((wall) => [wall, createGuestPools(world, { size: 2 })]));
for (const [wall, pools] of poolsOf) await pools.take(wall, LIMITS, running);
for (let round = 0; round < rounds; round++) {
  for (const wall of WALLS) {
    for (const [plan, source] of Object.entries(PLANS)) {
      const warm = await warmMs(wall, source);
      const cold = await coldMs(wall, source);
      if (round === 0) continue;
      note(`${wall}, ${plan}, warm`, warm);
      note(`${wall}, ${plan}, cold`, cold);
    }
  }
}
for (const pools of poolsOf.values()) await pools.close();
rmSync(stateDir, { recursive: true });

/** The value that 99 of 100 do not exceed; with few rounds the greatest. */
const p99 = (values: readonly number[]): number =>
  [...values].sort((left, right) => left - right)[Math.ceil(values.length * 0.99) - 1] ?? NaN;
const rows = [...times].map(([row, values]) => [row, shown(median(values)), shown(p99(values))]);
const marks: readonly Mark[] = WALLS.flatMap((wall) => {
  const values = times.get(`${wall}, (+ 1 2), warm`) ?? [];
  return [
    { name: `${wall}: warm job p50, ms`, value: median(values), limit: 1, atLeast: false },
    { name: `${wall}: warm job p99, ms`, value: p99(values), limit: 5, atLeast: false },
  ];
});
process.stdout.write(
  `${table(["job", "ms (median)", "p99"], rows)}\n\n${marks.map(markLine).join("\n")}\n`,
);
writeResults("pool", { rounds: rounds - 1, ms: Object.fromEntries(times), marks });
