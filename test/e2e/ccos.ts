/** Runs the built CLI as a user does, with a state directory of its own. */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export const ROOT: string = join(import.meta.dirname, "..", "..");
const CLI = join(ROOT, "bin", "ccos.cjs");

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Sandbox {
  readonly dir: string;
  readonly home: string;
  /** Write a file below the directory. */
  write(name: string, content: string | Uint8Array): string;
  run(
    args: readonly string[],
    options?: { env?: Record<string, string>; input?: string; timeoutMs?: number },
  ): Promise<Finished>;
  /** The `--json` document of a command. */
  json(
    args: readonly string[],
    options?: { env?: Record<string, string> },
  ): Promise<{ status: number | null; value: Record<string, unknown> & { [key: string]: never } }>;
  remove(): void;
}

export function sandbox(): Sandbox {
  const dir = mkdtempSync(join(tmpdir(), "ccos-e2e-"));
  const home = join(dir, "home");
  adoptMeasurements(home);
  const run: Sandbox["run"] = (args, options = {}) =>
    new Promise((resolve, reject) => {
      const env = { PATH: process.env["PATH"] ?? "", HOME: dir, CCOS_HOME: home, ...options.env };
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: dir,
        env,
        stdio: ["pipe", "pipe", "pipe"],
      });
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 60_000);
      child.on("error", reject);
      child.on("close", (status, signal) => {
        clearTimeout(timer);
        resolve({ status, signal, stdout, stderr });
      });
      child.stdin.on("error", () => undefined);
      child.stdin.end(options.input ?? "");
    });
  return {
    dir,
    home,
    write(name, content) {
      const path = join(dir, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      return path;
    },
    run,
    async json(args, options = {}) {
      const finished = await run([...args, "--json"], options);
      return { status: finished.status, value: JSON.parse(finished.stdout) };
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** What warm-walls.ts measured once for the whole suite: a new state directory need not measure again, nor boot a machine. */
function adoptMeasurements(home: string): void {
  const warm = process.env["CCOS_TEST_WARM_HOME"];
  if (warm === undefined) throw new Error("warm-walls.ts did not run: see vitest.config.ts");
  mkdirSync(home, { mode: 0o700 });
  cpSync(join(warm, "walls"), join(home, "walls"), { recursive: true, preserveTimestamps: true });
  const templates = join(warm, "templates");
  if (!existsSync(templates)) return;
  mkdirSync(join(home, "templates"), { mode: 0o700 });
  for (const name of readdirSync(templates))
    linkSync(join(templates, name), join(home, "templates", name));
}

/** A config for a pure plan, with `fields` spliced in. */
export function pureConfig(plan: string, fields = ""): string {
  return `(agent.config :version "0.1" :agent-id "agent.test" :plan "${plan}" ${fields})`;
}
