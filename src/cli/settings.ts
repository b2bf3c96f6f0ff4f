/**
 * The operator's settings as the command line finds them: `--settings FILE`, else `CCOS_SETTINGS`, else ./ccos.toml,
 * else $XDG_CONFIG_HOME/ccos/config.toml; the environment by `--env NAME` or `CCOS_ENV`.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import type { ParseArgsConfig } from "node:util";
import { digestOf } from "../chain/index.ts";
import {
  boundsOf,
  type BoundsSources,
  ENVIRONMENTS,
  type EnvironmentName,
  type Finding,
  ISOLATION_MODES,
  type IsolationMode,
  LIMIT_BOUNDS,
  type LimitsConfig,
  loadSettings,
  nearest,
  parseDuration,
  parseSize,
  type RunBounds,
  type Settings,
} from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { readBounded } from "../host/index.ts";
import { type Command, type Io, type Parsed, usageError } from "./command.ts";
import { readSource } from "./inputs.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Flags that say which settings hold; those of every command that reads a config. */
export const SETTINGS_FLAGS: Options = { settings: { type: "string" }, env: { type: "string" } };

/** Flags that tighten one run. */
export const TIGHTER_FLAGS: Options = {
  timeout: { type: "string" },
  memory: { type: "string" },
  wall: { type: "string" },
  provider: { type: "string" },
};

/** How a usage line names both. */
export const SETTINGS_USAGE = "[--env NAME] [--settings FILE]";
export const TIGHTER_USAGE = "[--timeout 30s] [--memory 128MiB] [--wall MODE] [--provider NAME]";

export interface Operator {
  /** As it was named, or where it was found; null: there is none. */
  readonly file: string | null;
  readonly environment: EnvironmentName | null;
  /** Null: there is no file, or it has errors. */
  readonly settings: Settings | null;
  readonly findings: readonly Finding[];
  /** Null: the settings have errors, and nothing may run. Undefined: nobody says anything. */
  readonly bounds: RunBounds | null | undefined;
}

/** @throws {CcosError} `USAGE` for an unknown environment or a malformed flag, `INPUT_NOT_FOUND`, `ENVIRONMENT_REFUSED`. */
export async function readOperator(command: Command, io: Io, parsed: Parsed): Promise<Operator> {
  const environment = environmentOf(command, io, parsed);
  const file = await settingsFile(io, parsed);
  const source = file === null ? null : await readSource(io.cwd, file);
  const loaded =
    file === null || source === null ? null : await loadSettings(source, { file, environment });
  const asked = askedOf(command, parsed);
  const { findings = [], settings = null } = loaded ?? {};
  const found = { file, environment, settings, findings };
  if (loaded !== null && (!loaded.valid || settings === null)) return { ...found, bounds: null };
  const isSilent =
    file === null && environment === null && Object.values(asked).every((each) => each === null);
  if (isSilent) return { ...found, bounds: undefined };
  const sources: BoundsSources = {
    settings:
      file === null || settings === null || source === null
        ? null
        : { value: settings, file, digest: digestOf(source) },
    environment,
    asked,
  };
  return { ...found, bounds: boundsOf(sources) };
}

/** What a run takes of it. @throws {CcosError} `SETTINGS_INVALID`. */
export function runBounds({ bounds, file, findings }: Operator): {
  readonly bounds?: RunBounds;
} {
  if (bounds !== null) return bounds === undefined ? {} : { bounds };
  const errors = findings.filter((each) => each.severity === "error");
  const [first] = errors;
  throw new CcosError("SETTINGS_INVALID", {
    what: `Cannot use the settings "${file ?? ""}"`,
    why: `${errors.length} error${errors.length === 1 ? "" : "s"}, the first: ${first?.code ?? ""} ${first?.message ?? ""}`,
    fix: "Run `ccos config show` for all of them",
    place: first?.span ?? undefined,
    details: { codes: errors.map((each) => each.code) },
  });
}

function environmentOf(command: Command, io: Io, parsed: Parsed): EnvironmentName | null {
  const flag = parsed.text("env");
  const variable = io.world.environment["CCOS_ENV"];
  const set = variable === "" ? undefined : variable;
  if (flag !== undefined && set !== undefined && flag !== set)
    throw usageError(command, `--env says "${flag}" and CCOS_ENV says "${set}"`);
  const name = flag ?? set;
  if (name === undefined) return null;
  const known = ENVIRONMENTS.find((each) => each === name);
  if (known !== undefined) return known;
  const meant = nearest(name, ENVIRONMENTS);
  const hint = meant === null ? `there are ${ENVIRONMENTS.join(", ")}` : `did you mean "${meant}"?`;
  throw usageError(command, `no environment is called "${name.slice(0, 60)}"; ${hint}`);
}

async function settingsFile(io: Io, parsed: Parsed): Promise<string | null> {
  const { environment } = io.world;
  const named = parsed.text("settings") ?? environment["CCOS_SETTINGS"];
  if (named !== undefined && named !== "") return named;
  const home = environment["HOME"];
  const xdg = environment["XDG_CONFIG_HOME"];
  const base =
    xdg !== undefined && isAbsolute(xdg) ? xdg : home === undefined ? null : join(home, ".config");
  const places = ["ccos.toml", ...(base === null ? [] : [join(base, "ccos", "config.toml")])];
  for (const place of places) {
    const path = isAbsolute(place) ? place : join(io.cwd, place);
    const found = await readBounded(path, 0);
    // A file that is there and cannot be read is not passed over: reading it says why.
    if (found.ok || found.error !== "absent") return place;
  }
  return null;
}

function askedOf(command: Command, parsed: Parsed): BoundsSources["asked"] {
  return {
    timeout: quantity(command, parsed, TIMEOUT),
    memoryLimitMb: quantity(command, parsed, MEMORY),
    wall: wallOf(command, parsed.text("wall")),
    provider: parsed.text("provider") ?? null,
  };
}

interface Quantity {
  readonly flag: "timeout" | "memory";
  readonly limit: keyof LimitsConfig;
  readonly parse: (text: string) => number | null;
  /** Of what is parsed in one of the limit. */
  readonly per: number;
  readonly example: string;
}

const TIMEOUT: Quantity = {
  flag: "timeout",
  limit: "wallMs",
  parse: parseDuration,
  per: 1,
  example: "30s",
};
const MEMORY: Quantity = {
  flag: "memory",
  limit: "memoryMb",
  parse: parseSize,
  per: 1024 ** 2,
  example: "128MiB",
};

function quantity(
  command: Command,
  parsed: Parsed,
  { flag, limit, parse, per, example }: Quantity,
): number | null {
  const text = parsed.text(flag);
  if (text === undefined) return null;
  const value = parse(text);
  if (value === null)
    throw usageError(command, `--${flag} takes a number and a unit such as ${example}`);
  const { min, max } = LIMIT_BOUNDS[limit];
  const whole = Math.floor(value / per);
  if (whole < min || whole > max)
    throw usageError(command, `--${flag} is out of its range; ${limit} takes ${min} to ${max}`);
  return whole;
}

function wallOf(command: Command, text: string | undefined): IsolationMode | null {
  if (text === undefined) return null;
  const known = ISOLATION_MODES.find((each) => each === text);
  if (known === undefined)
    throw usageError(command, `--wall takes one of ${ISOLATION_MODES.join(", ")}`);
  return known;
}
