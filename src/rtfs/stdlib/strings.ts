/**
 * Strings, counted and cut by code point. Work is paid for by length.
 *
 * @module
 */
import { checkSize } from "../values/limits.ts";
import { displayMetered } from "../values/print.ts";
import { type Value, Vector } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import {
  alias,
  type Entry,
  entry,
  indexArgument,
  itemsArgument,
  MANY,
  outOfBounds,
  stringArgument,
} from "./entry.ts";
import { charactersOf, codePointCount, textPart } from "./text.ts";

/** Characters that one unit of fuel copies. */
const CHARACTERS_PER_UNIT_LOG2 = 3;

function pay(machine: BuiltinMachine, characters: number): void {
  machine.spend(characters >>> CHARACTERS_PER_UNIT_LOG2);
}

interface Joining {
  readonly separator: string;
  readonly operation: string;
}

/** `str`, and the elements of `join`. Refuses before it builds. */
function concatenate(
  values: readonly Value[],
  { separator, operation }: Joining,
  machine: BuiltinMachine,
): string {
  const parts: string[] = [];
  let length = 0;
  for (const value of values) {
    const part = displayMetered(value, machine.meter);
    length += part.length + separator.length;
    checkSize(length, operation);
    parts.push(part);
  }
  pay(machine, length);
  return parts.join(separator);
}

function substring([subject, from, to]: readonly Value[], machine: BuiltinMachine): string {
  const text = stringArgument(subject, "substring");
  const start = indexArgument(from, "substring");
  pay(machine, text.length);
  const length = codePointCount(text);
  const end = to === undefined ? length : indexArgument(to, "substring");
  if (start < 0 || start > end) throw outOfBounds("substring", start, length);
  if (end > length) throw outOfBounds("substring", end, length);
  return textPart(text, start, end);
}

function split([subject, by]: readonly Value[], machine: BuiltinMachine): Vector {
  const text = subject === null ? "" : stringArgument(subject, "split");
  const separator = stringArgument(by, "split");
  machine.spend(text.length);
  if (text === "") return new Vector([""]);
  return new Vector(separator === "" ? charactersOf(text) : text.split(separator));
}

function replace(args: readonly Value[], machine: BuiltinMachine): string {
  const [text, from, to] = args.map((arg) => stringArgument(arg, "string-replace")) as [
    string,
    string,
    string,
  ];
  pay(machine, text.length);
  if (from === "") return text;
  const parts = text.split(from);
  checkSize(text.length + (parts.length - 1) * (to.length - from.length), "string-replace");
  pay(machine, parts.length * to.length);
  return parts.join(to);
}

type Test = (text: string, part: string) => boolean;

function tester(name: string, words: readonly [string, string], test: Test): Entry {
  const [doc, example] = words;
  const takesNil = name !== "string-contains";
  const type = `${takesNil ? "string?" : "string"} string → bool`;
  return entry(name, 2, { type, doc, example, errors: "TypeError" }, ([subject, part], machine) => {
    const wanted = stringArgument(part, name);
    if (subject === null && takesNil) return false;
    const text = stringArgument(subject, name);
    pay(machine, text.length);
    return test(text, wanted);
  });
}

type Change = (text: string) => string;

function mapper(name: string, words: readonly [string, string], change: Change): Entry {
  const [doc, example] = words;
  const type = "string → string";
  return entry(name, 1, { type, doc, example, errors: "TypeError" }, ([subject], machine) => {
    const text = stringArgument(subject, name);
    pay(machine, text.length);
    const changed = change(text);
    checkSize(changed.length, name);
    return changed;
  });
}

const length = entry(
  "string-length",
  1,
  {
    type: "string → int",
    doc: "Number of code points",
    example: '(string-length "a😀") ;; => 2',
    errors: "TypeError",
  },
  ([subject], machine) => {
    const text = stringArgument(subject, "string-length");
    pay(machine, text.length);
    return codePointCount(text);
  },
);

const splitting = entry(
  "split",
  2,
  {
    type: "string? string → vector",
    doc: "Parts between a literal separator; with an empty one the characters; nil is an empty text",
    example:
      '[(split "a,b," ",") (split "ab" "") (split "" ",")] ;; => [["a" "b" ""] ["a" "b"] [""]]',
    errors: "TypeError",
  },
  split,
);

const joining = entry(
  "join",
  2,
  {
    type: "string seq → string",
    doc: "The items as `str` shows them, with a separator between",
    example: '(join ", " [1 :b "c" nil]) ;; => "1, :b, c, nil"',
    errors: "TypeError",
  },
  (args, machine) => {
    const separator = stringArgument(args[0], "join");
    const items = itemsArgument(args[1], "join", machine);
    return concatenate(items, { separator, operation: "join" }, machine);
  },
);

const contains = tester(
  "string-contains",
  [
    "Whether a text has a part; every text has the empty one",
    '[(string-contains "abc" "bc") (string-contains "abc" "")] ;; => [true true]',
  ],
  (text, part) => text.includes(part),
);
const starts = tester(
  "starts-with?",
  [
    "Whether a text begins so; nil does not",
    '[(starts-with? "abc" "ab") (starts-with? nil "a")] ;; => [true false]',
  ],
  (text, part) => text.startsWith(part),
);
const ends = tester(
  "ends-with?",
  ["Whether a text ends so; nil does not", '(ends-with? "abc" "bc") ;; => true'],
  (text, part) => text.endsWith(part),
);
const upper = mapper(
  "string-upper",
  ["In upper case", '(string-upper "straße") ;; => "STRASSE"'],
  (text) => text.toUpperCase(),
);
const lower = mapper("string-lower", ["In lower case", '(string-lower "ÀB") ;; => "àb"'], (text) =>
  text.toLowerCase(),
);
const trim = mapper(
  "string-trim",
  ["Without white space at both ends", '(string-trim " a b\\n") ;; => "a b"'],
  (text) => text.trim(),
);
const replacing = entry(
  "string-replace",
  3,
  {
    type: "string string string → string",
    doc: "Every occurrence of a literal part replaced; an empty part changes nothing",
    example: '(string-replace "a-b-c" "-" "+") ;; => "a+b+c"',
    errors: "TypeError",
  },
  replace,
);

export const STRINGS: readonly Entry[] = [
  entry(
    "str",
    [0, MANY],
    {
      type: "any… → string",
      doc: "All arguments as one text: strings bare, whole floats without `.0`, nested strings quoted",
      example: '[(str) (str "a" 1 1.0 :k nil ["b"])] ;; => ["" "a11:knil[\\"b\\"]"]',
    },
    (args, machine) => concatenate(args, { separator: "", operation: "str" }, machine),
  ),
  length,
  entry(
    "substring",
    [2, 3],
    {
      type: "string int int? → string",
      doc: "From a start up to an end or the text's, counted in code points",
      example: '[(substring "a😀bc" 1 3) (substring "abc" 1)] ;; => ["😀b" "bc"]',
      errors: "TypeError IndexOutOfBounds",
    },
    substring,
  ),
  contains,
  alias("string-contains?", contains, '(string-contains? "abc" "x") ;; => false'),
  starts,
  ends,
  splitting,
  joining,
  alias("string-join", joining, '(string-join "-" [1 2]) ;; => "1-2"'),
  upper,
  lower,
  trim,
  replacing,
  alias("str/split", splitting, '(str/split "a b" " ") ;; => ["a" "b"]'),
  alias("str/join", joining, '(str/join "" ["a" "b"]) ;; => "ab"'),
  alias("str/upper-case", upper, '(str/upper-case "a") ;; => "A"'),
  alias("str/lower-case", lower, '(str/lower-case "A") ;; => "a"'),
  alias("str/trim", trim, '(str/trim " a ") ;; => "a"'),
  alias("str/replace", replacing, '(str/replace "aa" "a" "b") ;; => "bb"'),
  alias("str/includes?", contains, '(str/includes? "abc" "b") ;; => true'),
  alias("str/starts-with?", starts, '(str/starts-with? "abc" "a") ;; => true'),
  alias("str/ends-with?", ends, '(str/ends-with? "abc" "a") ;; => false'),
];
