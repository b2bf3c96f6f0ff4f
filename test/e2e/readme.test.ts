/**
 * README.md is executed: every line that starts with `$ ` in a console block, in order, in a copy of what the
 * package brings and with a state directory of its own. A command this file does not know how to run fails it.
 */
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Finished, ROOT, type Sandbox, sandbox } from "./ccos.ts";

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const COMMANDS = [...README.matchAll(/^```console\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) =>
  block
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^\$ /, "")),
);
const OWN = COMMANDS.filter((command) => command.startsWith("npx ccos "));

let box: Sandbox;
let demo: Finished;
beforeAll(async () => {
  box = sandbox();
  cpSync(join(ROOT, "examples"), join(box.dir, "examples"), { recursive: true });
  demo = await box.run(["demo"]);
});
afterAll(() => box.remove());

const COMMAND_MS_MAX = 240_000;

/** Statuses other than 0 that README's text announces. */
const STATUSES: Readonly<Record<string, number>> = { why: 77 };

describe("README.md", () => {
  test("its console blocks hold commands only, each known here", () => {
    const others = COMMANDS.filter((command) => !OWN.includes(command));
    expect(others).toEqual(["npm install && npm run demo", "npm install && npm test"]);
    expect(OWN.length).toBeGreaterThan(7);
    expect(README).not.toMatch(/^ +```/m);
  });

  test("its npm commands are what a clean clone is held to", () => {
    const steps = readFileSync(join(ROOT, ".ci", "run"), "utf8").split("\n");
    const newcomer = readFileSync(join(ROOT, "test", "e2e", "newcomer.sh"), "utf8");
    expect(steps).toContain("npm install");
    expect(steps).toContain("npm test");
    expect(steps.some((line) => line.endsWith("bash test/e2e/newcomer.sh"))).toBe(true);
    expect(newcomer).toMatch(/^npm run --silent demo /m);
  });

  test("the demo ends as it is shown, in lines and order", () => {
    const [, shown = ""] = /<!-- demo output[^>]*-->\n```\n([\s\S]*?)```/.exec(README) ?? [];
    expect(demo.status).toBe(0);
    const [result = "", ...rest] = linesOf(demo.stdout);
    expect(rest).toEqual([]);
    const screen = linesOf(demo.stderr);
    const end = screen.findIndex((line) => line.startsWith(" done "));
    screen.splice(end, 0, result);
    expect(linesOf(shown).filter(isOnce)).toHaveLength(1);
    expect(linesOf(shown).filter(isAlways).map(masked)).toEqual(
      screen.filter(isAlways).map(masked),
    );
    expect(screen.filter((line) => line.includes("  DENIED  "))).toHaveLength(2);
    expect(screen.at(-1)).toContain("replay IDENTICAL");
  });

  test.each(OWN)(
    "$ %s",
    async (command) => {
      const args = wordsOf(command.slice("npx ccos ".length));
      // The doctor attacks every wall of this host, one after the other.
      const done = await box.run(args, { timeoutMs: COMMAND_MS_MAX });
      if (args.includes("python3") && !hasPython()) {
        expect(done, done.stderr).toMatchObject({ status: 65 });
        expect(done.stderr).toContain("INPUT_NOT_FOUND");
        return;
      }
      expect(done, done.stderr).toMatchObject({ status: STATUSES[args[0] ?? ""] ?? 0 });
    },
    COMMAND_MS_MAX,
  );

  test("the example that wants a shop says so when there is none", async () => {
    const refused = await box.run(["run", "examples/incident/agent.config.rtfs"]);
    expect(refused.stderr).toContain("SECRET_UNAVAILABLE");
    expect(refused.status).toBe(69);
  });
});

/** Said once per boot: whether it shows depends on what ran before. */
const isOnce = (line: string): boolean => /^ … {9}measuring what .* \(once per boot\)$/.test(line);
const isAlways = (line: string): boolean => !isOnce(line);
const linesOf = (text: string): string[] => text.trimEnd().split("\n");

/** What differs from run to run: numbers, ids, hashes, times, the wall that stood, the state directory. */
function masked(line: string): string {
  return line
    .replaceAll(/run-[0-9A-HJKMNP-TV-Z]{26}/g, "RUN")
    .replaceAll(/process\/[a-z-]+/g, "WALL")
    .replaceAll(/^ +\/.*\/runs\//g, "HOME/runs/")
    .replaceAll(/[0-9a-f]{8}…[0-9a-f]{4}/g, "HEAD")
    .replaceAll(/\b[0-9a-f]{16}\b/g, "KEY")
    .replaceAll(/\d+(?:\.\d+)?/g, "N");
}

/** A shell's words, as far as README uses them: blanks and double quotes. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  );
}

function hasPython(): boolean {
  try {
    execFileSync("/usr/bin/python3", ["-c", ""]);
    return true;
  } catch {
    return false;
  }
}
