/**
 * Hostile names: a name that JavaScript knows means what any other name means, no run leaves a trace
 * in the host's objects, and what comes out of it is made of the language's values alone.
 */
import {
  type Engine,
  ErrorValue,
  FunctionValue,
  Keyword,
  List,
  MapValue,
  type Program,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  WholeFloat,
} from "../../../src/rtfs/index.ts";
import { ENGINES, observe, programOf } from "../observe.ts";
import { mutate, pick, tokensOf } from "../mutate.ts";
import { freshProgram, lawTexts } from "../start.ts";
import { Broken, holds, same, type Random, type Target } from "../target.ts";

/** Members of every object, words of JavaScript, names the compiled engine uses itself. */
const HOSTILE =
  "constructor __proto__ prototype toString valueOf hasOwnProperty isPrototypeOf __defineGetter__ __lookupSetter__ toLocaleString propertyIsEnumerable toJSON arguments callee caller undefined globalThis process require Object Reflect await yield class static extends super this new delete var typeof void with meta_ eval TAIL_CALL settle lift g0 k0 t0 _0 $0".split(
    " ",
  );
/** Of the same length, and before and behind the same other names as far as letters go. */
const TWINS = new Map(HOSTILE.map((name, at) => [name, twinOf(name, at, "j")]));
/** Harmless as well, of other letters: where they differ from the twins, the program depends on letters. */
const COUSINS = ["b", "y"].map(
  (letter) => new Map(HOSTILE.map((name, at) => [name, twinOf(name, at, letter)])),
);
const anyOf = (names: Iterable<string>): string =>
  [...names]
    .toSorted((a, b) => b.length - a.length)
    .map((name) => name.replaceAll("$", "\\$&"))
    .join("|");
const ANY = anyOf(HOSTILE);
const WORD = new RegExp(`(?<![\\w$-])(?:${ANY})(?![\\w$-])`, "g");
const PART = new RegExp(ANY, "g");
/** Functions that look inside a text or compare by it see that a twin is another text. */
const LOOKS_INSIDE =
  /subs|split|case|reverse|char|re-|index|replace|compare|sort|trim|with\?|hash|matches|includes|min|max|rest|last|drop|nth|into|concat|vec|seq|take|mapcat|interleave|distinct|[<>]|parse|hex|encode|template/;

function twinOf(name: string, at: number, letter: string): string {
  if (name.length === 2) return `${name[0]}${letter}`;
  const letters = (at + 100 * (1 + "jby".indexOf(letter))).toString(36);
  return `${name[0]}${letter.repeat(name.length - 3)}${letters}`;
}

const ROOTS: readonly object[] = [
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  BigInt,
  Symbol,
  Map,
  Set,
  WeakMap,
  RegExp,
  Promise,
  Error,
  RangeError,
  Date,
  Uint8Array,
].flatMap((each) => [each, each.prototype as object]);
const LANGUAGE: readonly object[] = [
  Vector,
  List,
  MapValue,
  Keyword,
  Sym,
  FunctionValue,
  ErrorValue,
  WholeFloat,
  Timestamp,
  Uuid,
].flatMap((each) => [each, each.prototype as object]);
const snapshot = (): string =>
  [globalThis, ...ROOTS, ...LANGUAGE]
    .map((each) => Reflect.ownKeys(each).map(String).join(" "))
    .join("\n");
const BEFORE = snapshot();

const CLASSES: ReadonlySet<unknown> = new Set([
  Vector,
  List,
  MapValue,
  Keyword,
  Sym,
  ErrorValue,
  WholeFloat,
  Timestamp,
  Uuid,
  ResourceHandle,
]);

/** @throws {Broken} when something else than a value is in it. */
function checkValue(value: Value, depth = 0): void {
  if (depth > 50) return;
  if (value === null || ["boolean", "number", "bigint", "string"].includes(typeof value)) return;
  if (value instanceof FunctionValue) return;
  if (typeof value !== "object" || !CLASSES.has(value.constructor)) {
    throw new Broken("a run gives only values", `${typeof value}`);
  }
  if (value instanceof Vector || value instanceof List) {
    for (const item of [...value].slice(0, 200)) checkValue(item, depth + 1);
  } else if (value instanceof MapValue) {
    for (const [key, item] of [...value.entries()].slice(0, 200)) {
      checkValue(key, depth + 1);
      checkValue(item, depth + 1);
    }
  } else if (value instanceof ErrorValue) {
    same(
      "an error has a kind and a message",
      [typeof value.kind, typeof value.message],
      ["string", "string"],
    );
    checkValue(value.payload, depth + 1);
  }
}

const renamed = (text: string, names: ReadonlyMap<string, string>): string =>
  text.replaceAll(WORD, (name) => names.get(name)!);
/** In what comes out names may stand right beside other text. */
const unnamed = (text: string): string => text.replaceAll(PART, (name) => TWINS.get(name)!);
/** Without messages, which may say what other name was meant. */
const plainEnd = (end: string): string => end.replace(/^(\w+ at \d+:\d+).*(, fuel \d+)$/s, "$1$2");

/** What a run shows, every name as its twin is called. */
function shown(program: Program, engine: Engine, names: ReadonlyMap<string, string>): string {
  const { trace, end } = observe(program, { engine });
  const text = unnamed(`${trace}\n${plainEnd(end)}`);
  const twins = new Map([...names].map(([name, own]) => [own, TWINS.get(name)!]));
  const any = new RegExp(anyOf(twins.keys()), "g");
  return names === TWINS ? text : text.replaceAll(any, (own) => twins.get(own)!);
}

/** Whether the program does something else under another harmless name: by its letters, not by what they mean. */
function dependsOnLetters(text: string, engine: Engine, twin: string): boolean {
  return COUSINS.some((names) => {
    const { program } = programOf(renamed(text, names));
    return program === null || shown(program, engine, names) !== twin;
  });
}

function check(text: string): readonly string[] {
  const hostile = programOf(text);
  const twin = programOf(renamed(text, TWINS));
  same(
    "a hostile name is refused where its twin is",
    hostile.program === null,
    twin.program === null,
  );
  if (hostile.program === null || twin.program === null) return [];
  let end = "";
  for (const [name, engine] of ENGINES) {
    const one = observe(hostile.program, { engine });
    if (!LOOKS_INSIDE.test(text)) {
      const left = unnamed(`${one.trace}\n${plainEnd(one.end)}`);
      const right = shown(twin.program, engine, TWINS);
      if (left !== right && !dependsOnLetters(text, engine, right)) {
        same(`${name}: a hostile name means what its twin means`, left, right);
      }
    }
    if (one.outcome.ok) checkValue(one.outcome.value);
    else checkValue(one.outcome.error.toValue());
    for (const { args } of one.calls) args.forEach((arg) => checkValue(arg));
    end = one.outcome.ok ? "value" : one.outcome.error.kind;
  }
  holds("no run leaves a trace in the host's objects", snapshot() === BEFORE);
  return [end];
}

/** Some names, keywords and strings of a text become hostile ones, every place of a name alike. */
function poisoned(text: string, random: Random): string {
  const tokens = tokensOf(text);
  const names = tokens.filter((token) => /^[:"]?[a-z_$][\w$-]*"?$/i.test(token));
  for (let count = 1 + Math.floor(random() * 3); count > 0 && names.length > 0; count--) {
    const name = pick(names, random).replaceAll(/[:"]/g, "");
    const hostile = pick(HOSTILE, random);
    for (const [at, token] of tokens.entries()) {
      const bare = token.replaceAll(/[:"]/g, "");
      if (bare === name) tokens[at] = token.replace(bare, () => hostile);
    }
  }
  return tokens.join("");
}

const change = (text: string, donor: string, random: Random): string =>
  poisoned(random() < 0.6 ? mutate(text, donor, random) : text, random);

export const purity: Target = {
  name: "rtfs-purity",
  lengthMax: 3000,
  seeds: lawTexts,
  fresh: (random) => poisoned(freshProgram(random), random),
  mutate: change,
  check,
};
