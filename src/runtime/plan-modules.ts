/**
 * The modules of a plan: found once, then judged, shipped, recorded and kept as the same texts.
 *
 * `findModules` asks for the text of each module once, as the linker needs it. Everything after works
 * on what it gave, so a file that changes meanwhile changes nothing. A record names each by its digest;
 * `changedModules` compares kept texts with it.
 *
 * @module
 */
import { digestOf } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import { isJsonObject } from "../foundation/json.ts";
import { WIRE_MODULES_MAX } from "../foundation/protocol.ts";
import { expandForms, type LinkedModule, type ModuleResolver, readForms } from "../rtfs/index.ts";

/** Text of all modules of one plan together, UTF-16 units: with the plan they fit one frame. */
const SOURCES_LENGTH_MAX = 1024 * 1024;

/** Without one of these words no form of a text, and no macro of it, can be an import. */
const IMPORTING = /import|defmacro/;

/**
 * The texts that a plan needs, in the order they are needed. What is wrong with them is told when the
 * plan is judged.
 *
 * @param read - Asked once for each name that can name a module. Null: there is no such text.
 * @throws {CcosError} `INPUT_TOO_LARGE` past 256 modules or 1 Mi characters of them; what `read` throws.
 */
export function findModules(
  plan: { readonly source: string; readonly file: string },
  read: ModuleResolver,
): readonly LinkedModule[] {
  if (!IMPORTING.test(plan.source)) return [];
  const forms = readForms(plan.source, { file: plan.file });
  if (!forms.ok) return [];
  const found = new Map<string, LinkedModule>();
  let length = 0;
  const resolver: ModuleResolver = (name) => {
    const text = read(name);
    if (text === null) return null;
    length += text.source.length;
    found.set(name, { name, ...text });
    if (found.size > WIRE_MODULES_MAX || length > SOURCES_LENGTH_MAX) throw tooMany(plan.file);
    return text;
  };
  expandForms(forms.value, { resolver });
  return [...found.values()];
}

function tooMany(file: string): CcosError {
  return new CcosError("INPUT_TOO_LARGE", {
    what: `Cannot load the modules of "${file}"`,
    why: `a plan has at most ${WIRE_MODULES_MAX} modules, ${SOURCES_LENGTH_MAX} characters together`,
    fix: "Import less, or join small modules",
  });
}

/** Answers with the kept texts only. */
export function resolverOf(modules: readonly LinkedModule[]): ModuleResolver {
  const texts = new Map(modules.map((each) => [each.name, each]));
  return (name) => texts.get(name) ?? null;
}

/** What a record says of them: `[{name, digest}]`. */
export function moduleDigests(modules: readonly LinkedModule[]): JsonObject[] {
  return modules.map(({ name, source }) => ({ name, digest: digestOf(source) }));
}

/**
 * The modules that are not what a run's first record says: changed, added or gone.
 *
 * @returns what was recorded and what is there, of these only; null when all are the same.
 */
export function changedModules(
  recorded: JsonValue | undefined,
  kept: readonly LinkedModule[],
): { readonly recorded: JsonObject[]; readonly kept: JsonObject[] } | null {
  const before = Array.isArray(recorded) ? recorded.filter(isJsonObject) : [];
  const after = moduleDigests(kept);
  const known = new Set(after.map(entryText));
  const said = new Set(before.map(entryText));
  const gone = before.filter((each) => !known.has(entryText(each)));
  const come = after.filter((each) => !said.has(entryText(each)));
  return gone.length + come.length === 0 ? null : { recorded: gone, kept: come };
}

function entryText({ name, digest }: JsonObject): string {
  return JSON.stringify([name, digest]);
}
