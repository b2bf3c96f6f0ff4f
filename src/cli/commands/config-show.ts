/**
 * `ccos config show`: what the operator's settings, environment and flags come to, and which of them says what.
 *
 * @module
 */
import {
  findingsToJson,
  formatFindings,
  LIMIT_BOUNDS,
  type LimitsConfig,
  type RunBounds,
} from "../../config/index.ts";
import type { JsonObject, JsonValue } from "../../foundation/json.ts";
import { type Command, type Io, parseCommand, usageError } from "../command.ts";
import { marksFor, printable } from "../render.ts";
import {
  type Operator,
  readOperator,
  SETTINGS_FLAGS,
  SETTINGS_USAGE,
  TIGHTER_FLAGS,
} from "../settings.ts";

const LIMITS = Object.keys(LIMIT_BOUNDS) as readonly (keyof LimitsConfig)[];

export const configShow: Command = {
  name: "config show",
  usage: `config show ${SETTINGS_USAGE} [--json]`,
  summary: "The operator's settings as they hold for a run: each value with the line it comes from",

  async run(args, io) {
    const parsed = parseCommand(configShow, args, { ...SETTINGS_FLAGS, ...TIGHTER_FLAGS });
    if (parsed.positionals.length > 0) throw usageError(configShow, "it takes no file");
    const operator = await readOperator(configShow, io, parsed);
    if (io.json) io.out(JSON.stringify(operatorJson(operator)));
    else show(operator, io);
    return operator.bounds === null ? 65 : 0;
  },
};

/** A value where nobody bounds it is the agent config's own, up to the schema's ceiling. */
function operatorJson({ file, environment, findings, bounds, settings }: Operator): JsonObject {
  return {
    file,
    environment,
    valid: bounds !== null,
    findings: findingsToJson(findings),
    bounds: (bounds ?? null) as unknown as JsonValue,
    limits: Object.fromEntries(LIMITS.map((limit) => [limit, limitJson(limit, bounds)])),
    providers: (settings?.providers ?? null) as unknown as JsonValue,
  };
}

function limitJson(limit: keyof LimitsConfig, bounds: Operator["bounds"]): JsonObject {
  const bound = bounds?.limits.find((each) => each.limit === limit);
  return bound === undefined
    ? { value: LIMIT_BOUNDS[limit].max, from: "ceiling" }
    : { value: bound.value, from: bound.from };
}

function show({ file, environment, findings, bounds }: Operator, io: Io): void {
  if (findings.length > 0) io.say(formatFindings(findings, { color: io.terminal }));
  if (bounds === null) return;
  io.out(`settings     ${file === null ? "none" : printable(file)}`);
  io.out(`environment  ${environment ?? "none named"}`);
  if (bounds === undefined) io.out("every agent config holds as it is written");
  else for (const line of boundLines(bounds)) io.out(line(io));
}

type Line = (io: Io) => string;

function boundLines(bounds: RunBounds): readonly Line[] {
  const row =
    (name: string, value: string, from: string): Line =>
    (io) =>
      printable(`${name.padEnd(12)} ${value.padEnd(24)} `) +
      marksFor(io.terminal).dim(printable(from));
  return [
    ...(bounds.wall === null
      ? []
      : [row("wall", `at least ${bounds.wall.value}`, bounds.wall.from)]),
    ...(bounds.provider === null
      ? []
      : [row("provider", bounds.provider.value, bounds.provider.from)]),
    ...LIMITS.map((limit) => {
      const bound = bounds.limits.find((each) => each.limit === limit);
      return bound === undefined
        ? row(limit, `up to ${LIMIT_BOUNDS[limit].max}`, "ceiling; the agent config's own holds")
        : row(limit, `at most ${bound.value}`, bound.from);
    }),
    ...(bounds.processors === null
      ? []
      : [row("processors", `${bounds.processors.value} on average`, bounds.processors.from)]),
    ...bounds.calls.map(({ capability, value, from }) =>
      row("call", `${capability} at most ${value} ms`, from),
    ),
    ...bounds.reach.map((bound) => row("reach", reachText(bound), bound.rule)),
  ];
}

function reachText({ hosts, files, capabilities, except }: RunBounds["reach"][number]): string {
  const who =
    capabilities.length > 0
      ? capabilities.join(", ")
      : except.length > 0
        ? `all but ${except.join(", ")}`
        : "all";
  return `${who}: ${hostsText(hosts)}${filesText(files)}`;
}

function hostsText(hosts: RunBounds["reach"][number]["hosts"]): string {
  if (hosts === null) return "";
  const list = hosts.patterns.join(", ");
  if (hosts.kind === "except") return `no ${list}`;
  return list === "" ? "no network" : `only ${list}`;
}

function filesText(files: RunBounds["reach"][number]["files"]): string {
  if (files === null) return "";
  if (files.length === 0) return "no files";
  return files.map(({ path, mode }) => `${mode} ${path}`).join(", ");
}
