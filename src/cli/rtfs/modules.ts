/**
 * Modules of a program on disk, and asking the evaluator until it lacks none of them.
 *
 * The evaluator has no right to read files: it says which modules it lacks, and gets their texts with
 * the next request.
 *
 * @module
 */
import { dirname } from "node:path";
import type { JsonObject } from "../../foundation/json.ts";
import { ok, type Result } from "../../foundation/result.ts";
import { isModuleName, type TrialError } from "../../rtfs/index.ts";
import type { Io, Parsed } from "../command.ts";
import { type ModuleText, readModuleText } from "../module-text.ts";
import { askFor, type Evaluator } from "./evaluator.ts";

/** How often a request is asked again for modules; each time brings at least one. */
const ROUNDS_MAX = 1_000;

/** The flag of each command that takes files. */
export const MODULE_OPTIONS = { "module-path": { type: "string" } } as const;

export const MODULE_USAGE = "[--module-path DIRECTORY:…]";

/** Texts of modules that were found, by name; shared by the requests of one command. */
export class ModuleFiles {
  readonly found: Map<string, ModuleText> = new Map();
  readonly #cwd: string;
  readonly #paths: readonly string[];

  /** @param beside - The file whose directory is searched when no path is given. */
  constructor(io: Pick<Io, "cwd">, parsed: Parsed, beside: string) {
    this.#cwd = io.cwd;
    const given = parsed.text("module-path")?.split(":").filter(Boolean);
    this.#paths = given ?? [beside.startsWith("<") || beside === "-e" ? "." : dirname(beside)];
  }

  /** The text of a file that was loaded, for excerpts. */
  sourceOf(file: string): string | null {
    for (const text of this.found.values()) if (text.file === file) return text.source;
    return null;
  }

  /** @returns null when there is no text of that name. @throws {CcosError} when it cannot be read. */
  load(name: string): ModuleText | null {
    if (!isModuleName(name)) return null;
    const known = this.found.get(name);
    if (known !== undefined) return known;
    for (const path of this.#paths) {
      const text = readModuleText(this.#cwd, path, name);
      if (text === null) continue;
      this.found.set(name, text);
      return text;
    }
    return null;
  }
}

/** {@link askFor}, with the modules that the program wants. */
export async function askWithModules<T extends object>(
  evaluator: Evaluator,
  request: JsonObject,
  { files, signal }: { readonly files: ModuleFiles; readonly signal: AbortSignal },
): Promise<Result<T, TrialError>> {
  for (let round = 0; ; round++) {
    const modules = Object.fromEntries(files.found);
    const asked = { ...request, modules: modules as unknown as JsonObject };
    const reply = await askFor<T & Lacking>(evaluator, asked, signal);
    if (!reply.ok) return reply;
    const { missing = [] } = reply.value;
    const loaded = missing.filter((name) => !files.found.has(name) && files.load(name) !== null);
    if (loaded.length === 0 || round >= ROUNDS_MAX) return ok(reply.value);
  }
}

interface Lacking {
  readonly missing?: readonly string[];
}
