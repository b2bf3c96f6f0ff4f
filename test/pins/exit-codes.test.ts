/**
 * The exit statuses of `ccos`, each provoked through the built CLI. Scripts depend on them: a change here is a
 * change of the public contract (docs/ERRORS.md).
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pureConfig, ROOT, type Sandbox, sandbox } from "../e2e/ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
});
afterAll(() => box.remove());

const PROGRAM = '(agent.config :version "0.1" :agent-id "agent.program" :limits {:wall-ms 8000})';
const shell = (script: string): readonly string[] => [
  "run",
  "--policy",
  "program.rtfs",
  "--",
  "sh",
  "-c",
  script,
];

const CASES: readonly (readonly [status: number, what: string, args: readonly string[]])[] = [
  [0, "a plan that ends with a value", ["run", "value.rtfs"]],
  [0, "a run that finished its work although a call was denied", ["run", "caught.rtfs"]],
  [0, "a program that ends with 0", shell("exit 0")],
  [0, "a config without errors", ["check", "value.rtfs"]],
  [1, "a plan that fails", ["run", "fails.rtfs"]],
  [1, "a plan that runs out of fuel", ["run", "fuel.rtfs"]],
  [1, "a program that ends with any other status than 0", shell("exit 77")],
  [64, "no command", []],
  [64, "an unknown command", ["frobnicate"]],
  [64, "an unknown flag", ["check", "--nope", "value.rtfs"]],
  [65, "a config with errors", ["check", "broken.rtfs"]],
  [65, "a run of a config with errors", ["run", "broken.rtfs"]],
  [65, "a plan that cannot be read", ["run", "unread.rtfs"]],
  [65, "an absent file", ["check", "absent.rtfs"]],
  [65, "an absent run", ["chain", "verify", "run-01HF7YAT00000000000000000A"]],
  [69, "a config that cannot be enforced", ["run", "unenforceable.rtfs"]],
  [77, "a plan that is refused", ["run", "refused.rtfs"]],
  [77, "a denial that the plan does not catch", ["run", "denied.rtfs"]],
  [
    77,
    "an effect that would be denied",
    ["why", "GET https://a.example/", "--config", "value.rtfs"],
  ],
  [124, "the wall-clock limit of a plan", ["run", "clock.rtfs"]],
  [137, "a program that SIGKILL ended", shell("kill -KILL $$")],
  [143, "a program that SIGTERM ended", shell("kill -TERM $$")],
];

function agent(name: string, plan: string, fields = ""): void {
  box.write(`${name}.plan.rtfs`, plan);
  box.write(`${name}.rtfs`, pureConfig(`${name}.plan.rtfs`, fields));
}

beforeAll(() => {
  const ungranted = '(call :ccos.system.get-env (str "HO" "ME" (count u)))';
  const spin = "(defn spin [n] (spin (+ n 1))) (spin 0)";
  agent("value", "(+ 1 2)");
  agent("caught", `(def u "x") (step "s" (try ${ungranted} (catch _ e :denied)))`);
  agent("fails", "(/ 1 0)");
  agent("fuel", spin, ":limits {:fuel 1000}");
  agent("unread", "(+ 1");
  agent("unenforceable", "1", ":causal_chain {:anchor {:enabled true}}");
  agent("refused", '(step "s" (call :ccos.network.http-fetch "https://a.example/"))');
  agent("denied", `(def u "x") (step "s" ${ungranted})`);
  agent("clock", spin, ":limits {:wall-ms 500 :fuel 1000000000000}");
  box.write("broken.rtfs", '(agent.config :agent-id "../x" :plan "value.plan.rtfs")');
  box.write("program.rtfs", PROGRAM);
});

describe("exit status", () => {
  test.each(CASES)("%i: %s", async (status, _what, args) => {
    const done = await box.run(args);
    expect(done, done.stderr).toMatchObject({ status, signal: null });
  });

  test("65: a chain that was edited", async () => {
    await box.run(["run", "value.rtfs"]);
    const shown = await box.json(["run", "value.rtfs"]);
    const { path } = shown.value["chain"] as unknown as { path: string };
    writeFileSync(path, readFileSync(path, "utf8").replace('"seq":1', '"seq":7'));
    expect((await box.run(["chain", "verify", "last"])).status).toBe(65);
  });

  test("70: a guest that is not what was built", async () => {
    const copy = mkdtempSync(join(tmpdir(), "ccos-broken-"));
    try {
      for (const name of ["bin", "dist", "package.json"])
        cpSync(join(ROOT, name), join(copy, name), { recursive: true });
      mkdirSync(join(copy, "node_modules"));
      writeFileSync(join(copy, "dist", "guest", "rtfs-guest.cjs"), "process.exit(0);");
      const done = await runFrom(copy, ["run", "value.rtfs"]);
      expect(done.stderr).toContain("PROVIDER_CRASHED");
      expect(done.status).toBe(70);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  test("130: a run that was interrupted", async () => {
    agent("endless", "(defn spin [n] (spin (+ n 1))) (spin 0)", ":limits {:fuel 1000000000000}");
    const done = await runFrom(ROOT, ["run", "endless.rtfs"], /walls /);
    expect(done, done.stderr).toMatchObject({ status: 130, signal: null });
    expect(done.stderr).toContain("CANCELLED");
    expect(done.status).toBe(130);
  });
});

/** Run the CLI that lies in `root`; SIGINT once `interruptAt` shows on stderr. */
function runFrom(
  root: string,
  args: readonly string[],
  interruptAt: RegExp | null = null,
): Promise<{ status: number | null; signal: string | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "bin", "ccos.cjs"), ...args], {
      cwd: box.dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: box.dir, CCOS_HOME: box.home },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    let awaited = interruptAt;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (awaited?.test(stderr) !== true) return;
      awaited = null;
      child.kill("SIGINT");
    });
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stderr }));
  });
}
