/**
 * Vectors, lists, and strings as sequences of characters: reading, growing, cutting.
 *
 * Making one from many pays a unit an item; a change of one item pays little, whatever the size.
 *
 * @module
 */
import { equalValues } from "../values/equality.ts";
import { kindOf } from "../values/kind-of.ts";
import { checkSize } from "../values/limits.ts";
import { typeError } from "../values/rtfs-error.ts";
import { List, MapValue, type Value, Vector } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import {
  alias,
  underName,
  type Entry,
  entry,
  indexArgument,
  itemsArgument,
  keyArgument,
  MANY,
  outOfBounds,
  partsArgument,
  sameKind,
  sequenceArgument,
  vectorArgument,
} from "./entry.ts";
import { charactersOf, codePointCount, textPart } from "./text.ts";

function count(value: Value | undefined, machine: BuiltinMachine): number {
  if (typeof value === "string") {
    machine.spend(value.length >>> 3);
    return codePointCount(value);
  }
  if (value instanceof Vector || value instanceof List) return value.length;
  if (value instanceof MapValue) return value.size;
  throw typeError("a collection", kindOf(value ?? null), "count");
}

function isEmpty(value: Value): boolean {
  if (value === null || value === "") return true;
  if (value instanceof Vector || value instanceof List) return value.length === 0;
  return value instanceof MapValue && value.size === 0;
}

function first(value: Value | undefined): Value {
  if (typeof value === "string") return value === "" ? null : textPart(value.slice(0, 2), 0, 1);
  return sequenceArgument(value, "first").at(0) ?? null;
}

function last(value: Value | undefined): Value {
  if (typeof value === "string") return charactersOf(value.slice(-2)).at(-1) ?? "";
  const sequence = sequenceArgument(value, "last");
  return sequence.at(sequence.length - 1) ?? null;
}

function nth([subject, position, ...absent]: readonly Value[], machine: BuiltinMachine): Value {
  const index = indexArgument(position, "nth");
  const found =
    typeof subject === "string"
      ? characterAt(subject, index, machine)
      : sequenceArgument(subject, "nth").at(index);
  if (found !== undefined) return found;
  if (absent.length > 0) return absent[0]!;
  throw outOfBounds("nth", index, count(subject, machine));
}

function characterAt(text: string, index: number, machine: BuiltinMachine): string | undefined {
  machine.spend(text.length >>> 3);
  const found = index < 0 ? "" : textPart(text, index, index + 1);
  return found === "" ? undefined : found;
}

/** The part of a sequence or a text from `start` up to `end`, in its own kind. */
function part(
  subject: Value | undefined,
  operation: string,
  machine: BuiltinMachine,
  bounds: (length: number) => readonly [number, number],
): Value {
  if (typeof subject === "string") {
    machine.spend(subject.length >>> 3);
    return textPart(subject, ...bounds(subject.length));
  }
  const isSequence = subject instanceof Vector || subject instanceof List;
  if (!isSequence)
    throw typeError("a vector, a list or a string", kindOf(subject ?? null), operation);
  const { length } = subject;
  const [start, end] = bounds(length);
  return subject.slice(Math.min(start, length), Math.min(end, length));
}

function wantedOf(size: Value | undefined, operation: string): number {
  return Math.max(0, indexArgument(size, operation));
}

function subvec([subject, from, to]: readonly Value[]): Vector {
  const vector = vectorArgument(subject, "subvec");
  const { length } = vector;
  const start = indexArgument(from, "subvec");
  const end = to === undefined ? length : indexArgument(to, "subvec");
  if (start < 0 || start > end) throw outOfBounds("subvec", start, length);
  if (end > length) throw outOfBounds("subvec", end, length);
  return vector.slice(start, end);
}

/** What adding items costs, whatever there is already. */
function payGrowth(sequence: Vector | List, added: number, machine: BuiltinMachine): void {
  machine.spend(added);
  checkSize(sequence.length + added, "conj");
  // Many are added by one copy.
  if (added > 1 && added * 4 >= sequence.length) machine.spend(sequence.length >>> 3);
}

function conj(subject: Value, added: readonly Value[], machine: BuiltinMachine): Value {
  if (subject instanceof MapValue) return conjMap(subject, added, machine);
  const sequence = sequenceArgument(subject, "conj");
  payGrowth(sequence, added.length, machine);
  return sequence.concat(added);
}

function conjMap(map: MapValue, pairs: readonly Value[], machine: BuiltinMachine): MapValue {
  let grown = map;
  machine.spend(pairs.length);
  for (const pair of pairs) {
    const isPair = pair instanceof Vector && pair.length === 2;
    if (!isPair) throw typeError("a [key value] pair", kindOf(pair), "conj");
    machine.spend(1 + grown.changeCost);
    checkSize(grown.size, "conj");
    grown = grown.assoc(keyArgument(pair.at(0), "conj"), pair.at(1)!);
  }
  return grown;
}

function cons([value, subject]: readonly Value[], machine: BuiltinMachine): Value {
  const { length, items } = sequenceArgument(subject, "cons");
  machine.spend(1 + (length >>> 3));
  checkSize(length + 1, "cons");
  return sameKind(subject, [value!, ...items]);
}

function concat(args: readonly Value[], machine: BuiltinMachine): Vector {
  const [start, ...others] = args;
  if (start instanceof Vector && others.length === 1 && others[0] instanceof Vector) {
    const { items } = others[0];
    payGrowth(start, items.length, machine);
    return start.concat(items);
  }
  const result: Value[] = [];
  for (const each of args) {
    const isSequence = typeof each === "string" || each instanceof Vector || each instanceof List;
    const items = isSequence ? partsArgument(each, "concat", machine) : [each];
    checkSize(result.length + items.length, "concat");
    for (const item of items) result.push(item);
  }
  return new Vector(result);
}

function into([target, source]: readonly Value[], machine: BuiltinMachine): Value {
  if (!(source instanceof MapValue)) {
    return conj(target!, partsArgument(source, "into", machine), machine);
  }
  machine.spend(source.size);
  return conj(
    target!,
    Array.from(source.entries(), (pair) => new Vector(pair)),
    machine,
  );
}

function contains([subject, wanted]: readonly Value[], machine: BuiltinMachine): boolean {
  if (subject instanceof MapValue) return subject.has(keyArgument(wanted, "contains?"));
  if (typeof subject === "string") {
    machine.spend(subject.length >>> 3);
    return typeof wanted === "string" && subject.includes(wanted);
  }
  const items = itemsArgument(subject, "contains?", machine);
  return items.some((item) => equalValues(item, wanted!, machine.meter));
}

function partition([size, subject]: readonly Value[], machine: BuiltinMachine): Vector {
  const sequence = sequenceArgument(subject, "partition");
  const width = indexArgument(size, "partition");
  if (width < 1) throw typeError("a size of at least 1", `${width}`, "partition");
  const { items, length } = sequence;
  machine.spend(length);
  const parts: Value[] = [];
  for (let at = 0; at < length; at += width) parts.push(new Vector(items.slice(at, at + width)));
  return new Vector(parts);
}

const counting = entry(
  "count",
  1,
  {
    type: "coll → int",
    doc: "Number of items, of entries, or of code points",
    example: '[(count [1 2]) (count {:a 1}) (count "a😀")] ;; => [2 1 2]',
    errors: "TypeError",
  },
  ([x], machine) => count(x, machine),
);

const READING: readonly Entry[] = [
  counting,
  alias("length", counting, '(length "héé") ;; => 3'),
  entry(
    "empty?",
    1,
    {
      type: "any → bool",
      doc: "Whether a collection is empty; nil is, anything else is not",
      example: "[(empty? '()) (empty? nil) (empty? 0)] ;; => [true true false]",
    },
    ([x]) => isEmpty(x!),
  ),
  entry(
    "first",
    1,
    {
      type: "seq or string → any",
      doc: "The first item; nil when there is none",
      example: '[(first [1 2]) (first []) (first "😀b")] ;; => [1 nil "😀"]',
      errors: "TypeError",
    },
    ([x]) => first(x),
  ),
  entry(
    "second",
    1,
    {
      type: "seq → any",
      doc: "The second item; nil when there is none",
      example: "[(second [1 2]) (second [1])] ;; => [2 nil]",
      errors: "TypeError",
    },
    ([x]) => sequenceArgument(x, "second").at(1) ?? null,
  ),
  entry(
    "rest",
    1,
    {
      type: "seq or string → same kind",
      doc: "All but the first",
      example: '[(rest [1 2 3]) (rest []) (rest "é")] ;; => [[2 3] [] ""]',
      errors: "TypeError",
    },
    ([x], machine) => part(x, "rest", machine, (length) => [1, Math.max(1, length)]),
  ),
  entry(
    "last",
    1,
    {
      type: "seq or string → any",
      doc: 'The last item; nil of an empty sequence, "" of an empty text',
      example: '[(last [1 2]) (last []) (last "a😀")] ;; => [2 nil "😀"]',
      errors: "TypeError",
    },
    ([x]) => last(x),
  ),
  entry(
    "nth",
    [2, 3],
    {
      type: "seq or string, int, default? → any",
      doc: "The item at an index from 0; outside the default, or an error",
      example: '[(nth [:a :b] 1) (nth "abc" 9 nil) (nth [1] -1 :no)] ;; => [:b nil :no]',
      errors: "TypeError IndexOutOfBounds",
    },
    nth,
  ),
  entry(
    "contains?",
    2,
    {
      type: "coll any → bool",
      doc: "Whether a map has a key, a sequence an equal item, a text a part",
      example:
        '[(contains? {:a nil} :a) (contains? [1 2] 2) (contains? "abc" "bc")] ;; => [true true true]',
      errors: "TypeError",
    },
    contains,
  ),
];

const CUTTING: readonly Entry[] = [
  entry(
    "take",
    2,
    {
      type: "int, seq or string → same kind",
      doc: "The first n, or as many as there are; none of a negative number",
      example: '[(take 2 [1 2 3]) (take -1 [1]) (take 9 "é")] ;; => [[1 2] [] "é"]',
      errors: "TypeError",
    },
    ([size, x], machine) => {
      const wanted = wantedOf(size, "take");
      return part(x, "take", machine, () => [0, wanted]);
    },
  ),
  entry(
    "drop",
    2,
    {
      type: "int, seq or string → same kind",
      doc: "All but the first n",
      example: '[(drop 1 \'(1 2)) (drop 9 [1]) (drop 1 "😀b")] ;; => [(2) [] "b"]',
      errors: "TypeError",
    },
    ([size, x], machine) => {
      const wanted = wantedOf(size, "drop");
      return part(x, "drop", machine, (length) => [wanted, Math.max(wanted, length)]);
    },
  ),
  entry(
    "subvec",
    [2, 3],
    {
      type: "vector int int? → vector",
      doc: "From a start up to an end or the vector's",
      example: "[(subvec [1 2 3 4] 1 3) (subvec [1 2] 2)] ;; => [[2 3] []]",
      errors: "TypeError IndexOutOfBounds",
    },
    subvec,
  ),
  entry(
    "reverse",
    1,
    {
      type: "seq or string → same kind",
      doc: "Backwards",
      example: '[(reverse [1 2]) (reverse "a😀")] ;; => [[2 1] "😀a"]',
      errors: "TypeError",
    },
    ([x], machine) => sameKind(x, partsArgument(x, "reverse", machine).toReversed()),
  ),
  entry(
    "partition",
    2,
    {
      type: "int seq → vector of vectors",
      doc: "Parts of n items; the last may be shorter",
      example: "(partition 2 [1 2 3]) ;; => [[1 2] [3]]",
      errors: "TypeError",
    },
    partition,
  ),
];

const GROWING: readonly Entry[] = [
  entry(
    "vector",
    [0, MANY],
    {
      type: "any… → vector",
      doc: "A vector of the arguments",
      example: "(vector 1 :a) ;; => [1 :a]",
    },
    (args, machine) => {
      machine.spend(args.length);
      return new Vector([...args]);
    },
  ),
  entry(
    "vec",
    1,
    {
      type: "coll or nil → vector",
      doc: "The items as a vector: the characters of a text, the [key value] pairs of a map",
      example:
        '[(vec \'(1 2)) (vec "ab") (vec {:a 1}) (vec nil)] ;; => [[1 2] ["a" "b"] [[:a 1]] []]',
      errors: "TypeError",
    },
    ([x], machine) => {
      if (x === null) return new Vector([]);
      return x instanceof MapValue
        ? into([new Vector([]), x], machine)
        : new Vector(partsArgument(x, "vec", machine));
    },
  ),
  entry(
    "conj",
    [2, MANY],
    {
      type: "vector, list or map, any any… → same kind",
      doc: "With items at the end; a map takes [key value] pairs",
      example:
        "[(conj [1] 2 3) (conj '(1) 2) (conj {:a 1} [:b 2])] ;; => [[1 2 3] (1 2) {:a 1 :b 2}]",
      errors: "TypeError",
    },
    ([subject, ...added], machine) => conj(subject!, added, machine),
  ),
  entry(
    "cons",
    2,
    {
      type: "any seq → same kind",
      doc: "With an item before the others",
      example: "[(cons 0 [1]) (cons 0 '(1))] ;; => [[0 1] (0 1)]",
      errors: "TypeError",
    },
    cons,
  ),
  entry(
    "concat",
    [0, MANY],
    {
      type: "any… → vector",
      doc: "Items of sequences and characters of texts in one vector; other values as they are",
      example: '[(concat) (concat [1] \'(2) "ab" 3 nil)] ;; => [[] [1 2 "a" "b" 3 nil]]',
    },
    concat,
  ),
  entry(
    "into",
    2,
    {
      type: "vector, list or map, coll → kind of the first",
      doc: "With all items of another collection added",
      example:
        "[(into [1] '(2)) (into {} [[:a 1]]) (into [] {:a 1})] ;; => [[1 2] {:a 1} [[:a 1]]]",
      errors: "TypeError",
    },
    underName("into", "conj", into),
  ),
];

export const SEQUENCES: readonly Entry[] = [...READING, ...CUTTING, ...GROWING];
