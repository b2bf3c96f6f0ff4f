/**
 * Landlock leaves doors open to a process of the same user: signals below ABI 6, limits, modes, queues.
 *
 * The script is run as it is, and with the answer of an older kernel put in, as ourselves where we are
 * not root and else as a user that we are not. Skipped, visibly, where the kernel has no Landlock.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { openCanaries, processesNaming } from "../../src/host/index.ts";
import { targetsOf } from "../../src/isolation/escapes/attack.ts";
import { perlAttack } from "../../src/isolation/escapes/attack-perl.ts";
import { LANDLOCK_PROBE, LANDLOCK_SCRIPT } from "../../src/isolation/landlock/script.ts";
import { hostSeccompArch, seccompFilter } from "../../src/isolation/seccomp.ts";

const ASK = "my $abi = syscall(444, 0, 0, 1);";
const ABI = Number(spawnSync("perl", ["-e", LANDLOCK_PROBE]).stdout?.toString() ?? "0");
const isRequired = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes("process/landlock");
const USER = process.getuid?.() === 0 ? { uid: 265_536, gid: 265_536 } : {};
const stateDir = mkdtempSync(join(tmpdir(), "ccos-landlock-"));
chmodSync(stateDir, 0o755);
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

interface Raised {
  readonly pid: number;
  readonly out: Promise<string>;
  /** What descriptor 5 said before its end. */
  readonly answer: Promise<string>;
  readonly end: Promise<{ status: number | null; signal: string | null }>;
}

function raise(argv: readonly string[], abi: number): Raised {
  const script = LANDLOCK_SCRIPT.replace(ASK, `my $abi = ${abi};`);
  const child = spawn("perl", ["-e", script, "--"], {
    ...USER,
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "pipe", "inherit", "ignore", "pipe", "pipe"],
  });
  const arch = hostSeccompArch();
  const told = [
    `arch=${arch}`,
    `filter=${Buffer.from(seccompFilter({ arch, sockets: "none" })).toString("hex")}`,
    `parent=${process.pid}`,
    "cwd=/",
    "tasks=64",
    `shared=${process.getuid?.() === 0 ? 0 : 1}`,
    ...["/usr", "/bin", "/lib", "/lib64"].map((path) => `dir=${path}`),
    "file=/etc/ld.so.cache",
    "device=/dev/null",
    "env=PATH=/usr/bin:/bin",
    ...argv.map((word) => `arg=${word}`),
  ];
  const pipes = child.stdio as readonly unknown[];
  (pipes[4] as Writable).end(told.map((record) => `${record}\0`).join(""));
  const end = new Promise<{ status: number | null; signal: string | null }>((resolve) => {
    child.on("exit", (status, signal) => resolve({ status, signal }));
  });
  return {
    pid: child.pid ?? -1,
    out: textOf(child.stdout),
    answer: textOf(pipes[5] as Readable),
    end,
  };
}

async function textOf(stream: Readable | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

test("the script asks the kernel for its ABI in the words that these tests replace", () => {
  expect(LANDLOCK_SCRIPT.split(ASK)).toHaveLength(2);
});

describe.skipIf(ABI < 1 && !isRequired)(`landlock, kernel ABI ${ABI}`, () => {
  test("the kernel has Landlock where it is required", () => expect(ABI).toBeGreaterThan(0));

  test.each([1, 2, 3, 4, 5, ABI])(
    "no attack gets through as on a kernel of ABI %i",
    async (abi) => {
      const canaries = await openCanaries(stateDir);
      try {
        const { out, end } = raise(
          perlAttack({ mode: "surface", targets: targetsOf(canaries) }),
          Math.min(abi, ABI),
        );
        const lines = (await out).split("\n").filter((line) => line !== "");
        expect(await end).toEqual({ status: 0, signal: null });
        expect(lines.length).toBeGreaterThan(50);
        expect(lines.filter((line) => line.split("\t")[2] === "through")).toEqual([]);
        expect(await canaries.look()).toEqual({
          contacts: { network: 0, loopback: 0, dns: 0, unix: 0 },
          decoyAlive: true,
          touched: [],
        });
      } finally {
        await canaries.close();
      }
    },
  );

  test.each([1, ABI])(
    "the program cannot end, stop or limit its keepers on ABI %i",
    async (abi) => {
      const attack = `
      my $limit = pack("QQ", 0, 0); my $nr = ${process.arch === "arm64" ? 261 : 302};
      print join(",", kill(9, getppid), kill(19, getppid), syscall($nr, getppid() + 0, 0, $limit, 0)), "\\n";
      my $child = fork; if (!$child) { sleep 30; exit } exit 3;`;
      const { out, end, answer } = raise(["perl", "-e", attack], abi);
      expect(await out).toBe("0,0,-1\n");
      expect(await end).toEqual({ status: 3, signal: null });
      expect(await answer).toBe("");
    },
  );

  test("the tree is gone when descriptor 5 ends, after the keeper was killed", async () => {
    const marker = `ccos-landlock-${process.pid}`;
    const { pid, out, answer } = raise(perlAttack({ mode: "stay", seconds: 20, marker }), ABI);
    while ((await processesNaming(marker)).length < 2) await pause(10);
    process.kill(pid, "SIGKILL");
    expect(await answer).toBe("");
    expect(await processesNaming(marker)).toEqual([]);
    await out;
  });

  test("a program that cannot begin is told on descriptor 5, with its reason", async () => {
    const { answer, end } = raise(["/usr/bin/no-such-program"], ABI);
    expect(await answer).toMatch(/^Fexec \/usr\/bin\/no-such-program: No such file/);
    expect((await end).status).toBe(125);
  });
});
