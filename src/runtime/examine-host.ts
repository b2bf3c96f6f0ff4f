/**
 * The doctor's examination: probe and measure every wall of this host, afresh.
 *
 * @module
 */
import { release } from "node:os";
import { measureSync } from "../host/index.ts";
import {
  inOrder,
  type Measurement,
  measureStart,
  type Probe,
  type SandboxProgram,
} from "../isolation/index.ts";
import { matrixOf, providersOf } from "./choose-wall.ts";
import type { World } from "./world.ts";

export interface HostReport {
  readonly node: string;
  readonly kernel: string;
  /** Median of a few fdatasync calls in the state directory, milliseconds. */
  readonly syncMs: number;
  readonly digest: string;
  readonly walls: readonly {
    readonly name: string;
    readonly runs: readonly string[];
    readonly probe: Probe;
    readonly measurements: readonly Measurement[];
    /** Median of a few starts of `true` to their end, milliseconds. Null: it does not run programs, or failed. */
    readonly startMsP50: number | null;
  }[];
  /** The wall `ccos run` would take for a default config. */
  readonly chosen: Readonly<Record<"rtfs" | "external" | "script" | "bytecode", string | null>>;
}

export async function examineHost(
  world: World,
  progress: (what: string) => void,
  signal: AbortSignal,
): Promise<HostReport> {
  const providers = await providersOf(world);
  const probes = new Map<string, Probe>();
  for (const provider of providers) probes.set(provider.name, await provider.probe());
  const ready = providers.filter((provider) => probes.get(provider.name)?.kind === "ready");
  const matrix = await matrixOf(world, ready, { waiting: progress, signal, fresh: true });
  const starts = new Map<string, number | null>();
  for (const provider of ready) starts.set(provider.name, await measureStart(provider, signal));
  const taken = (kind: SandboxProgram["kind"]): string | null =>
    inOrder(ready).find((provider) => provider.runs.has(kind))?.name ?? null;
  return {
    node: process.versions.node,
    kernel: `linux ${release()}`,
    syncMs: await measureSync(world.stateDir),
    digest: matrix.digest,
    walls: providers.map((provider) => ({
      name: provider.name,
      runs: [...provider.runs],
      probe: probes.get(provider.name) ?? { kind: "missing", what: ["never probed"], hint: "" },
      measurements:
        matrix.providers.find((each) => each.name === provider.name)?.measurements ?? [],
      startMsP50: starts.get(provider.name) ?? null,
    })),
    chosen: {
      rtfs: taken("rtfs"),
      external: taken("external"),
      script: taken("script"),
      bytecode: taken("bytecode"),
    },
  };
}
