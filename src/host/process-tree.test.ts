import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  deviceBytes,
  memoryFileBytes,
  processesWith,
  strayTrafficBytes,
  treeUsage,
} from "./process-tree.ts";

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

test("strayTrafficBytes counts what a network of its own moved, and nothing of ours", async () => {
  expect(strayTrafficBytes(process.pid)).toBeNull();
  expect(strayTrafficBytes(0)).toBeNull();
  const alone = spawn("unshare", ["-rn", "sh", "-c", "echo up; exec sleep 60"]);
  await new Promise((resolve) => alone.stdout.once("data", resolve));
  try {
    expect(strayTrafficBytes(alone.pid ?? 0)).toBe(0);
  } finally {
    alone.kill("SIGKILL");
  }
});

test("deviceBytes sums both ways of every device but the loopback, whatever its name", () => {
  const line = (name: string, received: number, sent: number): string =>
    `${name}:${received} 1 2 3 4 5 6 7 ${sent} 1 2 3 4 5 6 7`;
  const head = "Inter-|   Receive |  Transmit\n face |bytes packets|bytes packets\n";
  const table = [line("    lo", 9, 9), line("  eth0", 100, 20), line("lo1", 3, 4)].join("\n");
  expect(deviceBytes(`${head}${table}\n`)).toBe(127);
  expect(deviceBytes(head)).toBe(0);
});
