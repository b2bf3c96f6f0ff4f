/**
 * The `ccos` command line: find the command, give it the world, render its errors.
 *
 * Own flags come before `--`; everything behind it is the program's. The exit code is decided by the table of
 * codes (docs/ERRORS.md) and pinned by test/pins/exit-codes.test.ts.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { ensureParents } from "../host/index.ts";
import type { Io } from "./command.ts";
import { allCommands, commandNamed } from "./commands/index.ts";
import { renderError } from "./render.ts";
import { VERSION } from "./version.ts";
import { distDir } from "./world.ts";

let finished = false;

/** Run the command that `argv` names, and end the process with its exit code. */
export async function main(
  argv: readonly string[],
  given: Pick<Io, "world" | "early" | "signal">,
): Promise<void> {
  guardEnd();
  try {
    finish(await obey(argv, given));
  } catch (cause) {
    const error = cause instanceof CcosError ? cause : internalError(cause);
    if (ownWords(argv).includes("--json"))
      process.stdout.write(`${JSON.stringify({ ok: false, error: error.toJson() })}\n`);
    process.stderr.write(`${renderError(error)}\n`);
    finish(error.exitCode);
  }
}

async function obey(
  argv: readonly string[],
  given: Pick<Io, "world" | "early" | "signal">,
): Promise<number> {
  const own = ownWords(argv);
  const json = own.includes("--json");
  const io: Io = { ...createIo(json, own.includes("--no-color")), ...given };
  if (own.includes("--version")) {
    io.out(json ? JSON.stringify({ version: VERSION, node: process.versions.node }) : VERSION);
    return 0;
  }
  const found = await commandNamed(own);
  if (found === null) return await help(own, io);
  if (own.includes("--help") || own.includes("-h")) {
    io.say(`Usage: ccos ${found.command.usage}\n\n${found.command.summary}`);
    return 0;
  }
  try {
    await ensureParents(io.world.stateDir);
    return await found.command.run(argv.slice(found.words), io);
  } finally {
    await io.early?.close();
  }
}

/** The words before `--`. */
function ownWords(argv: readonly string[]): readonly string[] {
  const separator = argv.indexOf("--");
  return separator < 0 ? argv : argv.slice(0, separator);
}

async function help(own: readonly string[], io: Io): Promise<number> {
  const commands = await allCommands();
  const width = Math.max(...commands.map((command) => command.name.length));
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
  const text = `ccos ${VERSION}: run agents you do not trust, and prove what they did\n\n${lines.join("\n")}\n\nccos COMMAND --help says more; --json works on each but repl and lsp.`;
  const wanted =
    own[0] === undefined || own[0] === "help" || own[0] === "--help" || own[0] === "-h";
  if (wanted) {
    io.say(text);
    return own[0] === undefined ? 64 : 0;
  }
  const near = commands.find((command) => command.name.startsWith(own[0]!.slice(0, 2)));
  throw new CcosError("USAGE", {
    what: `Cannot run \`ccos ${own[0]!.slice(0, 60)}\``,
    why: "there is no such command",
    fix:
      near === undefined
        ? "Run `ccos help`"
        : `Did you mean \`ccos ${near.name}\`? \`ccos help\` lists all`,
  });
}

function createIo(json: boolean, plain: boolean): Omit<Io, "world" | "early" | "signal"> {
  const terminal = !plain && process.stderr.isTTY === true && process.env["NO_COLOR"] === undefined;
  return {
    json,
    terminal,
    cwd: process.cwd(),
    packageDir: join(distDir, ".."),
    out: (text) => void process.stdout.write(text.endsWith("\n") ? text : `${text}\n`),
    say: (text) => void process.stderr.write(`${text}\n`),
  };
}

function guardEnd(): void {
  // An event loop that runs dry in the middle is a defect: it must not look like success.
  process.exitCode = 70;
  process.once("exit", () => {
    if (process.exitCode === 70 && !finished)
      process.stderr.write("error INTERNAL\n  what  CCOS ended in the middle of its work\n");
  });
  // A reader that went away costs its own output only: the run goes on to its last record.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
}

/** Flush what was written before the process ends: pipes are asynchronous. */
function finish(status: number): void {
  finished = true;
  process.exitCode = status;
  process.stdout.write("", () => process.stderr.write("", () => process.exit(status)));
}

/** A defect: the message stays general, the trace is shown only when asked for. */
function internalError(cause: unknown): CcosError {
  const correlation = randomBytes(4).toString("hex");
  if (process.env["CCOS_DEBUG"] !== undefined)
    process.stderr.write(`${cause instanceof Error ? cause.stack : String(cause)}\n`);
  return new CcosError("INTERNAL", {
    what: "CCOS failed",
    why: cause instanceof Error ? `${cause.name}: ${cause.message}` : "an unknown reason",
    fix: "Run again with CCOS_DEBUG=1 and report the trace",
    details: { correlation },
    cause,
  });
}
