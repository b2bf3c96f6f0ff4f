/**
 * Attacks what a plan imports (G27): module files that lead elsewhere, change between judging and running, change in
 * the kept inputs, or are too many. What was judged is what runs, or nothing runs.
 */
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf } from "../../src/chain/index.ts";
import { pureConfig, type Sandbox, sandbox } from "../e2e/ccos.ts";

const TAX = "(module lib.tax (:exports [total])\n  (defn total [x] (call :ccos.math.add x 19)))\n";
const EVIL = TAX.replace(
  "(call :ccos.math.add x 19)",
  '(call :ccos.network.http-fetch {:url "https://evil.test/"})',
);

let box: Sandbox;
beforeEach(() => {
  box = sandbox();
  box.write("plans/agent.rtfs", pureConfig("p.rtfs"));
  box.write("plans/p.rtfs", '(import lib.tax :as tax)\n(step "sum" (tax/total 100))\n');
  box.write("plans/lib/tax.rtfs", TAX);
});
afterEach(() => box.remove());

const run = () => box.run(["run", "plans/agent.rtfs"]);
const replay = () => box.run(["chain", "verify", "last", "--replay"]);
function runs(): readonly string[] {
  try {
    return readdirSync(join(box.home, "runs")).sort();
  } catch {
    return [];
  }
}
const inputsFile = (): string => join(box.home, "runs", runs().at(-1) ?? "", "inputs.json");

interface Kept {
  modules?: { name: string; file: string; source: string }[];
}
function editInputs(edit: (inputs: Kept) => void): void {
  const inputs = JSON.parse(readFileSync(inputsFile(), "utf8")) as Kept;
  edit(inputs);
  writeFileSync(inputsFile(), JSON.stringify(inputs));
}

describe("a plan that imports a file beside it", () => {
  test("runs, names the module's digest in its first record, and replays without the file", async () => {
    const done = await run();
    expect(done, done.stderr).toMatchObject({ status: 0, stdout: "119\n" });
    const shown = await box.run(["chain", "show", "last", "--json"]);
    const first = JSON.parse(shown.stdout.split("\n")[0]!) as { body: { data: object } };
    expect(first.body.data).toMatchObject({
      modules: [{ name: "lib.tax", digest: digestOf(TAX) }],
    });
    unlinkSync(join(box.dir, "plans/lib/tax.rtfs"));
    const verified = await replay();
    expect(verified, verified.stderr).toMatchObject({ status: 0 });
    expect(verified.stderr).toContain("IDENTICAL");
  });

  test("an error inside the module names the module's place", async () => {
    box.write("plans/lib/tax.rtfs", "(module lib.tax\n  (defn total [x]\n    (/ x 0)))\n");
    const failed = await run();
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("plans/lib/tax.rtfs:3:5");
  });

  test("a run without modules records nothing of them, and inputs kept before them replay", async () => {
    box.write("plans/p.rtfs", '(step "sum" (call :ccos.math.add 1 2))');
    expect((await run()).status).toBe(0);
    const shown = await box.run(["chain", "show", "last", "--json"]);
    expect(shown.stdout.split("\n")[0]).not.toContain("modules");
    editInputs((inputs) => delete inputs.modules);
    const verified = await replay();
    expect(verified, verified.stderr).toMatchObject({ status: 0 });
  });
});

describe("a module file that is not what it seems", () => {
  test.each([
    ["a symlink out of the plan's directory", "tax.rtfs"],
    ["below a symlinked directory", "lib"],
  ])("%s is refused, and no run is made", async (_how, what) => {
    box.write("secret/tax.rtfs", TAX);
    execFileSync("/bin/rm", ["-r", join(box.dir, "plans/lib")]);
    if (what === "lib") symlinkSync("../secret", join(box.dir, "plans/lib"));
    else {
      mkdirSync(join(box.dir, "plans/lib"));
      symlinkSync("../../secret/tax.rtfs", join(box.dir, "plans/lib/tax.rtfs"));
    }
    for (const verb of ["plan", "run"]) {
      const { status, stderr } = await box.run([verb, "plans/agent.rtfs"]);
      expect(status).toBe(65);
      expect(stderr).toContain("INPUT_UNREADABLE");
      expect(stderr).toContain('module "lib.tax" from "plans/lib/tax.rtfs"');
    }
    expect(runs()).toEqual([]);
  });

  test("a FIFO, a directory, a text that is no UTF-8 and one over 1 MiB are refused at once", async () => {
    const path = join(box.dir, "plans/lib/tax.rtfs");
    const refusal = async (): Promise<string> => {
      const { status, stderr } = await run();
      return `${status} ${/^error ([A-Z_0-9]+)$/m.exec(stderr)?.[1]}`;
    };
    writeFileSync(path, Buffer.from([0x28, 0xff, 0x29]));
    expect(await refusal()).toBe("65 INPUT_NOT_UTF8");
    writeFileSync(path, `(def x "${"x".repeat(1024 * 1024)}")`);
    expect(await refusal()).toBe("65 INPUT_TOO_LARGE");
    unlinkSync(path);
    execFileSync("/usr/bin/mkfifo", [path]);
    expect(await refusal()).toBe("65 INPUT_UNREADABLE");
    unlinkSync(path);
    mkdirSync(path);
    expect(await refusal()).toBe("65 INPUT_UNREADABLE");
    expect(runs()).toEqual([]);
  });

  test("1 000 modules, and modules that import each other, are refused and named", async () => {
    for (let at = 0; at < 1000; at++) {
      const next = at === 999 ? "(def x 1)" : `(import m${at + 1}) (def x m${at + 1}/x)`;
      box.write(`plans/m${at}.rtfs`, next);
    }
    box.write("plans/p.rtfs", "(import m0) m0/x");
    expect((await run()).stderr).toContain("at most 256 modules");
    box.write("plans/m3.rtfs", "(import m1) (def x m1/x)");
    const { status, stderr } = await run();
    expect(status).toBe(65);
    expect(stderr).toContain("Modules import each other: m1 → m2 → m3 → m1");
    expect(stderr).toContain("plans/m3.rtfs:1:9");
    expect(runs()).toEqual([]);
  });

  test("one called __proto__ is an ordinary module", async () => {
    box.write("plans/__proto__.rtfs", "(defn total [x] (+ x 1))");
    box.write("plans/p.rtfs", "(import __proto__ :as p) (p/total 1)");
    expect(await run()).toMatchObject({ status: 0, stdout: "2\n" });
    expect((await replay()).status).toBe(0);
  });
});

describe("a module that changes", () => {
  test("after `ccos plan` is judged again by `ccos run`, which names its file and line", async () => {
    expect((await box.run(["plan", "plans/agent.rtfs"])).status).toBe(0);
    box.write("plans/lib/tax.rtfs", EVIL);
    const refused = await run();
    expect(refused.status).toBe(77);
    expect(refused.stderr).toContain("plans/lib/tax.rtfs line 2");
    const planned = await box.run(["plan", "plans/agent.rtfs"]);
    expect(planned.status).toBe(77);
    expect(planned.stderr).toMatch(/DENIED {2}CAPABILITY_DENIED.*plans\/lib\/tax\.rtfs line 2/);
    expect((await replay()).stderr).toContain("IDENTICAL");
  });

  test.each<[string, (modules: NonNullable<Kept["modules"]>) => unknown]>([
    ["changed", (modules) => Object.assign(modules[0]!, { source: EVIL })],
    ["replaced by what is no RTFS", (modules) => Object.assign(modules[0]!, { source: "((" })],
    ["taken out", (modules) => modules.pop()],
    ["renamed", (modules) => Object.assign(modules[0]!, { name: "lib.text" })],
    ["added to", (modules) => modules.push({ name: "lib.text", file: "x", source: "(def x 1)" })],
  ])("in the kept inputs, %s, is a replay that diverged and names it", async (_how, edit) => {
    expect((await run()).status).toBe(0);
    editInputs(({ modules = [] }) => void edit(modules));
    const { status, stderr } = await replay();
    expect(status).toBe(65);
    expect(stderr).toMatch(/replay DIVERGED.*record 0: .*"name":"lib\.(tax|text)"/);
  });

  test("in the kept inputs to something that is no module is no replay", async () => {
    expect((await run()).status).toBe(0);
    editInputs((inputs) => Object.assign(inputs, { modules: [{ name: "lib.tax" }] }));
    const { status, stderr } = await replay();
    expect(status).toBe(65);
    expect(stderr).toContain("inputs.json is malformed");
  });
});
