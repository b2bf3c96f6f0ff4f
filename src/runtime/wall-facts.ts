/**
 * What the first record says about the wall: its name, version, and the digest and summary of what was
 * measured on this host. Measured once per host boot and provider version; a start never waits twice.
 *
 * @module
 */
import { arch, release } from "node:os";
import type { JsonObject } from "../foundation/json.ts";
import { bootId } from "../host/index.ts";
import { type IsolationProvider, measuredMatrix } from "../isolation/index.ts";
import { loadGuest, type World } from "./world.ts";

export async function wallFacts(
  world: World,
  wall: IsolationProvider,
  waiting: (what: string) => void,
  signal: AbortSignal,
): Promise<JsonObject> {
  const matrix = await measuredMatrix([wall], {
    stateDir: world.stateDir,
    bootId: await bootId(),
    codeVersion: `${world.version} ${(await loadGuest(world)).guestDigest}`,
    nodePath: world.nodePath,
    onMeasure: () => waiting(`measuring what ${wall.name} holds on this host (once per boot)`),
    signal,
  });
  const rows = matrix.providers.find((each) => each.name === wall.name)?.measurements ?? [];
  const count = (verdict: string): number => rows.filter((row) => row.verdict === verdict).length;
  return {
    wall: wall.name,
    matrix: matrix.digest,
    measured: {
      held: count("held"),
      notHeld: count("not-held"),
      notMeasured: count("not-measured"),
    },
    notHeld: rows.filter((row) => row.verdict === "not-held").map((row) => row.guarantee),
    host: { kernel: release(), arch: arch(), node: process.versions.node },
  };
}
