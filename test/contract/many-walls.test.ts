/**
 * 200 walls in a row leave nothing: no process, mount, socket, control group, file or descriptor.
 *
 * As root only, who may make the namespaces in which everything that is left is ours. 10 000: `npm run soak -- walls`.
 */
import { describe, expect, test } from "vitest";
import { createProviders } from "../../src/isolation/index.ts";
import { manyWalls } from "../soak/many-walls.ts";

const NAMES = ["process/bubblewrap", "process/unshare", "process/landlock", "gvisor/runsc"];
const isRoot = process.getuid?.() === 0;
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
const options = { nodePath: process.execPath, stateDir: "/nonexistent", only: NAMES };
const standing: string[] = [];
for (const provider of createProviders(options))
  if (required.includes(provider.name) || (await provider.probe()).kind === "ready")
    standing.push(provider.name);

describe.runIf(isRoot && standing.length > 0)("walls in a row", () => {
  test("200 of them leave nothing", () => {
    const { opened, before, after } = manyWalls(200, standing);
    expect(Object.values(opened).reduce((sum, each) => sum + each, 0)).toBe(200);
    // Groups of a predecessor with this namespace's number may have been there before.
    expect(after).toEqual(before);
    expect(after).toMatchObject({ processes: [], files: [] });
  }, 240_000);

  test("one that is left open is seen, so that nothing else was", () => {
    const { before, after } = manyWalls(standing.length, standing, { leavesLast: true });
    expect(before.processes).toEqual([]);
    expect(after.processes.join("\n")).toContain("sleep");
    expect(after.files.length).toBeGreaterThan(before.files.length);
  }, 120_000);
});
