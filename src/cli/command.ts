/**
 * A command is data plus one function. It gets the world as an argument, returns an exit code, never exits.
 *
 * stdout carries the program's result, or with `--json` one JSON document; everything of ours goes to stderr.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { CcosError } from "../foundation/errors.ts";
import type { EarlyLaunch, World } from "../runtime/index.ts";

export interface Io {
  readonly json: boolean;
  /** Whether stderr is a terminal that wants colour and Unicode marks. */
  readonly terminal: boolean;
  readonly cwd: string;
  readonly world: World;
  /** A guest that waits already, for `run`; see runtime/early-launch.ts. */
  readonly early: EarlyLaunch | null;
  readonly signal: AbortSignal;
  /** The installed package's root: examples live below it. */
  readonly packageDir: string;
  /** To stdout: the result. */
  out(text: string): void;
  /** To stderr, one line. */
  say(text: string): void;
}

export interface Command {
  /** Words as typed, e.g. `chain verify`. */
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** Exit code: 0 done, else the code's (docs/ERRORS.md). */
  run(args: readonly string[], io: Io): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Options shared by every command. */
const SHARED: Options = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  "no-color": { type: "boolean" },
};

export interface Parsed {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  /** Of an option that may be given several times, in the order given. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
}

/**
 * Strict parsing: an unknown flag is a usage error that names the command's own flags.
 *
 * @throws {CcosError} `USAGE`.
 */
export function parseCommand(
  command: Command,
  args: readonly string[],
  options: Options = {},
): Parsed {
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...SHARED, ...options },
      allowPositionals: true,
      strict: true,
    });
    const values: Record<string, unknown> = parsed.values;
    return {
      positionals: parsed.positionals,
      text: (name) => (typeof values[name] === "string" ? values[name] : undefined),
      texts: (name) => {
        const value = values[name];
        return Array.isArray(value) ? value.map(String) : [];
      },
      flag: (name) => values[name] === true,
    };
  } catch (cause) {
    throw usageError(
      command,
      cause instanceof Error ? cause.message.split(". ")[0]! : "the arguments are not understood",
    );
  }
}

export function usageError(command: Command, why: string): CcosError {
  return new CcosError("USAGE", {
    what: `Cannot run \`ccos ${command.name}\``,
    why,
    fix: `Usage: ccos ${command.usage}`,
  });
}
