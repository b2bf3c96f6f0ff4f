/**
 * The trials that go over one limit each: memory, cpu, pids, disk, wall clock, output.
 *
 * Read in this order: limitTrials, then one function a limit. The allowed twin is inside each: some
 * of the resource must have been available before it was cut. An attack that another limit ended, or
 * that a busy host kept from its goal, is not measured.
 *
 * @module
 */
import type { Ending, Guarantee, Measurement } from "../provider.ts";
import type { Report } from "./attack.ts";
import { growingModule } from "./attack-module.ts";
import { scriptProgram } from "./attack-script.ts";
import {
  type Attack,
  type Attackers,
  endingText,
  mib,
  nodeProgram,
  type Observation,
  observe,
  perlProgram,
  type Trial,
  type TrialContext,
} from "./trial.ts";

const MIB = 1024 * 1024;
/** Node itself needs some 50 MiB; perl some 5. */
const NODE_MEMORY_BYTES = 160 * MIB;
const PERL_MEMORY_BYTES = 96 * MIB;
/** Node and the engine in it. */
const SCRIPT_MEMORY_BYTES = 96 * MIB;
const DISK_BYTES = 16 * MIB;
const OUTPUT_BYTES = 64 * 1024;
const PIDS_MAX = 40;
const FORKS = 300;
const WALL_MS = 400;
const CPU_MS = 1_000;
/** CPU time that one process of the attack wants. */
const SPIN_MS = 1_500;
/** For what a busy host only delays. */
const SLOW_WALL_MS = 12_000;
/** In an engine that makes 10 to 40 million a second. */
const SPIN_TURNS = 200_000_000;

type Judge = (observation: Observation) => Omit<Measurement, "guarantee">;

/** Where external programs run, the attacks fork and share memory; elsewhere Node or a script attacks alone. */
export function limitTrials({ by, node }: Attackers): readonly Trial[] {
  if (by === "script") return scriptTrials();
  const memory = [
    memoryTrial(
      "heap",
      { program: nodeProgram({ mode: "heap", bytesMax: 4 * NODE_MEMORY_BYTES }) },
      NODE_MEMORY_BYTES,
    ),
    memoryTrial(
      "buffers",
      { program: nodeProgram({ mode: "buffers", bytesMax: 4 * NODE_MEMORY_BYTES }) },
      NODE_MEMORY_BYTES,
    ),
  ];
  const flood = outputAttack(nodeProgram({ mode: "flood", bytesMax: 16 * MIB }));
  const output = trial("output", "flood by node", flood, judgeOutput);
  return [...(by === "perl" ? perlTrials() : nodeTrials()), ...(node ? memory : []), output];
}

function perlTrials(): readonly Trial[] {
  const amount = 3 * PERL_MEMORY_BYTES;
  const spin = perlProgram({ mode: "spin", seconds: SPIN_MS / 1_000, marker: "spin" });
  const sleep = perlProgram({ mode: "sleep", seconds: 4, marker: "sleep" });
  return [
    trial(
      "wall-clock",
      "sleep by perl",
      { program: sleep, limits: { wallMs: WALL_MS } },
      judgeWallClock,
    ),
    trial(
      "cpu",
      "two spinning children",
      { program: spin, limits: { cpuMs: CPU_MS, wallMs: SLOW_WALL_MS } },
      judgeCpu,
    ),
    trial(
      "pids",
      "forks by perl",
      { program: perlProgram({ mode: "forks", amount: FORKS }), limits: { pidsMax: PIDS_MAX } },
      judgePids,
    ),
    trial(
      "disk",
      "fill by perl",
      fillAttack(perlProgram({ mode: "fill", amount: 4 * DISK_BYTES })),
      judgeDisk,
    ),
    memoryTrial("family", { program: perlProgram({ mode: "family", amount }) }, PERL_MEMORY_BYTES),
    memoryTrial("shared", { program: perlProgram({ mode: "shared", amount }) }, PERL_MEMORY_BYTES),
  ];
}

function nodeTrials(): readonly Trial[] {
  const sleep = nodeProgram({ mode: "sleep", ms: 4_000 });
  const spin = nodeProgram({ mode: "spin", ms: SPIN_MS });
  const children = nodeProgram({ mode: "children", count: FORKS });
  return [
    trial(
      "wall-clock",
      "sleep by node",
      { program: sleep, limits: { wallMs: WALL_MS } },
      judgeWallClock,
    ),
    trial(
      "cpu",
      "spin by node",
      { program: spin, limits: { cpuMs: CPU_MS, wallMs: SLOW_WALL_MS } },
      judgeCpu,
    ),
    trial(
      "pids",
      "children by node",
      { program: children, limits: { pidsMax: PIDS_MAX } },
      judgePids,
    ),
    trial(
      "disk",
      "fill by node",
      fillAttack(nodeProgram({ mode: "fill", bytesMax: 4 * DISK_BYTES })),
      judgeDisk,
    ),
  ];
}

/** The same limits from inside an engine, and those that only an engine has: a module's own memory. */
function scriptTrials(): readonly Trial[] {
  const bytesMax = 4 * SCRIPT_MEMORY_BYTES;
  const spin = scriptProgram({ mode: "spin", turns: SPIN_TURNS });
  const sleep = scriptProgram({ mode: "sleep", ms: 4_000 });
  const flood = scriptProgram({ mode: "flood", bytesMax: 16 * MIB });
  const fill = scriptProgram({ mode: "fill", bytesMax: 4 * DISK_BYTES });
  const children = scriptProgram({ mode: "children", count: FORKS });
  const memory = (["heap", "buffers"] as const).map((mode) =>
    memoryTrial(mode, { program: scriptProgram({ mode, bytesMax }) }, SCRIPT_MEMORY_BYTES),
  );
  return [
    trial("cpu", "spin", { program: spin, limits: { cpuMs: CPU_MS, wallMs: 8_000 } }, judgeCpu),
    trial("wall-clock", "sleep", { program: sleep, limits: { wallMs: WALL_MS } }, judgeWallClock),
    trial("pids", "children", { program: children, limits: { pidsMax: PIDS_MAX } }, judgePids),
    trial("disk", "fill", fillAttack(fill), judgeDisk),
    trial("output", "flood", outputAttack(flood), judgeOutput),
    ...memory,
    memoryTrial("grow", { program: growingModule(bytesMax) }, SCRIPT_MEMORY_BYTES),
  ];
}

function trial(guarantee: Guarantee, name: string, attack: Attack, judge: Judge): Trial {
  const run = async (context: TrialContext): Promise<readonly Measurement[]> => [
    { guarantee, ...judge(await observe(context, attack)) },
  ];
  return { name, guarantees: [guarantee], run };
}

function memoryTrial(mode: string, attack: Attack, memoryBytes: number): Trial {
  return trial(
    "memory",
    mode,
    { ...attack, limits: { memoryBytes, wallMs: SLOW_WALL_MS } },
    (seen) => judgeMemory(seen, mode, memoryBytes),
  );
}

function outputAttack(program: Attack["program"]): Attack {
  return { program, limits: { outputBytes: OUTPUT_BYTES } };
}

function fillAttack(program: Attack["program"]): Attack {
  return { program, limits: { diskBytes: DISK_BYTES } };
}

/**
 * How far over its limit an attack may get before it is cut. The count includes memory that was freed (a
 * killed child's); a watchdog looks every 100 ms; the kernel's own bound on one process stands above it.
 */
const MEMORY_OVERSHOOT = 2.5;

/** The attack wants four times the limit for one process, three for several. */
function judgeMemory(
  seen: Observation,
  mode: string,
  limit: number,
): Omit<Measurement, "guarantee"> {
  const most = Math.max(0, ...progress(seen.reports, "memory"));
  const had = `${mode}: ${mib(most)} of ${mib(limit)}, ${endingText(seen.ending)}`;
  if (most > limit * MEMORY_OVERSHOOT) return { verdict: "not-held", evidence: had };
  if (endedBy(seen.ending, "memory")) return { verdict: "held", evidence: had };
  const refused = seen.reports.find((each) => each.outcome === "blocked");
  const through = seen.reports.some((each) => each.outcome === "through");
  if (through || interrupted(seen.ending))
    return { verdict: "not-measured", evidence: `${had}: ended before its limit` };
  if (most === 0 && refused === undefined) return notRun(seen);
  return {
    verdict: "held",
    evidence: refused === undefined ? had : `${mode}: refused: ${refused.saw}`,
  };
}

function judgeCpu(seen: Observation): Omit<Measurement, "guarantee"> {
  if (endedBy(seen.ending, "cpu"))
    return { verdict: "held", evidence: `ended by cpu under a limit of ${CPU_MS} ms` };
  if (interrupted(seen.ending))
    return { verdict: "not-measured", evidence: `${endingText(seen.ending)} before the CPU limit` };
  if (!seen.reports.some((each) => each.guarantee === "cpu")) return notRun(seen);
  return {
    verdict: "not-held",
    evidence: `outlived ${CPU_MS} ms of CPU time: ${endingText(seen.ending)}`,
  };
}

function judgePids(seen: Observation): Omit<Measurement, "guarantee"> {
  const started = progress(seen.reports, "pids")[0];
  if (started === undefined)
    return endedBy(seen.ending, "memory")
      ? { verdict: "not-measured", evidence: "ended by memory first" }
      : notRun(seen);
  const evidence = `${started} of ${FORKS} processes under a limit of ${PIDS_MAX}`;
  return { verdict: started <= PIDS_MAX ? "held" : "not-held", evidence };
}

function judgeDisk(seen: Observation): Omit<Measurement, "guarantee"> {
  const rows = seen.reports.filter(
    (each) => each.guarantee === "disk" && each.outcome === "progress",
  );
  if (rows.length === 0) return notRun(seen);
  const over = rows.find((each) => Number.parseInt(each.saw, 10) > DISK_BYTES);
  const shown = rows
    .map((each) => `${mib(Number.parseInt(each.saw, 10))} in ${each.attempt}`)
    .join(", ");
  const evidence = `${shown}; limit ${mib(DISK_BYTES)}`;
  return { verdict: over === undefined ? "held" : "not-held", evidence };
}

function judgeWallClock(seen: Observation): Omit<Measurement, "guarantee"> {
  if (endedBy(seen.ending, "timeout"))
    return { verdict: "held", evidence: `ended after ${WALL_MS} ms` };
  if (endedBy(seen.ending, "cancelled")) return { verdict: "not-measured", evidence: "cancelled" };
  const elapsed = `${Math.round(seen.elapsedMs)} ms under a limit of ${WALL_MS} ms`;
  return seen.elapsedMs > 5 * WALL_MS ? { verdict: "not-held", evidence: elapsed } : notRun(seen);
}

function judgeOutput(seen: Observation): Omit<Measurement, "guarantee"> {
  const evidence = `${seen.outputBytes} of ${16 * MIB} bytes came out, limit ${OUTPUT_BYTES}`;
  if (seen.outputBytes === 0) return notRun(seen);
  if (seen.outputBytes > OUTPUT_BYTES) return { verdict: "not-held", evidence };
  if (endedBy(seen.ending, "output")) return { verdict: "held", evidence };
  return { verdict: "not-measured", evidence: `${evidence}: ${endingText(seen.ending)}` };
}

function progress(reports: readonly Report[], guarantee: Guarantee): readonly number[] {
  const mine = reports.filter(
    (each) => each.guarantee === guarantee && each.outcome === "progress",
  );
  return mine.map((each) => Number.parseInt(each.saw, 10));
}

function endedBy(ending: Ending, by: Extract<Ending, { kind: "killed" }>["by"]): boolean {
  return ending.kind === "killed" && ending.by === by;
}

/** Something else than the attack's own limit ended it. */
function interrupted(ending: Ending): boolean {
  return endedBy(ending, "timeout") || endedBy(ending, "cancelled") || endedBy(ending, "output");
}

function notRun(seen: Observation): Omit<Measurement, "guarantee"> {
  const why = seen.complaint
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, 80);
  return {
    verdict: "not-measured",
    evidence: `the attack did not run (${endingText(seen.ending)}) ${why}`.trim(),
  };
}
