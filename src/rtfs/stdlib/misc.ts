/**
 * Predicates, JSON, errors.
 *
 * @module
 */
import { kindOf } from "../values/kind-of.ts";
import { checkSize } from "../values/limits.ts";
import { isFloat, isInt, isNumber } from "../values/numbers.ts";
import { displayMetered } from "../values/print.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import {
  ErrorValue,
  FunctionValue,
  Keyword,
  keyword,
  List,
  Sym,
  type Value,
  Vector,
  MapValue,
} from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import { alias, type Entry, entry, MANY, stringArgument } from "./entry.ts";
import { parseJson, serializeJson } from "./json-text.ts";

function predicate(
  name: string,
  what: string,
  example: string,
  test: (value: Value) => boolean,
): Entry {
  const words = { type: "any → bool", doc: `Whether a value is ${what}`, example };
  return entry(name, 1, words, ([x]) => test(x!));
}

const isBoolean = predicate(
  "bool?",
  "true or false",
  "(bool? false) ;; => true",
  (value) => typeof value === "boolean",
);
const isString = predicate(
  "string?",
  "a string; timestamps, uuids and resources are not",
  '(string? "") ;; => true',
  (value) => typeof value === "string",
);
const typeName = entry(
  "type-name",
  1,
  {
    type: "any → string",
    doc: "The name of a value's kind (2.1)",
    example:
      '[(type-name 1) (type-name 1.0) (type-name nil) (type-name inc)] ;; => ["integer" "float" "nil" "function"]',
  },
  ([x]) => kindOf(x!),
);

export const PREDICATES: readonly Entry[] = [
  predicate("nil?", "nil", "(nil? nil) ;; => true", (value) => value === null),
  isBoolean,
  alias("boolean?", isBoolean, "(boolean? nil) ;; => false"),
  predicate("true?", "true itself", "(true? 1) ;; => false", (value) => value === true),
  predicate("false?", "false itself", "(false? nil) ;; => false", (value) => value === false),
  predicate("int?", "an integer", "[(int? 1) (int? 1.0)] ;; => [true false]", isInt),
  predicate("float?", "a float", "[(float? 1.0) (float? ##NaN)] ;; => [true true]", isFloat),
  predicate("number?", "an integer or a float", "(number? 1.5) ;; => true", isNumber),
  isString,
  alias("string-p", isString, "(string-p 1) ;; => false"),
  predicate(
    "keyword?",
    "a keyword",
    "(keyword? :a) ;; => true",
    (value) => value instanceof Keyword,
  ),
  predicate("symbol?", "a symbol", "(symbol? 'a) ;; => true", (value) => value instanceof Sym),
  predicate(
    "vector?",
    "a vector",
    "(vector? '(1)) ;; => false",
    (value) => value instanceof Vector,
  ),
  predicate("list?", "a list", "(list? '(1)) ;; => true", (value) => value instanceof List),
  predicate("map?", "a map", "(map? {}) ;; => true", (value) => value instanceof MapValue),
  predicate(
    "fn?",
    "a function; a keyword is not",
    "[(fn? inc) (fn? :a)] ;; => [true false]",
    (value) => value instanceof FunctionValue,
  ),
  typeName,
  alias("type", typeName, '(type :a) ;; => "keyword"'),
  entry(
    "identity",
    1,
    { type: "any → any", doc: "Its argument", example: "(map identity [1 nil]) ;; => [1 nil]" },
    ([x]) => x!,
  ),
];

const parse = entry(
  "parse-json",
  1,
  {
    type: "string → any",
    doc: "A JSON text as a value: names become strings, whole numbers in 64 bits integers, others floats",
    example: '(parse-json "{\\"a\\":[1,1.0,null]}") ;; => {"a" [1 1.0 nil]}',
    errors: "TypeError JsonError",
  },
  ([x], machine) => {
    const text = stringArgument(x, "parse-json");
    machine.spend(text.length);
    return parseJson(text);
  },
);

function serializer(name: string, indent: number, words: readonly [string, string]): Entry {
  const [doc, example] = words;
  const type = "any → string";
  return entry(name, 1, { type, doc, example, errors: "JsonError" }, ([x], machine) => {
    const text = serializeJson(x!, indent, machine.meter);
    checkSize(text.length, name);
    machine.spend(text.length);
    return text;
  });
}

const serialize = serializer("serialize-json", 0, [
  "A compact JSON text with sorted names; keyword keys lose the colon, whole floats keep `.0`",
  '(serialize-json {:b [nil 1.0] "a" {2 true}}) ;; => "{\\"a\\":{\\"2\\":true},\\"b\\":[null,1.0]}"',
]);
const serializePretty = serializer("serialize-json-pretty", 2, [
  "Like `serialize-json`, indented by two spaces",
  '(serialize-json-pretty [1 {}]) ;; => "[\\n  1,\\n  {}\\n]"',
]);

export const JSON_TEXTS: readonly Entry[] = [
  parse,
  alias("tool/parse-json", parse, '(tool/parse-json "[]") ;; => []'),
  serialize,
  alias("tool/serialize-json", serialize, '(tool/serialize-json nil) ;; => "null"'),
  serializePretty,
  alias(
    "tool/serialize-json-pretty",
    serializePretty,
    '(tool/serialize-json-pretty {}) ;; => "{}"',
  ),
];

/** Longest message made of what was thrown, UTF-16 units. */
const MESSAGE_LENGTH_MAX = 1000;

function raise(value: Value, { meter }: BuiltinMachine): never {
  if (value instanceof ErrorValue) throw RtfsError.from(value);
  if (typeof value === "string") throw new RtfsError("RuntimeError", value);
  const message = value instanceof MapValue ? value.get(keyword("message")) : undefined;
  const payload = value instanceof MapValue ? value : MapValue.of([[keyword("data"), value]]);
  const text =
    typeof message === "string"
      ? message
      : displayMetered(value, meter).slice(0, MESSAGE_LENGTH_MAX).toWellFormed();
  throw RtfsError.from(new ErrorValue("ApplicationError", text, payload));
}

/** A constructor of error values. */
function constructor(name: string, kind: string, example: string): Entry {
  const words = {
    type: "any any?… → error",
    doc: "An error value of a message and data; nothing is raised",
    example,
  };
  return entry(name, [1, MANY], words, ([message, data], { meter }) => {
    const payload = data === undefined ? MapValue.EMPTY : MapValue.of([[keyword("data"), data]]);
    return new ErrorValue(kind, displayMetered(message!, meter), payload);
  });
}

export const ERRORS: readonly Entry[] = [
  entry(
    "throw",
    1,
    {
      type: "any → never",
      doc: "Raises an error value as it is, a text as RuntimeError, anything else as ApplicationError",
      example: '(try (throw {:type :late :message "m"}) (catch :late e (:message e))) ;; => "m"',
      errors: "RuntimeError ApplicationError",
    },
    ([x], machine) => raise(x!, machine),
  ),
  entry(
    "getMessage",
    1,
    {
      type: "error → string",
      doc: "The message of an error value",
      example: '(getMessage (Exception. "m")) ;; => "m"',
      errors: "TypeError",
    },
    ([x]) => {
      if (x instanceof ErrorValue) return x.message;
      throw typeError("an error", kindOf(x ?? null), "getMessage");
    },
  ),
  constructor("Exception.", "ApplicationError", '(:data (Exception. "m" {:a 1})) ;; => {:a 1}'),
];
