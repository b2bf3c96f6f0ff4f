/**
 * The environments that need no file, and how walls rank.
 *
 * @module
 */
import type { EnvironmentLayer, EnvironmentName, SettingsLayer } from "./settings-types.ts";
import type { IsolationMode } from "./types.ts";

export const NO_LAYER: SettingsLayer = {
  timeout: null,
  callTimeout: null,
  cpuLimit: null,
  cpuTime: null,
  memoryLimitMb: null,
  memoryLimit: null,
  outputLimit: null,
  diskLimit: null,
  pidsMax: null,
  callsMax: null,
  networkPolicy: null,
  fsPolicy: null,
};

/** What each environment is without a word in the settings; a file makes it stricter only. */
export const BUILT_IN: Readonly<Record<EnvironmentName, EnvironmentLayer>> = {
  development: { ...NO_LAYER, minimumWall: "wasm", provider: null },
  testing: {
    ...NO_LAYER,
    minimumWall: "wasm",
    provider: null,
    timeout: 5_000,
    memoryLimitMb: 128,
    networkPolicy: { kind: "only", patterns: [] },
    fsPolicy: { kind: "within", mode: "ro", paths: [] },
  },
  production: { ...NO_LAYER, minimumWall: "process", provider: null },
};

const RANKS: Readonly<Record<IsolationMode, number>> = {
  wasm: 0,
  process: 1,
  container: 2,
  gvisor: 2,
  microvm: 3,
};

/** 0 for the weakest wall; equal walls have equal ranks. */
export function wallRank(mode: IsolationMode): number {
  return RANKS[mode];
}

/** The wall that each provider word stands for; the mock is none. */
export const WALL_OF_PROVIDER: ReadonlyMap<string, IsolationMode> = new Map([
  ["wasm", "wasm"],
  ["process", "process"],
  ["gvisor", "gvisor"],
  ["microvm", "microvm"],
  ["qemu", "microvm"],
  ["firecracker", "microvm"],
  ["cloud-hypervisor", "microvm"],
]);
