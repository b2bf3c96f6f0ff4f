/**
 * Deployments from the command line: `deploy`, `rollback`, `supervise`, `call`, `status`, `stop`, `console`.
 *
 * `supervise` is the process that stays; the others ask it over its socket (src/deploy/control.ts).
 *
 * @module
 */
import { resolve } from "node:path";
import { parseDuration } from "../../config/index.ts";
import {
  ask,
  type AskOptions,
  changeDeployment,
  CONSOLE_MS_MAX,
  deploymentPaths,
  deploymentStatus,
  DRAIN_MS_MAX,
  supervise as superviseDeployment,
} from "../../deploy/index.ts";
import { isJsonObject, type JsonValue } from "../../foundation/json.ts";
import { POOL_SIZE_MAX } from "../../runtime/index.ts";
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../command.ts";
import { printable } from "../render.ts";
import { reportJson } from "../run-screen.ts";
import { readOperator, runBounds, SETTINGS_FLAGS, SETTINGS_USAGE } from "../settings.ts";
import { valueText } from "../value-text.ts";

const DRAIN_MS = 30_000;
const CONSOLE_MS = 10 * 60 * 1000;
/** Guests that wait unless `--warm` says otherwise. */
const WARM = 1;

export const deploy: Command = {
  name: "deploy",
  usage:
    "deploy PACKAGE --name NAME [--key FILE] [--health JSON-ARRAY] [--drain-timeout 30s] [--json]",
  summary: "Make a package the next generation of a deployment; it serves once it is healthy",

  async run(args, io) {
    const parsed = parseCommand(deploy, args, {
      name: { type: "string" },
      key: { type: "string" },
      health: { type: "string" },
      "drain-timeout": { type: "string" },
    });
    const [directory, ...rest] = parsed.positionals;
    const name = parsed.text("name");
    if (directory === undefined || rest.length > 0 || name === undefined)
      throw usageError(deploy, "name one package, and --name NAME");
    const key = parsed.text("key");
    const change = {
      verb: "deploy",
      package: resolve(io.cwd, directory),
      key: key === undefined ? null : resolve(io.cwd, key),
      health: listIn(deploy, parsed, "health"),
      drainMs: timeIn(deploy, parsed, "drain-timeout", [DRAIN_MS, DRAIN_MS_MAX]),
    } as const;
    return say(io, await changeDeployment(io.world, name, change, asking(io)));
  },
};

export const rollback: Command = {
  name: "rollback",
  usage: "rollback NAME [--drain-timeout 30s] [--json]",
  summary: "Have the generation before serve again, by the same way as a new one",

  async run(args, io) {
    const parsed = parseCommand(rollback, args, { "drain-timeout": { type: "string" } });
    const drainMs = timeIn(rollback, parsed, "drain-timeout", [DRAIN_MS, DRAIN_MS_MAX]);
    const name = nameIn(rollback, parsed);
    const change = { verb: "rollback", drainMs } as const;
    return say(io, await changeDeployment(io.world, name, change, asking(io)));
  },
};

export const status: Command = {
  name: "status",
  usage: "status NAME [--json]",
  summary: "Say what a deployment serves, and how it is",

  async run(args, io) {
    const name = nameIn(status, parseCommand(status, args));
    return say(io, await deploymentStatus(io.world, name, asking(io)));
  },
};

export const stop: Command = {
  name: "stop",
  usage: "stop NAME [--drain-timeout 30s] [--json]",
  summary: "Have the supervisor of a deployment end, once its jobs did",

  async run(args, io) {
    const parsed = parseCommand(stop, args, { "drain-timeout": { type: "string" } });
    const drainMs = timeIn(stop, parsed, "drain-timeout", [DRAIN_MS, DRAIN_MS_MAX]);
    const paths = deploymentPaths(io.world.stateDir, nameIn(stop, parsed));
    return say(io, await ask(paths, { verb: "stop", drainMs }, asking(io)));
  },
};

export const call: Command = {
  name: "call",
  usage: "call NAME [--args JSON-ARRAY] [--json]",
  summary: "Run one job of a deployment; --json prints what `ccos run --json` does",

  async run(args, io) {
    const parsed = parseCommand(call, args, { args: { type: "string" } });
    const paths = deploymentPaths(io.world.stateDir, nameIn(call, parsed));
    const request = { verb: "call", args: listIn(call, parsed, "args") } as const;
    const answer = await ask(paths, request, asking(io));
    if (!isJsonObject(answer)) throw new TypeError("A job's answer is an object");
    const { exitCode, outcome, stdout, error } = answer;
    if (io.json) io.out(JSON.stringify(answer));
    else {
      if (typeof stdout === "string" && stdout !== "") io.out(stdout);
      if (isJsonObject(outcome) && outcome["kind"] === "value")
        io.out(valueText(outcome["value"] ?? null));
      else if (exitCode !== 0) io.say(printable(JSON.stringify(error ?? outcome)));
    }
    return typeof exitCode === "number" ? exitCode : 70;
  },
};

export const supervise: Command = {
  name: "supervise",
  usage: `supervise NAME [--warm N] [--service] [--drain-timeout 30s] ${SETTINGS_USAGE} [--production] [--json]`,
  summary: "Keep a deployment serving, in the foreground, until it is told to stop",

  async run(args, io) {
    const parsed = parseCommand(supervise, args, {
      warm: { type: "string" },
      service: { type: "boolean" },
      production: { type: "boolean" },
      "drain-timeout": { type: "string" },
      ...SETTINGS_FLAGS,
    });
    const warm = parsed.text("warm") ?? String(WARM);
    if (!/^\d{1,3}$/.test(warm) || Number(warm) > POOL_SIZE_MAX)
      throw usageError(supervise, `--warm is a number up to ${POOL_SIZE_MAX}`);
    const operator = await readOperator(supervise, io, parsed);
    const production = parsed.flag("production") || operator.environment === "production";
    const terminal = {
      out: (chunk: Uint8Array) => void process.stdout.write(chunk),
      error: (chunk: Uint8Array) => void process.stderr.write(chunk),
    };
    await superviseDeployment(io.world, nameIn(supervise, parsed), {
      given: { ...runBounds(operator), production },
      warm: Number(warm),
      present: reportJson,
      service: parsed.flag("service") ? terminal : null,
      drainMs: timeIn(supervise, parsed, "drain-timeout", [DRAIN_MS, DRAIN_MS_MAX]),
      tell: (text) => (io.json ? io.out(JSON.stringify({ step: text })) : step(io, text)),
      signal: io.signal,
    });
    return 0;
  },
};

export const consoleOpen: Command = {
  name: "console",
  usage: "console NAME --reason TEXT [--for 10m] [--json]",
  summary: "Break glass: a recorded shell behind the wall of what serves, without the agent",

  async run(args, io) {
    const parsed = parseCommand(consoleOpen, args, {
      reason: { type: "string" },
      for: { type: "string" },
    });
    const paths = deploymentPaths(io.world.stateDir, nameIn(consoleOpen, parsed));
    const reason = parsed.text("reason") ?? "";
    const forMs = timeIn(consoleOpen, parsed, "for", [CONSOLE_MS, CONSOLE_MS_MAX]);
    const request = { verb: "console", reason, forMs } as const;
    return say(io, await ask(paths, request, { ...asking(io), input: typedLines() }));
  },
};

/** Pieces of stdin, as a console's requests. */
async function* typedLines(): AsyncGenerator<string, void, undefined> {
  for await (const chunk of process.stdin as AsyncIterable<Buffer>)
    yield JSON.stringify({ data: chunk.toString("base64") });
  yield JSON.stringify({});
}

function asking(io: Io): AskOptions {
  return {
    signal: io.signal,
    hear: (reply) => {
      if (reply.kind === "progress") return step(io, reply.text);
      const stream = reply.kind === "out" ? process.stdout : process.stderr;
      stream.write(Buffer.from(reply.data, "base64"));
    },
  };
}

function step(io: Io, text: string): void {
  io.say(` …         ${printable(text)}`);
}

/** An answer of a few plain fields, a line each. */
function say(io: Io, answer: JsonValue): number {
  if (io.json || !isJsonObject(answer)) io.out(JSON.stringify(answer));
  else {
    for (const [name, value] of Object.entries(answer)) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (value !== null) io.out(` ${name.padEnd(9)} ${printable(text)}`);
    }
  }
  return 0;
}

function nameIn(command: Command, parsed: Parsed): string {
  const [name, ...rest] = parsed.positionals;
  if (name === undefined || rest.length > 0) throw usageError(command, "name one deployment");
  return name;
}

function timeIn(
  command: Command,
  parsed: Parsed,
  flag: string,
  [usual, most]: readonly [number, number],
): number {
  const text = parsed.text(flag);
  if (text === undefined) return usual;
  const ms = parseDuration(text);
  if (ms === null || ms > most)
    throw usageError(command, `--${flag} takes a time such as 30s, up to ${most / 1000}s`);
  return Math.floor(ms);
}

function listIn(command: Command, parsed: Parsed, flag: string): readonly JsonValue[] | null {
  const text = parsed.text(flag);
  if (text === undefined) return null;
  try {
    const value = JSON.parse(text) as JsonValue;
    if (Array.isArray(value)) return value;
  } catch {
    throw usageError(command, `--${flag} takes a JSON array; it is no JSON`);
  }
  throw usageError(command, `--${flag} takes a JSON array`);
}
