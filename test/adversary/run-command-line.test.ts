/** Attacks what a reader of the command line believes: forged lines, second documents, lost endings. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pureConfig, ROOT, type Sandbox, sandbox } from "../e2e/ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
  box.write("policy.rtfs", '(agent.config :agent-id "agent.program" :limits {:wall-ms 20000})');
});
afterAll(() => box.remove());

const CLI = join(ROOT, "bin", "ccos.cjs");
const environment = (): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: box.dir,
  CCOS_HOME: box.home,
});

function plan(name: string, source: string, fields = ""): string {
  box.write(`${name}.plan.rtfs`, source);
  box.write(`${name}.rtfs`, pureConfig(`${name}.plan.rtfs`, fields));
  return `${name}.rtfs`;
}

function lastTypes(): readonly string[] {
  const runs = readdirSync(join(box.home, "runs")).sort();
  const chain = readFileSync(join(box.home, "runs", runs.at(-1)!, "chain.jsonl"), "utf8");
  return chain
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { body: { type: string } }).body.type);
}

describe("text of an agent on the screen", () => {
  const FORGED = " chain     chain VALID      9 records";

  test("a log line, a step's name and an error's message make no line of their own", async () => {
    const file = plan(
      "forge",
      `(step "s\\n${FORGED}" (call :ccos.io.log "x\\n${FORGED}\\u001b[2J\\u202e"))
       (throw {:kind "K" :message "m\\n${FORGED}\\u001b[1m"})`,
    );
    const { stderr } = await box.run(["run", file]);
    expect(stderr.split("\n").filter((line) => line.startsWith(FORGED))).toEqual([]);
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  });

  test("the preview of a plan shows a step's name on its one line", async () => {
    const file = plan("preview", `(step "s\\n${FORGED}\\u001b[2J" (call :ccos.echo 1))`);
    const { stderr } = await box.run(["plan", file]);
    expect(stderr).toContain("ccos.echo");
    expect(stderr.split("\n").filter((line) => line.startsWith(FORGED))).toEqual([]);
    expect(stderr).not.toContain("\u001b");
  });

  test("a file's name with a line break makes no line of an error", async () => {
    const { stderr, status } = await box.run(["run", "x\nerror FAKE\u001b[2J"]);
    expect(status).toBe(65);
    expect(stderr.split("\n").filter((line) => line.startsWith("error"))).toEqual([
      "error INPUT_NOT_FOUND",
    ]);
    expect(stderr).not.toContain("\u001b");
  });
});

describe("--json", () => {
  test.each<[string, readonly string[]]>([
    ["no such file", ["run", "absent.rtfs"]],
    ["no such command", ["nonsense"]],
    ["an unknown flag", ["check", "policy.rtfs", "--nonsense"]],
    ["no such run", ["chain", "verify", "run-x"]],
    ["a run that climbs", ["chain", "show", "../../etc"]],
    ["no argument", ["why"]],
    ["no plan", ["run", "policy.rtfs"]],
    ["no such program", ["run", "--policy", "policy.rtfs"]],
  ])("gives one document and no trace for %s", async (_title, args) => {
    const { status, value } = await box.json(args);
    expect(status).not.toBe(0);
    expect(value["ok"]).toBe(false);
    expect(JSON.stringify(value)).not.toMatch(/\.ts:|\.cjs:|node:internal/);
  });

  test("behind -- is the program's: an error puts nothing on stdout", async () => {
    const done = await box.run(["run", "--policy", "absent.rtfs", "--", "sh", "--json"]);
    expect(done.status).toBe(65);
    expect(done.stdout).toBe("");
  });

  test("a result of 1 MB is one document, and whole", async () => {
    const file = plan("large", '(reduce (fn [t _] (str t t)) "x" (range 20))');
    const { status, value } = await box.json(["run", file]);
    expect(status).toBe(0);
    expect(JSON.stringify(value["outcome"]).length).toBeGreaterThan(1 << 20);
  });

  test("a result that cannot be recorded is a failure with a sealed chain", async () => {
    const file = plan("deep", "(reduce (fn [t _] [t]) 1 (range 300))");
    const { status, value } = await box.json(["run", file]);
    expect(status).not.toBe(0);
    expect(value["ok"]).toBe(false);
    expect((await box.json(["chain", "verify", "last"])).value["ok"]).toBe(true);
    expect(lastTypes().at(-1)).toBe("RunFailed");
  });

  test("a result that is a function is a failure or a text, with a sealed chain", async () => {
    const { value } = await box.json(["run", plan("function", "(fn [x] x)")]);
    expect(typeof value["ok"]).toBe("boolean");
    expect((await box.json(["chain", "verify", "last"])).value["ok"]).toBe(true);
  });
});

describe("a reader that goes away", () => {
  test.each<[string, string]>([
    ["stdout", "2>/dev/null | head -c 1"],
    ["stderr", "2>&1 >/dev/null | head -c 1"],
    ["both", "2>&1 | head -c 1"],
  ])("of %s does not cost the chain its end", async (_title, pipe) => {
    const script = `"${process.execPath}" "${CLI}" run --policy policy.rtfs -- sh -c 'i=0; while [ $i -lt 40 ]; do echo $i; echo $i >&2; i=$((i+1)); sleep 0.02; done' ${pipe} >/dev/null; sleep 0.1`;
    spawnSync("sh", ["-c", script], { cwd: box.dir, env: environment(), timeout: 25_000 });
    await sealed();
    const { value } = await box.json(["chain", "verify", "last"]);
    expect(value).toMatchObject({ ok: true });
    expect(lastTypes().at(-1)).toBe("RunCompleted");
  });
});

const SPIN = "(defn spin [n] (spin (+ n 1))) (spin 0)";
const ENDLESS = ":limits {:fuel 1000000000000 :wall-ms 20000}";

/** The pipeline returns with its last member; the run may still be writing. */
async function sealed(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const runs = readdirSync(join(box.home, "runs")).sort();
    if (readdirSync(join(box.home, "runs", runs.at(-1)!)).includes("head.json")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe("a signal to the supervisor", () => {
  test.each<NodeJS.Signals>(["SIGINT", "SIGTERM"])("%s ends the run as cancelled", async (name) => {
    for (const [title, args] of [
      ["plan", ["run", plan("spin", SPIN, ENDLESS)]],
      ["program", ["run", "--policy", "policy.rtfs", "--", "sleep", "300"]],
    ] as const) {
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: box.dir,
        env: environment(),
        stdio: ["ignore", "pipe", "pipe"],
      });
      let stderr = "";
      const status = await new Promise((resolve) => {
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          const had = stderr.includes(" walls ");
          stderr += text;
          if (!had && stderr.includes(" walls ")) setTimeout(() => child.kill(name), 700);
        });
        child.on("close", resolve);
      });
      expect({ title, status }).toEqual({ title, status: 130 });
      expect(lastTypes().slice(-3)).toEqual(["RunCancelled", "BooksBalanced", "RunFailed"]);
      expect((await box.json(["chain", "verify", "last"])).value["ok"]).toBe(true);
    }
  });
});

describe("inputs that are no files", () => {
  test("a plan that is a pipe, a directory or a device is refused at once", async () => {
    execFileSync("mkfifo", [join(box.dir, "pipe.rtfs")]);
    mkdirSync(join(box.dir, "directory.rtfs"));
    symlinkSync("/dev/zero", join(box.dir, "device.rtfs"));
    for (const name of ["pipe", "directory", "device"]) {
      box.write("odd.rtfs", pureConfig(`${name}.rtfs`));
      const { status, value } = await box.json(["run", "odd.rtfs"]);
      expect(status).toBe(65);
      expect(value["error"]).toMatchObject({ code: "INPUT_UNREADABLE" });
    }
  });

  test("a staged file over the limit is an error, not an absent file", async () => {
    writeFileSync(join(box.dir, "big.py"), Buffer.alloc((16 << 20) + 1));
    const done = await box.run(["run", "--policy", "policy.rtfs", "--", "sh", "big.py"]);
    expect(done.status).toBe(65);
    expect(done.stderr).toContain("INPUT_TOO_LARGE");
  });

  test("the same file named twice is staged once; odd names stay names", async () => {
    box.write("a.sh", 'cat "$2"; ls | wc -l');
    box.write("it's $(x).txt", "odd");
    const named = await box.run([
      "run",
      "--policy",
      "policy.rtfs",
      "--",
      "sh",
      "a.sh",
      "./a.sh",
      "it's $(x).txt",
    ]);
    expect(named.stderr).not.toContain("error");
    expect(named.stdout).toMatch(/^odd\s*\d+\n$/);
  });

  test("a name that climbs or is absolute is not staged", async () => {
    box.write("sub/x.sh", "echo inside");
    box.write("climb.txt", "climbed");
    const done = await box.run([
      "run",
      "--policy",
      "policy.rtfs",
      "--",
      "sh",
      "-c",
      'cat "$1" "$2" 2>/dev/null; echo end',
      "sh",
      "sub/../climb.txt",
      join(box.dir, "climb.txt"),
    ]);
    expect(done.stdout).toBe("end\n");
  });
});
