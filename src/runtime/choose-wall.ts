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
import type { ProgramNeeds } from "./program-file.ts";
import { mountsOf, sandboxLimits, type World } from "./world.ts";

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
  readonly needs: ProgramNeeds;
  /** The only provider that may be taken; the mock is taken in no other way. */
  readonly named: Selection["named"];
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
  const { config, configFile, needs, named } = wish;
  const { mode } = config.orchestrator.isolation;
  if (named?.value === MOCK_NAME) return mockWall(named.from);
  const needed = mode === "wasm" ? NEEDED : GUARANTEES;
  const { provider, measured, candidates } = await selectWall(
    await providersOf(world, machineOf(config, configFile)),
    { ...needs, mode, named },
    async (candidate) => {
      const matrix = await matrixOf(world, [candidate], wish);
      const rows = matrix.providers[0]?.measurements ?? [];
      const broken = unheld(rows, needed).map((row) => `${row.guarantee} (${row.evidence})`);
      return { broken: broken.length === 0 ? null : broken.join(", "), measured: { matrix, rows } };
    },
  );
  // A plan is shown no directory.
  const binds = needs.kind === "rtfs" ? [] : mountsOf(config);
  const machine =
    (await provider.machine?.attest({ limits: sandboxLimits(config), binds })) ?? null;
  const facts = factsOf(provider, measured.matrix, measured.rows);
  return { provider, facts: machine === null ? facts : { ...facts, machine }, candidates };
}

/** Who names it was asked for less than any wall: prepare.ts refused it where a wall is needed. */
function mockWall(from: string): ChosenWall {
  return {
    provider: createMock(),
    facts: { wall: MOCK_NAME, mock: true },
    candidates: [{ name: MOCK_NAME, verdict: "taken", why: `${from} names it; it runs nothing` }],
  };
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
