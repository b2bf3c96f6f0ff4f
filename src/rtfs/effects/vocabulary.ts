/**
 * The closed vocabulary of effects: ten kinds, each with its parameters.
 *
 * A parameter is a set of names, a limit, or a flag; each has a least value (nothing) and a greatest
 * one (anything). A kind whose required parameter is at its least value can do nothing. What is not
 * in this table is no effect: it is refused, never taken for something harmless.
 *
 * @module
 */
export const EFFECT_KINDS = [
  "network",
  "fs",
  "process",
  "ipc",
  "clock",
  "random",
  "llm",
  "gpu",
  "device",
  "ui",
] as const;

export type EffectKind = (typeof EFFECT_KINDS)[number];

/** How items of a set cover each other. `exact`: only themselves. */
export type Covering = "exact" | "domain" | "path" | "range";

export interface ParameterSpec {
  readonly name: string;
  readonly shape:
    | "set"
    /** A greatest amount. */
    | "limit"
    /** True allows more. */
    | "authority"
    /** True allows less: something must be done besides. */
    | "obligation";
  /** At its least value, the whole kind allows nothing. */
  readonly isRequired: boolean;
  readonly covering: Covering;
  /** How names are written in one canonical way. */
  readonly letters: "upper" | "lower" | "as-is";
  /** The names there are; null: any. */
  readonly names: readonly string[] | null;
  /** What a grant means that does not say it; null: nothing. */
  readonly granted: readonly string[] | null;
}

interface SetOptions {
  readonly isOptional?: true;
  readonly covering?: Covering;
  readonly letters?: ParameterSpec["letters"];
  readonly names?: readonly string[];
  readonly granted?: readonly string[];
}

function set(name: string, options: SetOptions = {}): ParameterSpec {
  return {
    name,
    shape: "set",
    isRequired: options.isOptional === undefined,
    covering: options.covering ?? "exact",
    letters: options.letters ?? "as-is",
    names: options.names ?? null,
    granted: options.granted ?? null,
  };
}

function scalar(name: string, shape: "limit" | "authority" | "obligation"): ParameterSpec {
  const isRequired = shape === "limit";
  return { ...set(name), shape, isRequired };
}

const SPECS: Readonly<Record<EffectKind, readonly ParameterSpec[]>> = {
  network: [
    set("domains", { covering: "domain", letters: "lower" }),
    set("methods", { letters: "upper", granted: ["GET", "HEAD"] }),
    set("ports", { granted: ["443"] }),
    set("protocols", { letters: "lower", granted: ["https"] }),
    set("ip_ranges", { isOptional: true, covering: "range", letters: "lower" }),
    scalar("mTLS", "obligation"),
  ],
  fs: [
    set("paths", { covering: "path" }),
    set("modes", { letters: "lower", names: ["append", "exec", "read", "write"] }),
  ],
  process: [scalar("spawn", "authority"), set("signals", { isOptional: true, letters: "upper" })],
  ipc: [set("channels")],
  clock: [],
  random: [],
  llm: [set("models"), scalar("max_tokens", "limit"), scalar("tool_use", "authority")],
  gpu: [scalar("max_mem", "limit"), set("compute_caps", { isOptional: true })],
  device: [set("kinds")],
  ui: [scalar("automation", "authority")],
};

/** The parameters of a kind, in the order they are shown. */
export function parametersOf(kind: EffectKind): readonly ParameterSpec[] {
  return SPECS[kind];
}

export function isEffectKind(name: string): name is EffectKind {
  return (EFFECT_KINDS as readonly string[]).includes(name);
}

/** The canonical spelling of a parameter's name: `max-tokens` and `max_tokens` are the same. */
export function findParameter(kind: EffectKind, name: string): ParameterSpec | undefined {
  const plain = name.replaceAll("-", "_").toLowerCase();
  return SPECS[kind].find((spec) => spec.name.toLowerCase() === plain);
}
