/**
 * Which wall a run gets: the first, in the order of isolation/select.ts, that was measured on this host to hold
 * what the config asks.
 *
 * A wall that is missing, too weak for the config's mode, or measured not to hold a guarantee that the mode needs
 * is passed over with its reason; when none is left the start is refused. Nothing is inferred: the cells come from
 * escapes that were attempted (isolation/measure.ts), once per host boot.
 *
 * @module
 */
import { arch, release } from "node:os";
import type { AgentConfig } from "../config/index.ts";
import type { JsonObject } from "../foundation/json.ts";
import { bootId, controlGroupsWork } from "../host/index.ts";
import {
  type Candidate,
  createMock,
  createProviders,
  type Guarantee,
  GUARANTEES,
  inOrder,
  type IsolationProvider,
  type MeasuredMatrix,
  measuredMatrix,
  type Measurement,
  MOCK_NAME,
  rememberProbe,
  type Selection,
  selectWall,
} from "../isolation/index.ts";
import { loadGuest } from "./guest-launch.ts";
import { machineOf } from "./machine.ts";
import type { World } from "./world.ts";

export interface ChosenWall {
  readonly provider: IsolationProvider;
  /** What the first record says of it. */
  readonly facts: JsonObject;
  /** Every wall of this host and why it was taken or not. */
  readonly candidates: readonly Candidate[];
}

export interface WallWish {
  readonly config: AgentConfig;
  readonly configFile: string;
  readonly kind: "rtfs" | "external";
  /** Told before a wall is attacked, which takes seconds. */
  readonly waiting: (what: string) => void;
  readonly signal: AbortSignal;
}

/** What even the least wall must hold. */
const NEEDED: readonly Guarantee[] = [
  "network",
  "loopback",
  "dns",
  "unix-sockets",
  "files-read",
  "files-write",
  "environment",
  "descriptors",
  "wall-clock",
  "output",
  "tree-gone",
];

/** @throws {CcosError} `ISOLATION_UNAVAILABLE`, every wall with its reason. */
export async function chooseWall(world: World, wish: WallWish): Promise<ChosenWall> {
  const { needs } = wish;
  const { mode } = wish.config.orchestrator.isolation;
  const reasons: string[] = [];
  for (const candidate of await providersOf(world, machineOf(config, wish.configFile))) {
    const sockets = kind === "external" && wantsEffects(config);
    const provider = await fitting(candidate, { kind, mode, sockets }, reasons);
    if (provider === null) continue;
    const matrix = await matrixOf(world, [provider], wish);
    const rows = matrix.providers[0]?.measurements ?? [];
    const broken = unheld(rows, mode === "wasm" ? NEEDED : GUARANTEES);
    if (broken.length === 0) {
      const machine = (await provider.machine?.attest()) ?? null;
      const facts = factsOf(provider, matrix, rows);
      return { provider, facts: machine === null ? facts : { ...facts, machine } };
    }
    reasons.push(
      `${provider.name}: measured not to hold ${broken.map((row) => `${row.guarantee} (${row.evidence})`).join(", ")}`,
    );
  }
  throw new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot find a wall of at least "${mode}" for ${needs.kind === "rtfs" ? "this plan" : "this program"}`,
    why: reasons.length === 0 ? "no wall was named" : reasons.join("; "),
    fix: "Run `ccos doctor`, or ask for a lesser :isolation :mode",
  });
}

/**
 * Every wall of this host, strongest first.
 *
 * @param machine - What a config says of its machine. Absent: the image of this host.
 */
export async function providersOf(
  world: World,
  machine: ReturnType<typeof machineOf> = {},
): Promise<readonly IsolationProvider[]> {
  const { nodePath, stateDir, imageDir, onlyWalls } = world;
  const all = createProviders({
    nodePath,
    stateDir,
    ...(imageDir === undefined ? {} : { imageDir }),
    ...machine,
    ...(onlyWalls === undefined ? {} : { only: onlyWalls }),
  });
  const boot = await bootId();
  const options = { stateDir, nodePath, bootId: boot };
  // A machine's probe raises nothing and reads the image's lock, which may be another one the next time.
  return all.map((provider) =>
    provider.machine === undefined ? rememberProbe(provider, options) : provider,
  );
}

/** The one of that name, with what its last probe found out about this host; null: this version has none. */
export async function wallNamed(world: World, name: string): Promise<IsolationProvider | null> {
  const [provider] = await providersOf({ ...world, onlyWalls: [name] });
  if (provider?.recall !== undefined) await provider.probe();
  return provider ?? null;
}

/** What was measured of these walls, cached unless `fresh`. */
export async function matrixOf(
  world: World,
  providers: readonly IsolationProvider[],
  wish: Pick<WallWish, "waiting" | "signal"> & { readonly fresh?: boolean },
): Promise<MeasuredMatrix> {
  return await measuredMatrix(providers, {
    stateDir: world.stateDir,
    bootId: await bootId(),
    codeVersion: `${world.version} ${(await loadGuest(world)).digest()} groups=${controlGroupsWork()}`,
    nodePath: world.nodePath,
    fresh: wish.fresh ?? false,
    onMeasure: (name) => wish.waiting(`measuring what ${name} holds on this host (once per boot)`),
    signal: wish.signal,
  });
}

function unheld(
  rows: readonly Measurement[],
  needed: readonly Guarantee[],
): readonly Measurement[] {
  return needed.flatMap((guarantee) => {
    const row = rows.find((each) => each.guarantee === guarantee);
    if (row === undefined)
      return [{ guarantee, verdict: "not-measured", evidence: "nothing measured it" }];
    return row.verdict === "held" ? [] : [row];
  });
}

function factsOf(
  provider: IsolationProvider,
  matrix: MeasuredMatrix,
  rows: readonly Measurement[],
): JsonObject {
  const count = (verdict: Measurement["verdict"]): number =>
    rows.filter((row) => row.verdict === verdict).length;
  return {
    wall: provider.name,
    matrix: matrix.digest,
    measured: {
      held: count("held"),
      notHeld: count("not-held"),
      notMeasured: count("not-measured"),
    },
    notHeld: rows.filter((row) => row.verdict !== "held").map((row) => row.guarantee),
    host: { kernel: release(), arch: arch(), node: process.versions.node },
  };
}
