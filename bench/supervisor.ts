/**
 * What a supervisor holds of memory: when it begins to serve, after jobs, and idle again; beside a bare Node.
 *
 *   npm run build && node bench/supervisor.ts [JOBS] [--json FILE]
 *
 * Resident size of the supervisor's own process, MiB, as the kernel says it; the guest that waits is a process of its own.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { table, writeResults } from "./lib/stats.ts";

const jobs = Number(process.argv[2] ?? 50) || 50;
const IDLE_MS = 10_000;
const cli = join(import.meta.dirname, "..", "bin", "ccos.cjs");
const dir = mkdtempSync(join(tmpdir(), "ccos-bench-"));
const options = { cwd: dir, env: { ...process.env, CCOS_HOME: join(dir, "home") } };
const ccos = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [cli, ...args], { ...options, encoding: "utf8" });
const residentMib = (pid = 0): number => {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? "NaN") / 1024;
};

async function says(child: ChildProcess, text: string): Promise<void> {
  for await (const chunk of child.stdout ?? []) if (String(chunk).includes(text)) return;
}

writeFileSync(join(dir, "plan.rtfs"), "(reduce + 0 (range 1000))");
writeFileSync(join(dir, "agent.rtfs"), '(agent.config :agent-id "agent.bench" :plan "plan.rtfs")');
ccos("package", "agent.rtfs", "--out", "package");
ccos("deploy", "package", "--name", "bench");
const bare = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1e6)"]);
await says(bare, "up");
const supervisor = spawn(process.execPath, [cli, "supervise", "bench", "--json"], {
  ...options,
  stdio: ["ignore", "pipe", "inherit"],
});
await says(supervisor, "state serving");
const serving = residentMib(supervisor.pid);
for (let job = 0; job < jobs; job++) ccos("call", "bench");
const busy = residentMib(supervisor.pid);
await pause(IDLE_MS);
const idle = residentMib(supervisor.pid);
const rows = [
  { what: "bare Node", residentMib: residentMib(bare.pid) },
  { what: "supervisor that begins to serve", residentMib: serving },
  { what: `after ${jobs} jobs`, residentMib: busy },
  { what: `idle for ${IDLE_MS / 1000} s after them`, residentMib: idle },
];
console.log(
  table(
    ["", "MiB"],
    rows.map((row) => [row.what, row.residentMib.toFixed(1)]),
  ),
);
writeResults("supervisor", { jobs, rows });
bare.kill();
ccos("stop", "bench");
rmSync(dir, { recursive: true, force: true });
