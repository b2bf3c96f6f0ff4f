/**
 * Decoders: one per shape of value, combined in schema.ts into the whole config.
 *
 * A decoder never throws and never stops: a value it cannot take is refused in the reading and the
 * default is answered, so one run reports every finding. Keys are compared with `-` and `_` as one;
 * a key that no field has is refused with the nearest one that exists. `nil` means absent.
 *
 * @module
 */
import { alternatives, counted, quoted, segmentOf, shown } from "./display.ts";
import { nearest } from "./nearest.ts";
import { type ConfigEntry, type ConfigNode, describeNode } from "./node.ts";
import { childPath, type Reading } from "./reading.ts";

/** Reads one value. Undefined: the key is absent. */
export type Decoder<T> = (node: ConfigNode | undefined, path: string, reading: Reading) => T;

/** A field of a block: its spelling in the schema and how it is read. */
export interface Field<T> {
  readonly key: string;
  readonly read: Decoder<T>;
}

export function field<T>(key: string, read: Decoder<T>): Field<T> {
  return { key, read };
}

/** Longest text without line breaks: names, paths, patterns. */
const LINE_LENGTH_MAX = 4096;
const CONTROL = /\p{Cc}/u;

const PLACEHOLDERS: ReadonlySet<string> = new Set([
  "...",
  "…",
  "pubkey-pem",
  "changeme",
  "example-token",
]);
const CUT_DIGEST = /^sha\d{1,4}[:/].*(?:\.\.\.|\u2026)$/su;

type Read<T> = (node: ConfigNode, path: string, reading: Reading) => T | undefined;

/** Absent or refused: the fallback. Absent and required: MISSING_FIELD as well. */
export function present<T>(read: Read<T>, fallback: T, isRequired = false): Decoder<T> {
  return (node, path, reading) => {
    if (node !== undefined && node.kind !== "nil") return read(node, path, reading) ?? fallback;
    if (isRequired) reading.refuse("MISSING_FIELD", path, `${path} is required`);
    return fallback;
  };
}

export function mismatch(
  reading: Reading,
  path: string,
  words: { expected: string; node: ConfigNode },
): undefined {
  const found = describeNode(words.node);
  reading.refuse("TYPE_MISMATCH", path, `${path} takes ${words.expected}, not ${found}`);
}

/** Text in one line, at most 4096 characters. */
export function text(fallback: string): Decoder<string> {
  return present(readLine, fallback);
}
export const optionalText: Decoder<string | null> = present<string | null>(readLine, null);
export const requiredText: Decoder<string> = present(readLine, "", true);

/** Text that may have line breaks. */
export const optionalProse: Decoder<string | null> = present<string | null>(readText, null);
export const requiredProse: Decoder<string> = present(readText, "", true);

function readText(node: ConfigNode, path: string, reading: Reading): string | undefined {
  if (node.kind !== "string") return mismatch(reading, path, { expected: "a string", node });
  const placeholder =
    PLACEHOLDERS.has(node.text.trim().toLowerCase()) || CUT_DIGEST.test(node.text);
  if (placeholder && reading.placeholdersAllowed) reading.silence(path);
  else if (placeholder) {
    reading.refuse(
      "PLACEHOLDER_VALUE",
      path,
      `${path} is still the placeholder ${quoted(node.text)}`,
    );
  }
  return node.text;
}

function readLine(node: ConfigNode, path: string, reading: Reading): string | undefined {
  const content = readText(node, path, reading);
  if (content === undefined) return undefined;
  if (content.length > LINE_LENGTH_MAX || CONTROL.test(content)) {
    const bound = `at most ${LINE_LENGTH_MAX} characters and no control characters`;
    reading.refuse("OUT_OF_RANGE", path, `${path} takes ${bound}`);
  }
  return content;
}

export function flag(fallback: boolean): Decoder<boolean> {
  return present(readFlag, fallback);
}
export const optionalFlag: Decoder<boolean | null> = present<boolean | null>(readFlag, null);

function readFlag(node: ConfigNode, path: string, reading: Reading): boolean | undefined {
  if (node.kind === "boolean") return node.value;
  return mismatch(reading, path, { expected: "true or false", node });
}

/** A keyword of a closed list. */
export function word<W extends string>(words: readonly W[], fallback: W): Decoder<W> {
  return present(wordReader(words), fallback);
}

/** A keyword of a closed list, or absent. */
export function optionalWord<W extends string>(words: readonly W[]): Decoder<W | null> {
  return present<W | null>(wordReader(words), null);
}

/** A keyword of a closed list that must be there. Refused: the first word. */
export function requiredWord<W extends string>(words: readonly [W, ...W[]]): Decoder<W> {
  return present(wordReader(words), words[0], true);
}

function wordReader<W extends string>(words: readonly W[]): Read<W> {
  const legal = alternatives(words.map((each) => `:${each}`));
  return (node, path, reading) => {
    const named = node.kind === "keyword" || node.kind === "string" ? node.text : null;
    const found = node.kind === "keyword" ? words.find((each) => each === named) : undefined;
    if (found !== undefined) return found;
    const said = node.kind === "keyword" ? `:${shown(node.text)}` : describeNode(node);
    const meant = named === null ? null : nearest(named, words);
    const suggestion = meant === null ? `Write ${legal}` : `Did you mean :${meant}?`;
    reading.refuse("TYPE_MISMATCH", path, `${path} takes ${legal}, not ${said}`, suggestion);
    return undefined;
  };
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** An integer, also written as a float without fraction (`1e5`). */
export function integer(fallback: number, bounds?: Bounds): Decoder<number> {
  return present(numberReader({ bounds, whole: true }), fallback);
}
/** An integer that must be there. Absent or refused: the lower bound. */
export function requiredInteger(bounds: Bounds): Decoder<number> {
  return present(numberReader({ bounds, whole: true }), bounds.min, true);
}
export const optionalInteger: Decoder<number | null> = present<number | null>(
  numberReader({ bounds: undefined, whole: true }),
  null,
);

/** A number in bounds, or absent. */
export function optionalAmount(bounds: Bounds, whole: boolean): Decoder<number | null> {
  return present<number | null>(numberReader({ bounds, whole }), null);
}

function numberReader(accepts: { bounds: Bounds | undefined; whole: boolean }): Read<number> {
  const { bounds, whole } = accepts;
  const expected = whole ? "an integer" : "a number";
  return (node, path, reading) => {
    if (node.kind !== "integer" && (node.kind !== "float" || whole)) {
      return mismatch(reading, path, { expected, node });
    }
    const { value } = node;
    if (bounds === undefined || (value >= bounds.min && value <= bounds.max)) return value;
    const { min, max } = bounds;
    reading.refuse("OUT_OF_RANGE", path, `${path} takes ${min} to ${max}, not ${value}`);
    return undefined;
  };
}

/** A vector of one shape. Absent: null. */
export function optionalList<T>(item: Decoder<T>): Decoder<readonly T[] | null> {
  return present<readonly T[] | null>((node, path, reading) => {
    if (node.kind !== "vector") return mismatch(reading, path, { expected: "a vector", node });
    return node.items.map((each, index) => {
      const at = `${path}[${index}]`;
      reading.place(at, each.span);
      return item(each, at, reading);
    });
  }, null);
}

/** A vector of one shape. Absent: empty. */
export function list<T>(item: Decoder<T>): Decoder<readonly T[]> {
  const read = optionalList(item);
  return (node, path, reading) => read(node, path, reading) ?? [];
}

/** A vector of keywords out of a closed list; each once. */
export function words<W extends string>(legal: readonly [W, ...W[]]): Decoder<readonly W[]> {
  const read = list(requiredWord(legal));
  return (node, path, reading) => [...new Set(read(node, path, reading))];
}

/** A map from the author's own names to one shape. Names may be keywords or strings. */
export function named<T>(item: Decoder<T>): Decoder<ReadonlyMap<string, T>> {
  return (node, path, reading) => {
    const found = new Map<string, T>();
    for (const entry of entriesOf(node, path, reading)) {
      const at = childPath(path, segmentOf(entry.key));
      const { keySpan: span } = entry;
      if (entry.keyKind === null) {
        const message = `${path} takes names, not ${shown(entry.key)}`;
        reading.reportKey("UNKNOWN_FIELD", at, { message, span });
      } else if (found.has(entry.key)) {
        reading.reportKey("DUPLICATE_KEY", at, { message: `${at} is given twice`, span });
      } else {
        reading.place(at, entry.keySpan);
        found.set(entry.key, item(entry.value, at, reading));
      }
    }
    return found;
  };
}

/** Entries by key, so that nothing depends on the order in the file. */
function entriesOf(
  node: ConfigNode | undefined,
  path: string,
  reading: Reading,
): readonly ConfigEntry[] {
  if (node === undefined || node.kind === "nil") return [];
  if (node.kind === "map") {
    return node.entries.toSorted((left, right) => compareKeys(left.key, right.key));
  }
  mismatch(reading, path, { expected: "a map", node });
  return [];
}

function compareKeys(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** A map with known keys. Absent: every field takes its default. */
export function block<T extends object>(
  fields: {
    readonly [P in keyof T]: Field<T[P]>;
  },
): Decoder<T> {
  const byKey = new Map<string, { name: string; key: string }>();
  for (const [name, { key }] of Object.entries<Field<unknown>>(fields)) {
    byKey.set(foldKey(key), { name, key });
  }
  return (node, path, reading) => {
    const values = knownEntries(byKey, entriesOf(node, path, reading), { path, reading });
    const read = Object.entries<Field<unknown>>(fields).map(([name, each]) => [
      name,
      each.read(values.get(name), childPath(path, each.key), reading),
    ]);
    // The mapped type of `fields` says that these are the properties of T.
    return Object.fromEntries(read) as T;
  };
}

/** A block that may be absent as a whole. Refused as no map: null. */
export function optionalBlock<T>(read: Decoder<T>): Decoder<T | null> {
  return (node, path, reading) => {
    if (node === undefined || node.kind === "nil") return null;
    const value = read(node, path, reading);
    return node.kind === "map" ? value : null;
  };
}

function foldKey(key: string): string {
  return key.replaceAll("_", "-");
}

/** The values of known keys by property; unknown keys and both spellings of one key are refused. */
function knownEntries(
  byKey: ReadonlyMap<string, { name: string; key: string }>,
  entries: readonly ConfigEntry[],
  { path, reading }: { path: string; reading: Reading },
): ReadonlyMap<string, ConfigNode> {
  const values = new Map<string, ConfigNode>();
  for (const entry of entries) {
    const known = entry.keyKind === null ? undefined : byKey.get(foldKey(entry.key));
    const at = childPath(path, known?.key ?? segmentOf(entry.key));
    const { keySpan: span } = entry;
    if (known === undefined) {
      const message = `${at} is not a key of the schema`;
      const suggestion = hintFor(entry, byKey, reading);
      reading.reportKey("UNKNOWN_FIELD", at, { message, suggestion, span });
    } else if (values.has(known.name)) {
      reading.reportKey("DUPLICATE_KEY", at, { message: `${at} is given more than once`, span });
    } else {
      reading.place(at, entry.keySpan);
      values.set(known.name, entry.value);
    }
  }
  return values;
}

function hintFor(
  entry: ConfigEntry,
  byKey: ReadonlyMap<string, { name: string; key: string }>,
  { spell }: Reading,
): string {
  const meant = entry.keyKind === null ? null : nearest(foldKey(entry.key), [...byKey.keys()]);
  const key = meant === null ? undefined : byKey.get(meant)?.key;
  if (key !== undefined) return `Did you mean ${spell(key)}?`;
  const keys = [...byKey.values()].map((each) => spell(each.key));
  return `This map takes ${counted(keys.length, "key")}: ${alternatives(keys)}`;
}
