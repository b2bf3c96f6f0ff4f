/**
 * The compiled engine beside native JavaScript: fuel, depth, overflow checks and places are on.
 *
 * Native code and the engine run in turn in one process, which has the V8 flags of the guest (it
 * starts itself again with them). A program runs as a plan does, in one run; its host tells the
 * time before and after each `main`. Figures are lower quartiles, because others use the machine.
 *
 * The plan of 200 lines runs in the built guest, each time the first of a new process: build before.
 * Beside it stands what the same costs cold from the sources, V8's compilers counted.
 *
 * Run: `node bench/rtfs.ts [ROUNDS] [PART-OF-A-NAME] [--json FILE]`.
 */
import { spawnSync } from "node:child_process";
import { compiledEngine, runProgram } from "../src/rtfs/index.ts";
import { type FirstPlan, firstPlan, planOf } from "./lib/first-plan.ts";
import { GUEST_FLAG, lowerQuartile, measure, programOf } from "./lib/rtfs-run.ts";
import { type Mark, markLine, shown, table, writeResults } from "./lib/stats.ts";
import { PROGRAMS } from "./rtfs-programs.ts";

/** A plan of 200 lines, from text to its value. */
const PLAN_LIMIT_MS = 15;
const PLAN_ROUNDS = 25;

/** Milliseconds of the processor from the text of a plan with so many lines to its value. */
function planMs(lines: number): number {
  const started = process.cpuUsage();
  const outcome = runProgram(programOf(planOf(lines)), {
    engine: compiledEngine,
    fuel: 1e9,
    depthMax: 5000,
  });
  if (!outcome.ok) throw outcome.error;
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}

/** Lower quartiles over new processes. */
async function firstPlans(exercised: boolean): Promise<FirstPlan> {
  const plan = planOf(200);
  const runs: FirstPlan[] = [];
  for (let round = 0; round < PLAN_ROUNDS; round++) runs.push(await firstPlan(plan, exercised));
  const quartile = (of: (run: FirstPlan) => number): number => lowerQuartile(runs.map(of));
  return {
    wallMs: quartile(({ wallMs }) => wallMs),
    mainMs: quartile(({ mainMs }) => mainMs),
    allMs: quartile(({ allMs }) => allMs),
  };
}

async function main(): Promise<void> {
  const [, , rounds = "15", part = ""] = process.argv;
  const first200 = planMs(200);
  const plans = { cold: first200, warm200: planMs(200), warm400: planMs(400) };
  const first = { cold: await firstPlans(false), exercised: await firstPlans(true) };
  const chosen = PROGRAMS.filter(({ name }) => part.startsWith("--") || name.includes(part));
  const rows = chosen.map((program) => measure(program, Number(rounds)));
  const marks: Mark[] = rows.map(({ name, nativeMs, compiledMs, limit }) => ({
    name: nativeMs === null ? name : `${name} / native`,
    value: compiledMs / (nativeMs ?? 1),
    limit,
    atLeast: false,
  }));
  marks.push(
    {
      name: "first run of a plan of 200 lines in a guest that waited, text to value, ms",
      value: first.exercised.wallMs,
      limit: PLAN_LIMIT_MS,
      atLeast: false,
    },
    {
      name: "plan of 400 lines / of 200",
      value: plans.warm400 / plans.warm200,
      limit: 2.1,
      atLeast: false,
    },
  );
  console.log(
    table(
      ["program", "native ms", "compiled ms", "ratio"],
      rows.map(({ name, nativeMs, compiledMs }) => [
        name,
        nativeMs === null ? "-" : shown(nativeMs),
        shown(compiledMs),
        nativeMs === null ? "-" : shown(compiledMs / nativeMs),
      ]),
    ),
  );
  console.log(
    `plan of 200 lines in a guest that runs nothing before it: ${shown(first.cold.wallMs)} ms, its thread ${shown(first.cold.mainMs)}, ` +
      `all threads ${shown(first.cold.allMs)}; in one that waited: its thread ${shown(first.exercised.mainMs)} ms; ` +
      `cold from the sources, all threads: ${shown(plans.cold)} ms`,
  );
  for (const mark of marks) console.log(markLine(mark));
  writeResults("rtfs", { rounds: Number(rounds), rows, plans, first, marks });
}

if (process.execArgv.includes(GUEST_FLAG)) await main();
else {
  const args = [GUEST_FLAG, "--stack-size=3900", ...process.argv.slice(1)];
  process.exitCode = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
}
