import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { memoryFileBytes, processesWith, treeUsage } from "./process-tree.ts";

const MIB = 1024 * 1024;
const CALL = process.arch === "arm64" ? 279 : 319;
/** A process with 8 MiB in an anonymous file of which it maps nothing, and a sparse one beside it. */
const HOLDER = `
  my ($held, $sparse) = ("ccos-held", "ccos-sparse");
  my $fd = syscall(${CALL}, $held, 0); open(my $f, ">&=", $fd) or die; syswrite $f, "x" x 1048576 for 1 .. 8;
  my $other = syscall(${CALL}, $sparse, 0); open(my $g, ">&=", $other) or die; truncate $g, 1 << 30;
  syswrite STDOUT, "up"; sleep 60;`;

let child: ChildProcess;
const word = `ccos-word-${process.pid}`;
beforeAll(async () => {
  child = spawn("perl", ["-e", HOLDER, "--", `--mark=${word}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout?.once("data", resolve));
});
afterAll(() => child.kill("SIGKILL"));

test("memoryFileBytes counts what is in an anonymous file, mapped or not", () => {
  const pid = child.pid ?? 0;
  expect(memoryFileBytes(pid, "ccos-held")).toBe(8 * MIB);
  expect(treeUsage(pid, 1024 * MIB).memoryBytes).toBeLessThan(8 * MIB);
  expect(memoryFileBytes(pid, "ccos-sparse")).toBe(0);
  expect(memoryFileBytes(pid, "ccos-other")).toBe(0);
});

test("processesWith finds a word of a command line, also behind an equals sign, and no part of one", () => {
  expect(processesWith(word)).toEqual([child.pid]);
  expect(processesWith(`--mark=${word}`)).toEqual([child.pid]);
  expect(processesWith(word.slice(1))).toEqual([]);
});
