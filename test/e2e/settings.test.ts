/** The operator's settings through the built CLI: found, named, bounding runs, explained, and the mock. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SEED_SETTINGS } from "../../src/config/settings-cases.ts";
import { GUARANTEES } from "../../src/isolation/index.ts";
import { type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
  box.write("seed.toml", SEED_SETTINGS);
  box.write(
    "short.toml",
    '[default_config]\ntimeout = "2s"\nmemory_limit = "96MiB"\ncalls_max = 1\n',
  );
  box.write("bad.toml", '[default_config]\ntimout = "1s"\nmemory_limit_mb = "x"\n');
  box.write("mock.toml", '[environments.testing]\nprovider = "mock"\n');
  box.write(
    "a.rtfs",
    `(agent.config :agent-id "a" :plan "p.rtfs" :features [:fs]
       :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}})`,
  );
  box.write("p.rtfs", "{:args args :sum (call :ccos.math.add 1 2)}");
  box.write(
    "w.rtfs",
    '(agent.config :agent-id "w" :plan "loop.rtfs" :limits {:fuel 1000000000000000})',
  );
  box.write("loop.rtfs", "(loop [] (recur))");
  box.write(
    "f.rtfs",
    `(agent.config :agent-id "f" :plan "write.rtfs" :features [:fs]
       :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}})`,
  );
  box.write("write.rtfs", '(call :ccos.io.write-file "/workspace/x" "x")');
});
afterAll(() => box.remove());

function firstRecord(report: { chain?: { path: string } }): {
  data: Record<string, unknown>;
  facts: Record<string, unknown>;
} {
  const [line = ""] = readFileSync(report.chain?.path ?? "", "utf8").split("\n");
  return JSON.parse(line).body;
}

describe("settings", () => {
  test("reach the sandbox and the gate, and stand in the first record", async () => {
    const { status, value } = await box.json(["run", "a.rtfs", "--settings", "short.toml"]);
    expect(status).toBe(0);
    const { data } = firstRecord(value);
    expect(data["limits"]).toMatchObject({ wallMs: 2_000, memoryMb: 96, calls: 1 });
    expect(data["bounds"]).toMatchObject({ environment: null, settings: expect.any(String) });
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toMatch(/replay IDENTICAL/);
  });

  test("end a program that loops at their timeout", async () => {
    const late = await box.json(["run", "w.rtfs", "--settings", "short.toml"]);
    expect(late.status).toBe(124);
  });

  test("deny what the agent's own config grants, naming their line", async () => {
    const denied = await box.run(["run", "f.rtfs", "--settings", "seed.toml"]);
    expect(denied.status).toBe(77);
    expect(denied.stdout + denied.stderr).toContain("ADMISSION_REFUSED");
    const why = await box.run([
      "why",
      "write /workspace/x",
      "--config",
      "f.rtfs",
      "--settings",
      "seed.toml",
    ]);
    expect(why.status).toBe(77);
    expect(why.stdout).toContain("seed.toml default_config.fs_policy");
    expect((await box.run(["run", "f.rtfs"])).status).toBe(0);
  });

  test("are found beside the command, or below XDG_CONFIG_HOME, or named by CCOS_SETTINGS", async () => {
    const file = async (env: Record<string, string>): Promise<unknown> =>
      (await box.json(["config", "show"], { env })).value["file"];
    expect(await file({})).toBe(null);
    const xdg = join(box.dir, "xdg");
    box.write("xdg/ccos/config.toml", "");
    expect(await file({ XDG_CONFIG_HOME: xdg })).toBe(join(xdg, "ccos", "config.toml"));
    expect(await file({ XDG_CONFIG_HOME: xdg, CCOS_SETTINGS: "short.toml" })).toBe("short.toml");
  });

  test("with errors stop every start, and show all findings", async () => {
    const refused = await box.json(["run", "a.rtfs", "--settings", "bad.toml"]);
    expect(refused.status).toBe(65);
    expect(refused.value["error"]).toMatchObject({
      code: "SETTINGS_INVALID",
      place: "bad.toml:2:1",
    });
    for (const args of [
      ["config", "show"],
      ["check", "a.rtfs"],
    ]) {
      const shown = await box.json([...args, "--settings", "bad.toml"]);
      expect(shown.status).toBe(65);
      expect(shown.value["findings"]).toHaveLength(2);
    }
    expect((await box.run(["run", "a.rtfs", "--settings", "absent.toml"])).status).toBe(65);
  });

  test("are shown with the line that each value comes from", async () => {
    const shown = await box.json(["config", "show", "--env", "testing", "--settings", "seed.toml"]);
    expect(shown.status).toBe(0);
    expect(shown.value["limits"]).toMatchObject({
      wallMs: { value: 5_000, from: "the environment testing: timeout" },
      memoryMb: { value: 128 },
      pids: { from: "ceiling" },
    });
  });
});

test("what the wall used is in the report and in the last record, and a replay does not mind", async () => {
  const { value } = await box.json(["run", "a.rtfs"]);
  const usage = value["usage"] as unknown as Record<string, unknown>;
  expect(["control-group", "process-tree"]).toContain(usage["meter"]);
  const { path } = value["chain"] as unknown as { path: string };
  const last = JSON.parse(readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "");
  expect(last.body).toMatchObject({ type: "RunCompleted", facts: { usage } });
  const verified = await box.run(["chain", "verify", "last", "--replay"]);
  expect(verified.stderr).toMatch(/replay IDENTICAL/);
});

describe("environments", () => {
  test("that do not exist are an error, by flag and by variable", async () => {
    for (const [args, env] of [
      [["--env", "prod"], {}],
      [[], { CCOS_ENV: "prodution" }],
      [["--env", "testing"], { CCOS_ENV: "production" }],
    ] as const) {
      const refused = await box.run(["run", "a.rtfs", ...args], { env });
      expect(refused.status).toBe(64);
    }
  });

  test("are only tightened by the command line", async () => {
    const looser = await box.run(["run", "a.rtfs", "--env", "testing", "--timeout", "6s"]);
    expect(looser.status).toBe(77);
    expect(looser.stderr).toContain("only tightens");
    for (const flags of [
      ["--timeout", "6"],
      ["--memory", "1MiB"],
      ["--wall", "paper"],
    ]) {
      const malformed = await box.run(["run", "a.rtfs", ...flags]);
      expect(malformed.status).toBe(64);
    }
  });

  test("raise the least wall, and a start that has none is refused with every candidate's reason", async () => {
    const planned = await box.json(["plan", "a.rtfs", "--env", "production"]);
    expect(planned.status).toBe(0);
    const { candidates } = planned.value["wall"] as unknown as {
      candidates: readonly { verdict: string }[];
    };
    expect(candidates.filter(({ verdict }) => verdict === "taken")).toHaveLength(1);
    expect(candidates.map(({ verdict }) => verdict)).toContain("not-needed");
    const refused = await box.json(["run", "a.rtfs", "--provider", "nobody"]);
    expect(refused.status).toBe(69);
    const { details } = refused.value["error"] as unknown as {
      details: { candidates: { why: string }[] };
    };
    expect(details.candidates.length).toBeGreaterThan(2);
    for (const { why } of details.candidates) expect(why).toContain('names "nobody"');
  });
});

describe("the mock", () => {
  test("says so on the screen, in the report and in the first record, and replays", async () => {
    const shown = await box.run(["run", "a.rtfs", "--provider", "mock"]);
    expect(shown.status).toBe(0);
    expect(shown.stderr).toContain("THE MOCK: nothing of the program runs");
    expect(shown.stdout).toContain("Mock capability execution");
    const { value } = await box.json([
      "run",
      "a.rtfs",
      "--env",
      "testing",
      "--settings",
      "mock.toml",
    ]);
    expect(value).toMatchObject({ wall: "mock", mock: true, usage: null });
    expect(firstRecord(value).facts).toEqual({ wall: "mock", mock: true });
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toMatch(/replay IDENTICAL/);
  });

  test("runs nothing of any other program either", async () => {
    const args = ["run", "--policy", "w.rtfs", "--provider", "mock", "--json", "--"];
    const done = await box.run([...args, "/bin/sh", "-c", `touch ${box.dir}/touched; echo real`]);
    expect(JSON.parse(done.stdout)).toMatchObject({ ok: true, mock: true });
    expect(done.stdout).not.toContain("real");
    expect(() => readFileSync(join(box.dir, "touched"))).toThrow("ENOENT");
  });

  test.each([
    ["production by flag", ["--production"], 77],
    ["production by environment", ["--env", "production"], 77],
    ["a least wall", ["--wall", "process"], 77],
  ])("is refused under %s", async (_name, args, status) => {
    const refused = await box.run(["run", "a.rtfs", "--provider", "mock", ...args]);
    expect(refused.status).toBe(status);
    expect(refused.stderr).toContain("Cannot take the mock");
  });

  test("is not taken where nobody names it", async () => {
    const { value } = await box.json([
      "run",
      "w.rtfs",
      "--settings",
      "seed.toml",
      "--timeout",
      "1s",
    ]);
    expect(value).toMatchObject({ mock: false });
  });
});

test("words behind -- of a plan are its arguments, as texts", async () => {
  const ran = await box.run(["run", "a.rtfs", "--", "(+ 1 2)", "--json"]);
  expect(ran.stdout).toBe('{:args ["(+ 1 2)" "--json"] :sum 3}\n');
  const verified = await box.run(["chain", "verify", "last", "--replay"]);
  expect(verified.stderr).toMatch(/replay IDENTICAL/);
});

test("doctor --json has one object for each provider", async () => {
  const env = { CCOS_WALLS: "process/landlock" };
  const { value } = await box.json(["doctor"], { env });
  const providers = value["providers"] as unknown as readonly Record<string, unknown>[];
  expect(providers.map(({ backend }) => backend)).toEqual(["landlock"]);
  for (const { name, backend, available, reason, guarantees, startMsP50, ...rest } of providers) {
    expect(rest).toEqual({});
    expect([typeof name, typeof backend, typeof available]).toEqual([
      "string",
      "string",
      "boolean",
    ]);
    expect(typeof reason).toBe(available === true ? "undefined" : "string");
    expect(["number", "undefined"]).toContain(typeof startMsP50);
    expect(Object.keys(guarantees as object)).toEqual([...GUARANTEES]);
    for (const verdict of Object.values(guarantees as object))
      expect(["held", "not-held", "not-measured"]).toContain(verdict);
  }
}, 90_000);
