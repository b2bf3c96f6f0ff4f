/**
 * What a quasiquote is made of when it runs: lists, vectors and patterns out of parts.
 *
 * The macro stage writes calls of these in the place of every template; a program may call them too.
 *
 * @module
 */
import { checkSize } from "../values/limits.ts";
import type { BuiltinMachine } from "./builtin.ts";
import { kindOf } from "../values/kind-of.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { FunctionValue, List, type Value, Vector } from "../values/value.ts";
import { type Entry, entry, invalidArgument, MANY } from "./entry.ts";

/**
 * A map form with names for keys, such as the pattern `{name :key}`, as a macro holds it: no map value has
 * such keys. It can be passed on and inserted, not looked into.
 */
export class PatternValue extends FunctionValue {
  /** In source order. */
  readonly pairs: readonly (readonly [Value, Value])[];

  constructor(pairs: readonly (readonly [Value, Value])[]) {
    super("pattern");
    this.pairs = pairs;
  }
}

function spliced(value: Value | undefined): List {
  if (value instanceof List) return value;
  if (value instanceof Vector) return new List(value.items);
  const found = kindOf(value ?? null);
  throw new RtfsError("MacroError", `\`~@\` needs a list or a vector of forms, got ${found}`, {
    expected: "a list or a vector",
    actual: found,
  });
}

function joined(parts: readonly Value[], machine: BuiltinMachine): readonly Value[] {
  const lists = parts.map((part) => spliced(part).items);
  const size = lists.reduce((sum, { length }) => sum + length, 0);
  checkSize(size, "quasiquote");
  machine.spend(size);
  return lists.flat();
}

function pattern(parts: readonly Value[]): PatternValue {
  if (parts.length % 2 === 1) throw invalidArgument("template/pattern: a key has no value");
  const pairs = Array.from(
    { length: parts.length / 2 },
    (_, index) => [parts[index * 2]!, parts[index * 2 + 1]!] as const,
  );
  return new PatternValue(pairs);
}

export const TEMPLATES: readonly Entry[] = [
  entry(
    "template/list",
    [0, MANY],
    {
      type: "any… → list",
      doc: "A list of the arguments",
      example: "(template/list 1 :a) ;; => (1 :a)",
    },
    (args, machine) => {
      machine.spend(args.length);
      return new List(args.slice());
    },
  ),
  entry(
    "template/splice",
    1,
    {
      type: "seq → list",
      doc: "A vector or a list as a list; what `~@` does",
      example: "(template/splice [1 2]) ;; => (1 2)",
      errors: "MacroError",
    },
    ([value]) => spliced(value),
  ),
  entry(
    "template/join",
    [0, MANY],
    {
      type: "seq… → list",
      doc: "One list of the items of all",
      example: "(template/join [1] '(2)) ;; => (1 2)",
      errors: "MacroError",
    },
    (args, machine) => new List(joined(args, machine)),
  ),
  entry(
    "template/vector",
    [0, MANY],
    {
      type: "seq… → vector",
      doc: "One vector of the items of all",
      example: "(template/vector '(1) [2]) ;; => [1 2]",
      errors: "MacroError",
    },
    (args, machine) => new Vector(joined(args, machine)),
  ),
  entry(
    "template/pattern",
    [0, MANY],
    {
      type: "any any… → pattern",
      doc: "A map form with names for keys, for macros",
      example: "(fn? (template/pattern 'a :a)) ;; => true",
      errors: "InvalidArgument",
    },
    (args) => pattern(args),
  ),
];
