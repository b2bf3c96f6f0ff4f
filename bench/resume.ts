/**
 * How long a killed run of many effects takes to go on, beside the plain start of a run and a replay.
 *
 *   npm run build && node bench/resume.ts [EFFECTS] [ROUNDS] [--json FILE]
 *
 * The run is killed for real before its last record; each round resumes a copy of what it left. Whole processes, from
 * their start to their end. The limit of 2 s is for 10 000 effects.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Contender,
  elapsedMs,
  interleaved,
  type Mark,
  markLine,
  median,
  table,
  writeResults,
} from "./lib/stats.ts";

const [effects = 10_000, rounds = 5] = process.argv
  .slice(2)
  .filter((word) => /^\d+$/.test(word))
  .map(Number);
const root = join(import.meta.dirname, "..");
const cli = join(root, "bin", "ccos.cjs");
const preload = join(root, "test", "fault", "kill-at-write.cjs");
const dir = mkdtempSync(join(process.env["CCOS_BENCH_DIR"] ?? process.cwd(), ".bench-resume-"));
const homeOf = (name: string): string => join(dir, name);
const environment = (home: string): NodeJS.ProcessEnv => ({ ...process.env, CCOS_HOME: home });

writeFileSync(
  join(dir, "agent.rtfs"),
  `(agent.config :agent-id "agent.bench" :plan "p.rtfs" :features [:fs] :limits {:calls ${effects}}
     :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}})`,
);
writeFileSync(
  join(dir, "p.rtfs"),
  `(step "write" (count (map (fn [i] (call :ccos.io.write-file (str "/workspace/f" (mod i 10)) (str i))) (range ${effects}))))`,
);
writeFileSync(join(dir, "small.rtfs"), '(agent.config :agent-id "agent.bench" :plan "s.rtfs")');
writeFileSync(join(dir, "s.rtfs"), "(+ 1 2)");

function ccos(home: string, ...args: readonly string[]): void {
  execFileSync(process.execPath, [cli, ...args], {
    cwd: dir,
    env: environment(home),
    stdio: ["ignore", "ignore", "pipe"],
  });
}

const killed = homeOf("killed");
ccos(killed, "run", "small.rtfs");
rmSync(join(killed, "runs"), { recursive: true });
const begun = performance.now();
const ended = spawnSync(process.execPath, ["--require", preload, cli, "run", "agent.rtfs"], {
  cwd: dir,
  env: { ...environment(killed), CCOS_TEST_KILL: "before BooksBalanced" },
});
if (ended.signal !== "SIGKILL") throw new Error(`It was not killed: ${String(ended.stderr)}`);
const firstMs = performance.now() - begun;

let copies = 0;
function copy(): string {
  const home = homeOf(`copy-${copies++}`);
  cpSync(killed, home, { recursive: true, preserveTimestamps: true });
  return home;
}

const started = homeOf("started");
cpSync(killed, started, { recursive: true, preserveTimestamps: true });
let last = "";
const contenders: readonly Contender[] = [
  { name: "a run of nothing", round: () => elapsedMs(() => ccos(started, "run", "small.rtfs")) },
  {
    name: `resume, ${effects} effects`,
    round: () => {
      last = copy();
      return elapsedMs(() => ccos(last, "resume", "last"));
    },
  },
  {
    name: `verify and replay, ${effects} effects`,
    round: () => elapsedMs(() => ccos(last, "chain", "verify", "last", "--replay")),
  },
];
const results = await interleaved(contenders, rounds);
const rows = contenders.map(({ name }) => ({ name, medianMs: median(results.get(name) ?? []) }));
console.log(`the run that was killed took ${(firstMs / 1000).toFixed(1)} s`);
console.log(
  table(
    ["", "ms, median"],
    rows.map(({ name, medianMs }) => [name, medianMs.toFixed(0)]),
  ),
);
const mark: Mark = {
  name: `resume of ${effects} effects, ms`,
  value: rows[1]?.medianMs ?? Number.NaN,
  limit: 2_000,
  atLeast: false,
};
console.log(markLine(mark));
writeResults("resume", { effects, rounds, firstMs, rows, mark });
rmSync(dir, { recursive: true, force: true });
