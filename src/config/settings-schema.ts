/**
 * The schema of ccos.toml: every table, its keys, units and policies.
 *
 * docs/settings.md is the same in words. What needs the chosen environment, or two keys, is in settings-rules.ts.
 *
 * @module
 */
import { parseCapabilityPattern, parseHostPattern } from "../policy/index.ts";
import {
  block,
  type Decoder,
  field,
  list,
  mismatch,
  named,
  optionalAmount,
  optionalText,
  present,
  requiredText,
} from "./decoder.ts";
import { alternatives, quoted } from "./display.ts";
import { nearest } from "./nearest.ts";
import type { ConfigNode } from "./node.ts";
import type { Reading } from "./reading.ts";
import { LIMIT_BOUNDS } from "./schema.ts";
import {
  ENVIRONMENTS,
  type EnvironmentLayer,
  type FilesPolicy,
  type NetworkPolicy,
  PROVIDER_WORDS,
  type Settings,
  type SettingsLayer,
} from "./settings-types.ts";
import { ISOLATION_MODES, type LimitsConfig } from "./types.ts";
import { parseDuration, parseSize } from "./units.ts";

const MIB = 1024 * 1024;

/** Text with a unit, in the unit of a limit. */
function quantity(
  limit: keyof LimitsConfig,
  unit: { readonly parse: (text: string) => number | null; readonly example: string; per: number },
): Decoder<number | null> {
  return present<number | null>((node, path, reading) => {
    if (node.kind !== "string")
      return mismatch(reading, path, { expected: `a text such as ${unit.example}`, node });
    const value = unit.parse(node.text);
    if (value === null) {
      const said = `${path} takes a number and a unit such as ${unit.example}, not ${quoted(node.text)}`;
      reading.refuse("TYPE_MISMATCH", path, said, `Write ${unit.example}`);
      return undefined;
    }
    return inBounds(Math.floor(value / unit.per), limit, path, reading);
  }, null);
}

function inBounds(
  value: number,
  limit: keyof LimitsConfig,
  path: string,
  reading: Reading,
): number | undefined {
  const { min, max } = LIMIT_BOUNDS[limit];
  if (value >= min && value <= max) return value;
  reading.refuse("OUT_OF_RANGE", path, `${path} takes ${min} to ${max}, not ${value}`);
  return undefined;
}

const duration = (limit: keyof LimitsConfig): Decoder<number | null> =>
  quantity(limit, { parse: parseDuration, example: '"30s"', per: 1 });
const size = (limit: keyof LimitsConfig, per: number): Decoder<number | null> =>
  quantity(limit, { parse: parseSize, example: '"128MiB"', per });
const count = (limit: keyof LimitsConfig): Decoder<number | null> =>
  optionalAmount(LIMIT_BOUNDS[limit], true);

/** A text out of a closed list. */
function choice<W extends string>(words: readonly W[]): Decoder<W | null> {
  const legal = alternatives(words.map(quoted));
  return present<W | null>((node, path, reading) => {
    if (node.kind !== "string") return mismatch(reading, path, { expected: legal, node });
    const found = words.find((each) => each === node.text);
    if (found !== undefined) return found;
    const meant = nearest(node.text, words);
    const suggestion = meant === null ? `Write ${legal}` : `Did you mean ${quoted(meant)}?`;
    const said = `${path} takes ${legal}, not ${quoted(node.text)}`;
    reading.refuse("TYPE_MISMATCH", path, said, suggestion);
    return undefined;
  }, null);
}

type Listed<T> = (items: readonly string[]) => T;

interface Variants<T> {
  /** Words that stand alone. */
  readonly words: ReadonlyMap<string, T>;
  /** Tables of one key with a list of texts. */
  readonly lists: ReadonlyMap<string, Listed<T>>;
  readonly item: Decoder<string>;
  readonly legal: string;
}

/** `"Denied"`, or `{ AllowList = ["a.example.com"] }`. */
function variant<T>({ words, lists, item, legal }: Variants<T>): Decoder<T | null> {
  const refuse = (node: ConfigNode, path: string, reading: Reading): undefined => {
    const text = node.kind === "string" ? node.text : node.kind === "map" ? keysOf(node)[0] : null;
    const meant = nearest(text ?? "", [...words.keys(), ...lists.keys()]);
    const suggestion = meant === null ? `Write ${legal}` : `Did you mean ${quoted(meant)}?`;
    const said = text === null ? "another type" : quoted(text ?? "");
    reading.refuse("TYPE_MISMATCH", path, `${path} takes ${legal}, not ${said}`, suggestion);
    return undefined;
  };
  return present<T | null>((node, path, reading) => {
    if (node.kind === "string") return words.get(node.text) ?? refuse(node, path, reading);
    if (node.kind !== "map" || node.entries.length !== 1) return refuse(node, path, reading);
    const [entry] = node.entries;
    const make = lists.get(entry?.key ?? "");
    if (make === undefined) return refuse(node, path, reading);
    return make(list(item)(entry?.value, `${path}.${entry?.key ?? ""}`, reading));
  }, null);
}

function keysOf(node: Extract<ConfigNode, { kind: "map" }>): readonly string[] {
  return node.entries.map(({ key }) => key);
}

/** A host pattern without a port: a policy is about hosts. */
const host: Decoder<string> = (node, path, reading) => {
  const text = requiredText(node, path, reading);
  const parsed = parseHostPattern(text);
  if (parsed.ok && parsed.value.port === null) return parsed.value.host;
  const why = parsed.ok ? "it names a port" : parsed.error;
  if (text !== "") reading.refuse("INVALID_DOMAIN_PATTERN", path, `${path}: ${why}`);
  return "";
};

const directory: Decoder<string> = (node, path, reading) => {
  const text = requiredText(node, path, reading);
  const segments = text.split("/").slice(1);
  const isNormal = segments.every((each) => each !== "" && each !== "." && each !== "..");
  if (text.startsWith("/") && (isNormal || text === "/")) return text;
  if (text !== "")
    reading.refuse("INVALID_PATH", path, `${path} takes an absolute path without . and ..`);
  return "/dev/null";
};

const networkPolicy: Decoder<NetworkPolicy | null> = variant<NetworkPolicy>({
  words: new Map<string, NetworkPolicy>([
    ["Denied", { kind: "only", patterns: [] }],
    ["Full", { kind: "full" }],
  ]),
  lists: new Map<string, Listed<NetworkPolicy>>([
    ["AllowList", (patterns) => ({ kind: "only", patterns })],
    ["DenyList", (patterns) => ({ kind: "except", patterns })],
  ]),
  item: host,
  legal: '"Denied", "Full", { AllowList = […] } or { DenyList = […] }',
});

const filesPolicy: Decoder<FilesPolicy | null> = variant<FilesPolicy>({
  words: new Map<string, FilesPolicy>([
    ["None", { kind: "within", mode: "ro", paths: [] }],
    ["Full", { kind: "full" }],
  ]),
  lists: new Map<string, Listed<FilesPolicy>>([
    ["ReadOnly", (paths) => ({ kind: "within", mode: "ro", paths })],
    ["ReadWrite", (paths) => ({ kind: "within", mode: "rw", paths })],
  ]),
  item: directory,
  legal: '"None", "Full", { ReadOnly = […] } or { ReadWrite = […] }',
});

const LAYER = {
  timeout: field("timeout", duration("wallMs")),
  callTimeout: field("call_timeout", duration("callMs")),
  /** Of one processor, as an average over `timeout`. */
  cpuLimit: field("cpu_limit", optionalAmount({ min: 0.001, max: 1024 }, false)),
  cpuTime: field("cpu_time", duration("cpuMs")),
  memoryLimitMb: field("memory_limit_mb", count("memoryMb")),
  memoryLimit: field("memory_limit", size("memoryMb", MIB)),
  outputLimit: field("output_limit", size("outputBytes", 1)),
  diskLimit: field("disk_limit", size("diskMb", MIB)),
  pidsMax: field("pids_max", count("pids")),
  callsMax: field("calls_max", count("calls")),
  networkPolicy: field("network_policy", networkPolicy),
  fsPolicy: field("fs_policy", filesPolicy),
} as const;

const layer: Decoder<SettingsLayer> = block<SettingsLayer>(LAYER);

const environment: Decoder<EnvironmentLayer> = block<EnvironmentLayer>({
  ...LAYER,
  minimumWall: field("minimum_wall", choice(ISOLATION_MODES)),
  provider: field("provider", optionalText),
});

const capabilityLayers: Decoder<ReadonlyMap<string, SettingsLayer>> = (node, path, reading) => {
  const layers = named(layer)(node, path, reading);
  for (const pattern of layers.keys()) {
    const parsed = parseCapabilityPattern(pattern);
    if (parsed.ok && pattern !== "*") continue;
    const at = `${path}.${pattern}`;
    const said = parsed.ok ? "default_config speaks of all" : parsed.error;
    reading.refuse("INVALID_CAPABILITY_PATTERN", at, `${at}: ${said}`);
  }
  return layers;
};

const VMM = block({
  kernelPath: field("kernel_path", optionalText),
  rootfsPath: field("rootfs_path", optionalText),
});

/** The whole file. An absent table says nothing. */
export const settings: Decoder<Settings> = block<Settings>({
  defaultProvider: field("default_provider", choice(PROVIDER_WORDS)),
  defaults: field("default_config", layer),
  environments: field(
    "environments",
    block<Settings["environments"]>({
      development: field(ENVIRONMENTS[0], environment),
      testing: field(ENVIRONMENTS[1], environment),
      production: field(ENVIRONMENTS[2], environment),
    }),
  ),
  capabilities: field("capability_configs", capabilityLayers),
  providers: field(
    "provider_configs",
    block<Settings["providers"]>({
      firecracker: field("firecracker", VMM),
      cloudHypervisor: field("cloud-hypervisor", VMM),
      qemu: field("qemu", VMM),
      gvisor: field("gvisor", block({ platform: field("platform", optionalText) })),
      process: field(
        "process",
        block({ user: field("user", optionalText), chroot: field("chroot", optionalText) }),
      ),
      wasm: field("wasm", block({})),
      mock: field("mock", block({})),
    }),
  ),
});
