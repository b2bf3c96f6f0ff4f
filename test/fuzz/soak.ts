/**
 * `npm run soak -- TARGET|rtfs-all [--minutes N] [--seed N] [--slice SECONDS] [--out FILE]`: targets in
 * turn, each slice with a seed of its own, until the time is over or a law is broken.
 *
 * Read in this order: soak, runSlice. A case that takes longer than CASE_SECONDS is a failure, so is one that takes more memory than
 * MEMORY_MB: every case has little fuel and a short text. What a target found is kept from slice to
 * slice. The results are written after each slice, so that also a run that is cut short says what it did.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { CampaignResult, Failure } from "./campaign.ts";
import { SHARED_BYTES, type Slice } from "./soak-worker.ts";

const NAMES = "reader macros types engines regex purity static".split(" ").map((n) => `rtfs-${n}`);
/** Of processor time, which does not pass while others use the machine. */
const CASE_SECONDS = 10;
/** A case that takes longer is shown. */
const SLOW_MS = 1000;
const MEMORY_MB = 1536;
/** That of a program's own process, and not the larger one of threads. */
const STACK_MB = 1;

interface Totals {
  readonly name: string;
  cases: number;
  minutes: number;
  /** Of processor time. */
  cpuMinutes: number;
  /** Of processor time. */
  casesPerSecond: number;
  corpus: number;
  blocks: number;
  longestMs: number;
  readonly seeds: number[];
  readonly failures: (Failure & { readonly seed: number })[];
}

type Ended = CampaignResult & { readonly blocks: number };

function usage(): never {
  console.error(
    `usage: npm run soak -- ${NAMES.join("|")}|rtfs-all [--minutes N] [--seed N] [--slice SECONDS] [--out FILE]`,
  );
  process.exit(64);
}

/** That this process and its threads used. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function caseIn(shared: SharedArrayBuffer): string {
  const length = new Int32Array(shared, 0, 2)[1]!;
  return String.fromCharCode(...new Uint16Array(shared, 8, length));
}

/** What came of a slice; a hang, a crash or a lack of memory is a failure like others. */
function runSlice(slice: Slice): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const counts = new Int32Array(slice.shared, 0, 2);
  const worker = new Worker(new URL("./soak-worker.ts", import.meta.url), {
    workerData: slice,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB, stackSizeMb: STACK_MB },
  });
  const fail = (fault: string, detail: string): void => {
    const text = caseIn(slice.shared);
    const failure = { fault, detail, case: text, smallest: text };
    const cases = counts[0]!;
    const { corpus } = slice;
    resolve({ cases, corpus, signals: 0, longestMs: 0, longest: "", failure, blocks: 0 });
  };
  let last = 0;
  let since = cpuSeconds();
  const watch = setInterval(() => {
    const now = Atomics.load(counts, 0);
    if (now !== last) [last, since] = [now, cpuSeconds()];
    else if (last > 0 && cpuSeconds() - since > CASE_SECONDS) {
      fail("hang", `a case took over ${CASE_SECONDS} s`);
      void worker.terminate();
    }
  }, 500);
  worker.on("message", resolve);
  worker.on("error", (error: Error) => fail("crash", error.stack ?? error.message));
  worker.on("exit", (status) => fail("crash", `the thread ended with ${status}`));
  return promise.finally(() => clearInterval(watch));
}

interface Plan {
  readonly names: readonly string[];
  readonly minutes: number;
  readonly firstSeed: number;
  readonly sliceSeconds: number;
  readonly out: string | undefined;
}

/** @returns whether no law was broken. */
async function soak({ names, minutes, firstSeed, sliceSeconds, out }: Plan): Promise<boolean> {
  const started = performance.now();
  const date = new Date().toISOString();
  const until = started + minutes * 60_000;
  const corpora = new Map<string, readonly string[]>();
  const totals = new Map<string, Totals>();
  let seed = firstSeed;
  for (let turn = 0; performance.now() < until; turn++, seed++) {
    const name = names[turn % names.length]!;
    const left = until - performance.now();
    const began = performance.now();
    const cpuBegan = cpuSeconds();
    const ended = await runSlice({
      target: name,
      seed,
      milliseconds: Math.min(sliceSeconds * 1000, left),
      corpus: corpora.get(name) ?? [],
      shared: new SharedArrayBuffer(SHARED_BYTES),
    });
    corpora.set(name, ended.corpus);
    const total = added(totals.get(name) ?? newTotals(name), ended, {
      seed,
      minutes: (performance.now() - began) / 60_000,
      cpuMinutes: (cpuSeconds() - cpuBegan) / 60,
    });
    totals.set(name, total);
    console.log(
      `${name} seed ${seed}: ${ended.cases} cases, corpus ${ended.corpus.length}, longest ${Math.round(ended.longestMs)} ms`,
    );
    if (ended.longestMs > SLOW_MS) console.log(`the longest:\n${ended.longest.slice(0, 400)}\n`);
    if (out !== undefined) {
      const command = `npm run soak -- ${process.argv.slice(2).join(" ")}`;
      const machine = { cpu: cpus()[0]?.model, kernel: release(), node: process.version };
      const minutesRun = rounded((performance.now() - started) / 60_000);
      const targets = [...totals.values()];
      const all = { name: "soak-rtfs", date, command, machine, minutes: minutesRun, targets };
      writeFileSync(out, `${JSON.stringify(all, null, 2)}\n`);
    }
    if (ended.failure !== null) {
      report(name, seed, ended.failure);
      return false;
    }
  }
  return true;
}

function newTotals(name: string): Totals {
  const counts = { cases: 0, minutes: 0, cpuMinutes: 0, casesPerSecond: 0 };
  const found = { corpus: 0, blocks: 0, longestMs: 0 };
  return { name, ...counts, ...found, seeds: [], failures: [] };
}

interface Spent {
  readonly seed: number;
  readonly minutes: number;
  readonly cpuMinutes: number;
}

function added(total: Totals, ended: Ended, { seed, minutes, cpuMinutes }: Spent): Totals {
  total.cases += ended.cases;
  total.minutes = rounded(total.minutes + minutes);
  total.cpuMinutes = rounded(total.cpuMinutes + cpuMinutes);
  total.casesPerSecond = Math.round(total.cases / (total.cpuMinutes * 60));
  total.corpus = ended.corpus.length;
  total.blocks = Math.max(total.blocks, ended.blocks);
  total.longestMs = Math.max(total.longestMs, Math.round(ended.longestMs));
  total.seeds.push(seed);
  if (ended.failure !== null) total.failures.push({ ...ended.failure, seed });
  return total;
}

function rounded(number: number): number {
  return Math.round(number * 100) / 100;
}

function report(name: string, seed: number, { fault, detail, smallest }: Failure): void {
  console.error(`\n${name} failed with seed ${seed}: ${fault}\n${detail}\n\nThe smallest case:\n`);
  console.error(smallest);
}

function plan(): Plan {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: "string", default: "1" },
      seed: { type: "string", default: String(Math.floor(Date.now() / 1000)) },
      slice: { type: "string", default: "60" },
      out: { type: "string" },
    },
  });
  const [name = ""] = positionals;
  const names = name === "rtfs-all" ? NAMES : NAMES.filter((each) => each === name);
  const [minutes, firstSeed, sliceSeconds] = [values.minutes, values.seed, values.slice].map(
    Number,
  ) as [number, number, number];
  const areNumbers = minutes > 0 && sliceSeconds > 0 && Number.isSafeInteger(firstSeed);
  if (names.length === 0 || !areNumbers) usage();
  return { names, minutes, firstSeed, sliceSeconds, out: values.out };
}

process.exit((await soak(plan())) ? 0 : 1);
