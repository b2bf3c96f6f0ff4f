/**
 * docs/RUNBOOK.md is executed: its blocks in order, in a copy of what the package brings. A command this file does
 * not know how to run fails it. An image is built where REQUIRE_ISOLATION names the machine.
 */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { removeTree } from "../../src/host/index.ts";
import { ROOT, type Sandbox, sandbox } from "./ccos.ts";
import { killSupervisors, type RunningSupervisor, startSupervisor } from "./supervisor.ts";

const RUNBOOK = readFileSync(join(ROOT, "docs", "RUNBOOK.md"), "utf8");
const COMMANDS = [...RUNBOOK.matchAll(/^```console\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) =>
  block
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^\$ /, "")),
);
/** Needs what the command before it installs: where machines are required, it is there. */
const IMAGE_BUILD = "npx ccos image build --out image";
const buildsImages = (process.env["REQUIRE_ISOLATION"] ?? "").includes("microvm/qemu");
/** What another test runs: a run that was cut; and what `.ci/run` installs. */
const ELSEWHERE = [
  "npx ccos chain verify RUN",
  "npx ccos resume RUN",
  "sudo apt install qemu-system-x86 squashfs-tools",
  ...(buildsImages ? [] : [IMAGE_BUILD]),
];
const OWN = COMMANDS.filter((command) => !ELSEWHERE.includes(command));
const SLOW = 120_000;

let box: Sandbox;
let supervisor: RunningSupervisor | null = null;
beforeAll(() => {
  box = sandbox();
  cpSync(join(ROOT, "examples"), join(box.dir, "examples"), { recursive: true });
});
afterAll(async () => {
  await killSupervisors();
  await removeTree(box.dir);
});

describe("docs/RUNBOOK.md", () => {
  test("builds, packages, deploys, updates, goes back and looks inside, by commands known here", () => {
    const names = ["package", "deploy", "supervise", "call", "rollback", "console", "stop"];
    for (const name of names) expect(OWN.join("\n")).toContain(`npx ccos ${name} `);
    expect(OWN.every((command) => command.startsWith("npx ccos "))).toBe(true);
    expect(COMMANDS.length - OWN.length).toBe(ELSEWHERE.length);
  });

  test.each(OWN)(
    "$ %s",
    async (command) => {
      const [, , name = "", ...args] = wordsOf(command);
      if (args.at(-1) === "&") {
        supervisor = startSupervisor(box, args[0] ?? "", args.slice(1, -1));
        return await supervisor.says(/state serving/);
      }
      const done = await box.run([name, ...args]);
      expect(done, done.stderr).toMatchObject({ status: 0 });
      if (name === "stop") expect(await supervisor?.over).toBe(0);
    },
    SLOW,
  );
});

/** A shell's words, as far as the runbook uses them: blanks and double quotes. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  );
}
