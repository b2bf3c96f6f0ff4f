/** Plans through the built CLI: results, refusals, endings and their exit codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pureConfig, type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
});
afterAll(() => box.remove());

/** Write config and plan; give the config's name. */
function agent(name: string, plan: string, fields = ""): string {
  box.write(`${name}.plan.rtfs`, plan);
  box.write(`${name}.rtfs`, pureConfig(`${name}.plan.rtfs`, fields));
  return `${name}.rtfs`;
}

describe("ccos run, a plan", () => {
  test("prints the value in RTFS on stdout, everything else on stderr, and exits 0", async () => {
    const done = await box.run([
      "run",
      agent("pure", '(step "sum" {:total (+ 1 2) :half (/ 3 2)})'),
    ]);
    expect(done.stdout).toBe("{:total 3 :half 1.5}\n");
    expect(done.stderr).toContain("books balance (declared 0 = gate 0");
    expect(done.status).toBe(0);
  });

  test("verifies and replays to the same head, and says so last", async () => {
    const plan =
      '(step "think" (call :ccos.math.add 20 22)) (step "when" (do (call :ccos.system.current-timestamp-ms) (call :ccos.echo [1 "a" :k])))';
    expect((await box.run(["run", agent("replay", plan)])).status).toBe(0);
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toMatch(/chain VALID .*\n.*head LOGGED .*\n.*replay IDENTICAL/);
    expect(verified.status).toBe(0);
  });

  test("names which walls stood in its first record", async () => {
    await box.run(["run", agent("walls", "1")]);
    const shown = await box.run(["chain", "show", "last", "--json"]);
    const first = JSON.parse(shown.stdout.split("\n")[0] ?? "") as {
      body: { type: string; facts: { wall: string; matrix: string } };
    };
    expect(first.body.type).toBe("RunStarted");
    expect(first.body.facts.wall).toMatch(/^process\//);
    expect(first.body.facts.matrix).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test("refuses a plan that calls what the config does not grant, before it runs, naming step and rule", async () => {
    const refused = await box.run([
      "run",
      agent("ungranted", '(step "leak" (call :ccos.network.http-fetch "https://evil.test/"))'),
    ]);
    expect(refused.status).toBe(77);
    expect(refused.stderr).toContain("ADMISSION_REFUSED");
    expect(refused.stderr).toContain('in step "leak"');
    const planned = await box.json(["plan", "ungranted.rtfs"]);
    expect(planned.status).toBe(77);
    expect(JSON.stringify(planned.value)).toContain("CAPABILITY_DENIED");
  });

  test("tells what a step may do and which line allows it, and records that before the first step", async () => {
    const file = agent(
      "explained",
      '(step "keep" (call :ccos.io.write-file "/workspace/x" "t"))',
      ':features [:fs] :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}}',
    );
    const shown = await box.run(["plan", file, "--explain", "keep"]);
    expect(shown.stderr).toContain("write /workspace/x  by capabilities.fs.paths[0]");
    const { value } = await box.json(["plan", file, "--explain", "keep"]);
    const { digest } = value as unknown as { digest: string };
    await box.run(["run", file]);
    const chain = await box.run(["chain", "show", "last", "--json"]);
    const records = chain.stdout.trimEnd().split("\n").slice(0, 5);
    expect(records.map((line) => (JSON.parse(line) as { body: object }).body)).toMatchObject([
      { type: "RunStarted" },
      { type: "PlanAdmitted" },
      { type: "StepProfileDerived", data: { step: null } },
      { type: "StepProfileDerived", data: { step: "keep", profile: digest } },
      { type: "StepStarted" },
    ]);
    const unknown = await box.run(["plan", file, "--explain", "other"]);
    expect([unknown.status, unknown.stderr]).toEqual([
      64,
      expect.stringContaining("its steps: keep"),
    ]);
  });

  test("refuses a capability id that is computed at run time", async () => {
    const refused = await box.run([
      "plan",
      agent("computed", '(defn f [x] (call (str "ccos." x) 1)) (step "s" (f "echo"))'),
    ]);
    expect(refused.status).toBe(77);
    expect(refused.stderr).toContain("CAPABILITY_ID_COMPUTED");
  });

  test("ends a program that fails with 1, naming kind and place", async () => {
    const failed = await box.run(["run", agent("fails", "(let [x 1]\n  (/ x 0))")]);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(/PROGRAM_ERROR.*DivisionByZero.*2:3/);
    expect(failed.stdout).toBe("");
  });

  test("ends an uncaught denial with 77", async () => {
    const denied = await box.run([
      "run",
      agent(
        "denied",
        '(def u "https://evil.test/") (step "s" (call :ccos.system.get-env (str "HO" "ME" (count u))))',
      ),
    ]);
    expect(denied.status).toBe(77);
    expect(denied.stderr).toContain("ENVIRONMENT_DENIED");
  });

  test("ends a program that loops on fuel with 1, and on the wall clock with 124", async () => {
    const plan = "(defn spin [n] (spin (+ n 1))) (spin 0)";
    const fuel = await box.run(["run", agent("fuel", plan, ":limits {:fuel 100000}")]);
    expect(fuel.status).toBe(1);
    expect(fuel.stderr).toContain("LIMIT_FUEL");
    const clock = await box.run([
      "run",
      agent("clock", plan, ":limits {:wall-ms 700 :fuel 1000000000000}"),
    ]);
    expect(clock.status).toBe(124);
    expect(clock.stderr).toContain("LIMIT_TIME");
  });

  test("ends a program that eats memory without harm to the host", async () => {
    const eater = agent(
      "memory",
      '(defn grow [s] (grow (str s s))) (grow "xxxxxxxxxxxxxxxx")',
      ":limits {:memory-mb 128}",
    );
    const ended = await box.run(["run", eater]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/LIMIT_MEMORY|LIMIT_FUEL|LimitExceeded|ResourceError/);
  });
});

describe("bad input", () => {
  test.each<[string, string | Uint8Array, string]>([
    ["unbalanced", "(agent.config :version", "PARSE_ERROR"],
    ["stray closer", "(agent.config))", "PARSE_ERROR"],
    ["deep nesting", `(agent.config :env ${"[".repeat(100_000)})`, "PARSE_ERROR"],
    ["an unknown key", '(agent.config :agent-idd "x")', "UNKNOWN_FIELD"],
    ["__proto__ as a key", "(agent.config :__proto__ {:polluted true})", "UNKNOWN_FIELD"],
    ["a wrong type", "(agent.config :version 1)", "TYPE_MISMATCH"],
    ["an empty file", "", "PARSE_ERROR"],
  ])("check reports %s with its code and 65", async (name, source, code) => {
    const file = `bad-${name.replaceAll(/[^a-z]/g, "-")}.rtfs`;
    box.write(file, source);
    const checked = await box.run(["check", file]);
    expect(checked.stderr).toContain(code);
    expect(checked.stderr).not.toMatch(/at .*\.ts:\d+|RangeError|TypeError:/);
    expect(checked.status).toBe(65);
  });

  test("check reports every finding at once, as JSON too", async () => {
    box.write(
      "many.rtfs",
      '(agent.config :agent-id "../x" :profil :minimal :network {:egress {:allow-domains ["*.com"]}})',
    );
    const { status, value } = await box.json(["check", "many.rtfs"]);
    expect(status).toBe(65);
    const codes = (value["findings"] as unknown as { code: string }[]).map(
      (finding) => finding.code,
    );
    expect(codes).toEqual(
      expect.arrayContaining(["UNKNOWN_FIELD", "INVALID_AGENT_ID", "INVALID_DOMAIN_PATTERN"]),
    );
  });

  test("invalid UTF-8, 100 MB, a directory and an absent file are four errors", async () => {
    box.write("latin1.rtfs", Uint8Array.from([0x28, 0xff, 0xfe, 0x29]));
    box.write("huge.rtfs", Buffer.alloc(100 * 1024 * 1024, 0x28));
    box.write("sub/x", "");
    const cases = [
      ["latin1.rtfs", "INPUT_NOT_UTF8"],
      ["huge.rtfs", "INPUT_TOO_LARGE"],
      ["sub", "INPUT_UNREADABLE"],
      ["absent.rtfs", "INPUT_NOT_FOUND"],
    ] as const;
    for (const [file, code] of cases) {
      const checked = await box.run(["check", file]);
      expect(checked.stderr).toContain(code);
      expect(checked.status).toBe(65);
    }
  });

  test("an unknown flag and an unknown command are usage errors that teach", async () => {
    const flag = await box.run(["check", "--nope", "x"]);
    expect(flag.status).toBe(64);
    expect(flag.stderr).toContain("Usage: ccos check FILE");
    const command = await box.run(["chekc"]);
    expect(command.status).toBe(64);
    expect(command.stderr).toContain("ccos check");
  });
});

describe("ccos why", () => {
  test("is the gate's answer: 77 for a host no rule names, 0 for one that is granted", async () => {
    box.write(
      "net.rtfs",
      '(agent.config :agent-id "a" :features [:network] :network {:enabled true :egress {:via :proxy :allow-domains ["api.example.com"]}} :capabilities {:http {:enabled true}})',
    );
    const denied = await box.run(["why", "POST https://evil.test/x", "--config", "net.rtfs"]);
    expect(denied.status).toBe(77);
    expect(denied.stdout).toContain("EGRESS_DENIED");
    const allowed = await box.run(["why", "GET https://api.example.com/x", "--config", "net.rtfs"]);
    expect(allowed.status).toBe(0);
    expect(allowed.stdout).toContain("network.egress.allow-domains[0]");
  });
});

describe("state", () => {
  test("a run's directory is private and holds its chain, head and inputs", async () => {
    await box.run(["run", agent("state", "1")]);
    const { value } = await box.json(["chain", "list"]);
    const id = (value["runs"] as unknown as string[]).at(-1) ?? "";
    const dir = join(box.home, "runs", id);
    expect(readFileSync(join(dir, "chain.jsonl"), "utf8").split("\n")[0]).toContain(
      '"type":"RunStarted"',
    );
    expect(JSON.parse(readFileSync(join(dir, "head.json"), "utf8")).algorithm).toBe("ed25519");
  });

  test("a start that is refused for a missing secret leaves no run", async () => {
    const runs = async (): Promise<unknown> => (await box.json(["chain", "list"])).value["runs"];
    const before = await runs();
    const fields =
      ':secrets {:TOKEN {:source "env:ABSENT" :origins ["https://a.example"] :headers ["x-t"]}}';
    const refused = await box.run(["run", agent("secret", "1", fields)]);
    expect(refused.stderr).toContain("SECRET_UNAVAILABLE");
    expect(refused.status).toBe(69);
    expect(await runs()).toEqual(before);
  });
});
