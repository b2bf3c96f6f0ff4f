/**
 * The measurement itself, measured: against a wall that holds nothing every attack must get through.
 *
 * Without this, a broken attack would look like a wall that holds.
 *
 * @module
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { measureProvider } from "../../src/isolation/measure.ts";
import {
  GUARANTEES,
  type IsolationProvider,
  type Measurement,
} from "../../src/isolation/provider.ts";
import { noWall, openEngine, publicNode } from "./no-wall.ts";

const SUPERVISOR = join(import.meta.dirname, "no-wall-supervisor.ts");
let node: { path: string; remove: () => void };
let stateDir: string;

beforeAll(async () => {
  node = await publicNode();
  stateDir = mkdtempSync(join(tmpdir(), "ccos-measure-"));
  chmodSync(stateDir, 0o755);
});
afterAll(() => {
  node.remove();
  rmSync(stateDir, { recursive: true, force: true });
});

function verdicts(measurements: readonly Measurement[]): Record<string, string> {
  return Object.fromEntries(measurements.map((each) => [each.guarantee, each.verdict]));
}

describe("measureProvider", () => {
  test("finds no guarantee held by a wall that holds nothing", async () => {
    const context = {
      stateDir,
      nodePath: node.path,
      supervisor: [process.execPath, SUPERVISOR],
      timeoutMs: 90_000,
    };
    const measured = await measureProvider(noWall(node.path, stateDir), context);
    expect(verdicts(measured), JSON.stringify(measured)).toEqual(
      Object.fromEntries(GUARANTEES.map((each) => [each, "not-held"])),
    );
  }, 100_000);

  test("a script finds no guarantee held by an engine that hides nothing, but the end of its one process", async () => {
    const context = {
      stateDir,
      nodePath: node.path,
      supervisor: ["/nonexistent"],
      timeoutMs: 50_000,
    };
    const found = verdicts(await measureProvider(openEngine(node.path, stateDir), context));
    const unheld = Object.fromEntries(GUARANTEES.map((each) => [each, "not-held"]));
    // One process is gone when it is killed; a supervisor that cannot be started measures nothing.
    const others = {
      "tree-gone": "held",
      descriptors: "not-measured",
      "tree-gone-after-supervisor-kill": "not-measured",
    };
    expect(found).toEqual({ ...unheld, ...others });
  }, 60_000);

  test("gives a row for every guarantee, in order, when it is cancelled before it begins", async () => {
    const context = { stateDir, nodePath: node.path, signal: AbortSignal.abort() };
    const found = await measureProvider(noWall(node.path, stateDir), context);
    expect(found.map((each) => [each.guarantee, each.verdict])).toEqual(
      GUARANTEES.map((each) => [each, "not-measured"]),
    );
  });

  test("calls a guarantee not measured, never held, when no session can be raised", async () => {
    const broken: IsolationProvider = {
      ...noWall(node.path, stateDir),
      open: () => Promise.reject(new Error("no wall here")),
    };
    const context = { stateDir, nodePath: node.path, supervisor: ["/nonexistent"] };
    const found = await measureProvider(broken, context);
    expect(new Set(found.map((each) => each.verdict))).toEqual(new Set(["not-measured"]));
    expect(found.find((each) => each.guarantee === "network")?.evidence).toMatch(/no wall here/);
  });

  test("calls a guarantee not measured when the attack ends without a word", async () => {
    const silent = noWall("/usr/bin/true", stateDir);
    const mute: IsolationProvider = { ...silent, runs: new Set(["rtfs"] as const) };
    const context = { stateDir, nodePath: node.path, supervisor: ["/nonexistent"] };
    const found = await measureProvider(mute, context);
    expect(found.filter((each) => each.verdict === "held")).toEqual([]);
  });
});
