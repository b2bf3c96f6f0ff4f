/**
 * The typed settings file, and what one run gets of it.
 *
 * `Settings` is what ccos.toml says; `RunBounds` is what holds for one run: plain data, kept with the run's
 * inputs, so that a replay is bound by the same.
 *
 * @module
 */
import type { PolicyBound } from "../policy/index.ts";
import type { Finding, IsolationMode, LimitsConfig } from "./types.ts";

/** Weakest first. */
export const ENVIRONMENTS = ["development", "testing", "production"] as const;
export type EnvironmentName = (typeof ENVIRONMENTS)[number];

/** Words that `default_provider` takes: the kinds of wall, the monitors of microVMs, and the mock. */
export const PROVIDER_WORDS = [
  "mock",
  "wasm",
  "process",
  "gvisor",
  "microvm",
  "qemu",
  "firecracker",
  "cloud-hypervisor",
] as const;

export type NetworkPolicy =
  | { readonly kind: "only" | "except"; readonly patterns: readonly string[] }
  /** Says nothing: the agent's own rules grant what they grant. */
  | { readonly kind: "full" };

export type FilesPolicy =
  | { readonly kind: "within"; readonly mode: "ro" | "rw"; readonly paths: readonly string[] }
  | { readonly kind: "full" };

/** Null: not written. */
export interface SettingsLayer {
  /** Milliseconds. */
  readonly timeout: number | null;
  readonly callTimeout: number | null;
  /** Processors, as an average over the run. */
  readonly cpuLimit: number | null;
  readonly cpuTime: number | null;
  readonly memoryLimitMb: number | null;
  /** Mebibytes, like the one before. */
  readonly memoryLimit: number | null;
  readonly outputLimit: number | null;
  readonly diskLimit: number | null;
  readonly pidsMax: number | null;
  readonly callsMax: number | null;
  readonly networkPolicy: NetworkPolicy | null;
  readonly fsPolicy: FilesPolicy | null;
}

export interface EnvironmentLayer extends SettingsLayer {
  readonly minimumWall: IsolationMode | null;
  /** The only provider that may be taken. */
  readonly provider: string | null;
}

interface MonitorOptions {
  readonly kernelPath: string | null;
  readonly rootfsPath: string | null;
}

export interface Settings {
  readonly defaultProvider: (typeof PROVIDER_WORDS)[number] | null;
  readonly defaults: SettingsLayer;
  readonly environments: Readonly<Record<EnvironmentName, EnvironmentLayer>>;
  /** By capability id or pattern. */
  readonly capabilities: ReadonlyMap<string, SettingsLayer>;
  readonly providers: {
    readonly firecracker: MonitorOptions;
    readonly cloudHypervisor: MonitorOptions;
    readonly qemu: MonitorOptions;
    readonly gvisor: { readonly platform: string | null };
    readonly process: { readonly user: string | null; readonly chroot: string | null };
    readonly wasm: object;
    readonly mock: object;
  };
}

export interface LoadedSettings {
  /** Null only when the text is no TOML. */
  readonly settings: Settings | null;
  readonly findings: readonly Finding[];
  readonly valid: boolean;
}

/** A value and where it comes from, `ccos.toml environments.testing.timeout`. */
export interface Sourced<T> {
  readonly value: T;
  readonly from: string;
}

/** What the operator lets one run have at most. JSON. */
export interface RunBounds {
  /** Null: none was named. */
  readonly environment: EnvironmentName | null;
  /** `sha256:` of the settings' text; null: there is no such file. */
  readonly settings: string | null;
  /** The least wall; null: the config's own mode alone. */
  readonly wall: Sourced<IsolationMode> | null;
  /** The only provider that may be taken. */
  readonly provider: Sourced<string> | null;
  /** The smallest of all that speak, at most one for each limit. */
  readonly limits: readonly (Sourced<number> & { readonly limit: keyof LimitsConfig })[];
  /** Processors, as an average over the run. */
  readonly processors: Sourced<number> | null;
  /** Wall clock of calls of these capabilities, milliseconds. */
  readonly calls: readonly (Sourced<number> & { readonly capability: string })[];
  readonly reach: readonly PolicyBound[];
}
