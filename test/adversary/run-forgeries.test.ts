/** Attacks the proof: what lies under CCOS_HOME is edited after the run, and must not pass as what it was. */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { pureConfig, type Sandbox, sandbox } from "../e2e/ccos.ts";

let box: Sandbox;
let first: string;
let second: string;
const at = (run: string, name: string): string => join(box.home, "runs", run, name);
const runs = (): readonly string[] => readdirSync(join(box.home, "runs")).sort();

beforeAll(async () => {
  box = sandbox();
  for (const name of ["one", "two"]) {
    box.write(`${name}.plan.rtfs`, `(step "s" (call :ccos.echo "${name}"))`);
    box.write(`${name}.rtfs`, pureConfig(`${name}.plan.rtfs`));
    expect((await box.run(["run", `${name}.rtfs`])).status).toBe(0);
  }
  [first, second] = runs() as [string, string];
  cpSync(box.home, `${box.home}.kept`, { recursive: true });
});
beforeEach(() => {
  rmSync(box.home, { recursive: true });
  cpSync(`${box.home}.kept`, box.home, { recursive: true });
});
afterAll(() => box.remove());

const verdict = async (run: string): Promise<{ status: number | null; ok: unknown }> => {
  const { status, value } = await box.json(["chain", "verify", run, "--replay"]);
  return { status, ok: value["ok"] ?? false };
};

function edit(run: string, change: (inputs: Record<string, unknown>) => void): void {
  const inputs = JSON.parse(readFileSync(at(run, "inputs.json"), "utf8"));
  change(inputs);
  writeFileSync(at(run, "inputs.json"), JSON.stringify(inputs));
}

describe("a run is proven only by its own files", () => {
  test("untouched, both verify and replay, so the refusals below are the forgeries'", async () => {
    expect(await verdict(first)).toEqual({ status: 0, ok: true });
    expect(await verdict(second)).toEqual({ status: 0, ok: true });
  });

  test.each<[string, () => void]>([
    ["another run's chain", () => cpSync(at(second, "chain.jsonl"), at(first, "chain.jsonl"))],
    ["another run's head", () => cpSync(at(second, "head.json"), at(first, "head.json"))],
    [
      "another run's chain and head",
      () => {
        for (const name of ["chain.jsonl", "head.json"]) cpSync(at(second, name), at(first, name));
      },
    ],
    [
      "all of another run's files",
      () => cpSync(at(second, "."), at(first, "."), { recursive: true }),
    ],
    [
      "a link to another run",
      () => {
        renameSync(at(first, "."), at(first, ".").replace("runs/", "away-"));
        symlinkSync(second, join(box.home, "runs", first));
      },
    ],
    ["no head", () => rmSync(at(first, "head.json"))],
    ["an empty head", () => writeFileSync(at(first, "head.json"), "")],
    [
      "a head that is a directory",
      () => {
        rmSync(at(first, "head.json"));
        mkdirSync(at(first, "head.json"));
      },
    ],
    ["a head nested deep", () => writeFileSync(at(first, "head.json"), "[".repeat(60_000))],
    [
      "another key",
      () => {
        const keys = join(box.home, "keys");
        rmSync(keys, { recursive: true });
      },
    ],
    [
      "another run's payloads and their key",
      () => {
        for (const name of ["payloads.bin", "payload.key"])
          cpSync(at(second, name), at(first, name));
      },
    ],
    [
      "flipped payload bits",
      () => {
        const bytes = readFileSync(at(first, "payloads.bin"));
        bytes[bytes.length - 3]! ^= 1;
        writeFileSync(at(first, "payloads.bin"), bytes);
      },
    ],
    ["no payloads", () => rmSync(at(first, "payloads.bin"))],
    ["inputs of another run", () => cpSync(at(second, "inputs.json"), at(first, "inputs.json"))],
    ["inputs that name a program", () => edit(first, (inputs) => (inputs["command"] = ["sh"]))],
    ["inputs without a program's field", () => edit(first, (inputs) => delete inputs["command"])],
    ["inputs whose program is no list", () => edit(first, (inputs) => (inputs["command"] = 7))],
    ["inputs without a plan", () => edit(first, (inputs) => (inputs["planSource"] = null))],
    ["inputs without a plan's name", () => edit(first, (inputs) => (inputs["planFile"] = null))],
    ["a plan with a comment more", () => edit(first, (inputs) => (inputs["planSource"] += " ;"))],
    ["a config that is none", () => edit(first, (inputs) => (inputs["configSource"] = "("))],
    [
      "inputs of 25 MiB",
      () => edit(first, (inputs) => (inputs["configFile"] = "x".repeat(25 << 20))),
    ],
    ["inputs with a surplus field", () => edit(first, (inputs) => (inputs["pad"] = "x"))],
    ["inputs that are a list", () => writeFileSync(at(first, "inputs.json"), "[]")],
    ["inputs with a wrong switch", () => edit(first, (inputs) => (inputs["production"] = "yes"))],
  ])("%s: not ok, an exit code of the table, no trace", async (_title, forge) => {
    forge();
    const { status, ok } = await verdict(first);
    expect(ok).toBe(false);
    expect([65, 66, 74, 76]).toContain(status);
    const { stderr } = await box.run(["chain", "verify", first, "--replay"]);
    expect(stderr).not.toMatch(/INTERNAL|\.cjs:\d|\.ts:\d|node:internal/);
  });
});

describe("the name of a run", () => {
  test.each<string>(["..", "../..", "/etc", ".", "", "run-", "*", "x".repeat(200), "__proto__"])(
    "%j is found or refused, and reads nothing else",
    async (name) => {
      for (const verb of ["verify", "show"]) {
        const done = await box.run(["chain", verb, name]);
        expect([0, 65, 66, 64]).toContain(done.status);
        expect(done.stderr).not.toContain("INTERNAL");
        expect(done.stderr.length).toBeLessThan(2_000);
      }
    },
  );

  test("a run that cannot be is not made: a file in the place of runs/ stops the start", async () => {
    rmSync(join(box.home, "runs"), { recursive: true });
    writeFileSync(join(box.home, "runs"), "");
    const done = await box.run(["run", "one.rtfs"]);
    expect(done.stdout).toBe("");
    expect([69, 74]).toContain(done.status);
    expect(done.stderr).not.toContain("INTERNAL");
  });
});
