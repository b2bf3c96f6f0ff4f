/**
 * The operator's word on every run: settings, environment and command line, met into bounds.
 *
 * Nothing here grants. Of all that speak about one limit the smallest holds; every policy must agree; the
 * strongest wall named is the least. Only policies of `default_config` give way: where a capability has one of its own,
 * that one is asked instead.
 *
 * Read in this order: boundsOf, limitsOf, reachOf, boundConfig.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import type { PolicyBound } from "../policy/index.ts";
import { BUILT_IN, NO_LAYER, WALL_OF_PROVIDER, wallRank } from "./environments.ts";
import type {
  EnvironmentName,
  FilesPolicy,
  LoadedSettings,
  NetworkPolicy,
  RunBounds,
  Settings,
  SettingsLayer,
  Sourced,
} from "./settings-types.ts";
import type { AgentConfig, IsolationMode, LimitsConfig } from "./types.ts";

/** Read a settings file. The parser is loaded when there is one to parse. */
export async function loadSettings(
  source: string,
  options: { readonly file: string; readonly environment: EnvironmentName | null },
): Promise<LoadedSettings> {
  const { decodeSettings } = await import("./settings-text.ts");
  return decodeSettings(source, options);
}

export interface BoundsSources {
  /** Null: there is no file. */
  readonly settings: {
    readonly value: Settings;
    readonly file: string;
    readonly digest: string;
  } | null;
  readonly environment: EnvironmentName | null;
  /** What the command line asks on top. */
  readonly asked: {
    readonly timeout: number | null;
    readonly memoryLimitMb: number | null;
    readonly wall: IsolationMode | null;
    readonly provider: string | null;
  };
}

const COMMAND_LINE = "the command line";

/** A layer and the text before its keys in `from`. */
interface Speaker {
  readonly from: string;
  readonly layer: SettingsLayer;
}

/** @throws {CcosError} `ENVIRONMENT_REFUSED` when the command line asks for more than there is. */
export function boundsOf(sources: BoundsSources): RunBounds {
  const { settings, environment, asked } = sources;
  const speakers = speakersOf(sources);
  const limits = limitsOf(speakers);
  refuseLooser(limits, asked);
  const processors = smallest(
    speakers.flatMap(({ from, layer }) =>
      layer.cpuLimit === null ? [] : [{ value: layer.cpuLimit, from: `${from}cpu_limit` }],
    ),
  );
  return {
    environment,
    settings: settings?.digest ?? null,
    wall: wallOf(sources),
    provider: providerOf(sources),
    limits,
    processors,
    calls: settings === null ? [] : callsOf(settings.value, settings.file),
    reach: reachOf(speakers, settings),
  };
}

function speakersOf({ settings, environment, asked }: BoundsSources): readonly Speaker[] {
  const { timeout, memoryLimitMb } = asked;
  const speakers: Speaker[] = [
    { from: `${COMMAND_LINE} `, layer: { ...NO_LAYER, timeout, memoryLimitMb } },
  ];
  if (environment !== null)
    speakers.push({ from: `the environment ${environment}: `, layer: BUILT_IN[environment] });
  if (settings === null) return speakers;
  if (environment !== null) {
    const layer = settings.value.environments[environment];
    speakers.push({ from: `${settings.file} environments.${environment}.`, layer });
  }
  return [...speakers, defaultsOf(settings)];
}

function defaultsOf({ value, file }: { value: Settings; file: string }): Speaker {
  return { from: `${file} default_config.`, layer: value.defaults };
}

const LIMIT_KEYS: readonly (readonly [keyof LimitsConfig, keyof SettingsLayer, string])[] = [
  ["wallMs", "timeout", "timeout"],
  ["callMs", "callTimeout", "call_timeout"],
  ["cpuMs", "cpuTime", "cpu_time"],
  ["memoryMb", "memoryLimitMb", "memory_limit_mb"],
  ["memoryMb", "memoryLimit", "memory_limit"],
  ["outputBytes", "outputLimit", "output_limit"],
  ["diskMb", "diskLimit", "disk_limit"],
  ["pids", "pidsMax", "pids_max"],
  ["calls", "callsMax", "calls_max"],
];

function limitsOf(speakers: readonly Speaker[]): RunBounds["limits"] {
  const found = new Map<keyof LimitsConfig, Sourced<number>>();
  for (const { from, layer } of speakers) {
    for (const [limit, key, written] of LIMIT_KEYS) {
      const value = layer[key];
      const known = found.get(limit);
      if (typeof value === "number" && (known === undefined || value < known.value))
        found.set(limit, { value, from: `${from}${written}` });
    }
  }
  return [...found].map(([limit, sourced]) => ({ limit, ...sourced }));
}

function smallest(all: readonly Sourced<number>[]): Sourced<number> | null {
  return all.reduce<Sourced<number> | null>(
    (least, each) => (least === null || each.value < least.value ? each : least),
    null,
  );
}

/** Whoever types a limit means it: one that another undercuts is no limit but a mistake. */
function refuseLooser(limits: RunBounds["limits"], asked: BoundsSources["asked"]): void {
  const wanted = [
    ["--timeout", "wallMs", asked.timeout, "ms"],
    ["--memory", "memoryMb", asked.memoryLimitMb, "MiB"],
  ] as const;
  for (const [flag, limit, value, unit] of wanted) {
    const holds = limits.find((each) => each.limit === limit);
    if (value === null || holds === undefined || value <= holds.value) continue;
    throw new CcosError("ENVIRONMENT_REFUSED", {
      what: `Cannot take ${flag} ${value} ${unit}`,
      why: `${holds.from} allows ${holds.value} ${unit}, and the command line only tightens`,
      fix: "Ask for less, or change the settings",
    });
  }
}

function wallOf({ settings, environment, asked }: BoundsSources): RunBounds["wall"] {
  const candidates: Sourced<IsolationMode>[] = [];
  const add = (value: IsolationMode | null | undefined, from: string): void => {
    if (value !== null && value !== undefined) candidates.push({ value, from });
  };
  add(asked.wall, `${COMMAND_LINE} --wall`);
  if (environment !== null)
    add(BUILT_IN[environment].minimumWall, `the environment ${environment}`);
  if (settings !== null) {
    const { file, value } = settings;
    if (environment !== null)
      add(
        value.environments[environment].minimumWall,
        `${file} environments.${environment}.minimum_wall`,
      );
    add(WALL_OF_PROVIDER.get(value.defaultProvider ?? ""), `${file} default_provider`);
  }
  return candidates.reduce<RunBounds["wall"]>(
    (most, each) => (most === null || wallRank(each.value) > wallRank(most.value) ? each : most),
    null,
  );
}

/** @throws {CcosError} `ENVIRONMENT_REFUSED` when the command line names another than the environment does. */
function providerOf({ settings, environment, asked }: BoundsSources): RunBounds["provider"] {
  const stated =
    environment === null ? null : (settings?.value.environments[environment].provider ?? null);
  const from = `${settings?.file ?? ""} environments.${environment ?? ""}.provider`;
  if (asked.provider === null) return stated === null ? null : { value: stated, from };
  if (stated !== null && stated !== asked.provider && !asked.provider.startsWith(`${stated}/`))
    throw new CcosError("ENVIRONMENT_REFUSED", {
      what: `Cannot take the provider "${asked.provider}"`,
      why: `${from} names "${stated}"`,
      fix: "Leave --provider out, or change the settings",
    });
  return { value: asked.provider, from: `${COMMAND_LINE} --provider` };
}

function callsOf(settings: Settings, file: string): RunBounds["calls"] {
  return [...settings.capabilities].flatMap(([capability, { timeout }]) =>
    timeout === null
      ? []
      : [{ capability, value: timeout, from: `${capabilityTable(file, capability)}.timeout` }],
  );
}

function capabilityTable(file: string, capability: string): string {
  return `${file} capability_configs."${capability}"`;
}

function reachOf(
  speakers: readonly Speaker[],
  settings: BoundsSources["settings"],
): readonly PolicyBound[] {
  const own = settings === null ? [] : [...settings.value.capabilities];
  const named = own.flatMap(([capability, layer]) =>
    policyBounds({ from: `${capabilityTable(settings?.file ?? "", capability)}.`, layer }, [
      capability,
    ]),
  );
  const spoken = (key: "networkPolicy" | "fsPolicy"): readonly string[] =>
    own.filter(([, layer]) => layer[key] !== null).map(([capability]) => capability);
  const isDefault = (layer: SettingsLayer): boolean => layer === settings?.value.defaults;
  const general = speakers.flatMap((speaker) =>
    policyBounds(speaker, []).map((bound) =>
      isDefault(speaker.layer)
        ? { ...bound, except: spoken(bound.hosts === null ? "fsPolicy" : "networkPolicy") }
        : bound,
    ),
  );
  return [...named, ...general];
}

/** At most one bound for the network and one for files. */
function policyBounds(
  { from, layer }: Speaker,
  capabilities: readonly string[],
): readonly PolicyBound[] {
  const hosts = hostsOf(layer.networkPolicy);
  const files = filesOf(layer.fsPolicy);
  const about = { capabilities, except: [] };
  return [
    ...(hosts === null ? [] : [{ rule: `${from}network_policy`, ...about, hosts, files: null }]),
    ...(files === null ? [] : [{ rule: `${from}fs_policy`, ...about, hosts: null, files }]),
  ];
}

function hostsOf(policy: NetworkPolicy | null): PolicyBound["hosts"] {
  return policy === null || policy.kind === "full" ? null : policy;
}

function filesOf(policy: FilesPolicy | null): PolicyBound["files"] {
  if (policy === null || policy.kind === "full") return null;
  return policy.paths.map((path) => ({ path, mode: policy.mode }));
}

/** The config as it holds under these bounds: each limit the smaller one, the wall the stronger one. */
export function boundConfig(config: AgentConfig, bounds: RunBounds): AgentConfig {
  const limits: Record<keyof LimitsConfig, number> = { ...config.limits };
  for (const { limit, value } of bounds.limits) limits[limit] = Math.min(limits[limit], value);
  if (bounds.processors !== null) {
    const share = Math.max(1, Math.floor(limits.wallMs * bounds.processors.value));
    limits.cpuMs = Math.min(limits.cpuMs, share);
  }
  const { isolation } = config.orchestrator;
  const least = bounds.wall?.value ?? isolation.mode;
  const mode = wallRank(least) > wallRank(isolation.mode) ? least : isolation.mode;
  const orchestrator = { ...config.orchestrator, isolation: { ...isolation, mode } };
  return { ...config, limits, orchestrator };
}
