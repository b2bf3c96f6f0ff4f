/**
 * Predicates, JSON, errors.
 *
 * @module
 */
import { checkSize } from "../eval/limits.ts";
import type { Machine } from "../eval/machine.ts";
import { kindOf } from "../values/kind-of.ts";
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
import { alias, type Entry, entry, MANY, stringArgument } from "./entry.ts";
import { parseJson, serializeJson } from "./json-text.ts";

function predicate(name: string, test: (value: Value) => boolean): Entry {
  return entry(name, 1, "Tests the kind of a value", ([x]) => test(x!));
}

const isBoolean = (value: Value): boolean => typeof value === "boolean";

export const PREDICATES: readonly Entry[] = [
  predicate("nil?", (value) => value === null),
  predicate("bool?", isBoolean),
  predicate("boolean?", isBoolean),
  predicate("int?", isInt),
  predicate("float?", isFloat),
  predicate("number?", isNumber),
  predicate("string?", (value) => typeof value === "string"),
  predicate("string-p", (value) => typeof value === "string"),
  predicate("keyword?", (value) => value instanceof Keyword),
  predicate("symbol?", (value) => value instanceof Sym),
  predicate("vector?", (value) => value instanceof Vector),
  predicate("list?", (value) => value instanceof List),
  predicate("map?", (value) => value instanceof MapValue),
  predicate("fn?", (value) => value instanceof FunctionValue),
  entry("type-name", 1, "The name of a value's kind", ([x]) => kindOf(x!)),
];

const parse = entry("parse-json", 1, "A JSON text to a value", ([x], machine) => {
  const text = stringArgument(x, "parse-json");
  machine.spend(text.length);
  return parseJson(text);
});

function serializer(name: string, indent: number): Entry {
  return entry(name, 1, "A value to a JSON text with sorted names", ([x], machine) => {
    const text = serializeJson(x!, indent, machine.meter);
    checkSize(text.length, name);
    machine.spend(text.length);
    return text;
  });
}

const serialize = serializer("serialize-json", 0);
const serializePretty = serializer("serialize-json-pretty", 2);

export const JSON_TEXTS: readonly Entry[] = [
  parse,
  alias("tool/parse-json", parse),
  serialize,
  alias("tool/serialize-json", serialize),
  serializePretty,
  alias("tool/serialize-json-pretty", serializePretty),
];

function raise(value: Value, { meter }: Machine): never {
  if (value instanceof ErrorValue) throw RtfsError.from(value);
  if (typeof value === "string") throw new RtfsError("RuntimeError", value);
  const message = value instanceof MapValue ? value.get(keyword("message")) : undefined;
  const payload = value instanceof MapValue ? value : MapValue.of([[keyword("data"), value]]);
  const text =
    typeof message === "string"
      ? message
      : displayMetered(value, meter).slice(0, 1000).toWellFormed();
  throw RtfsError.from(new ErrorValue("ApplicationError", text, payload));
}

export const ERRORS: readonly Entry[] = [
  entry("throw", 1, "Raises an error value, a message or a map", ([x], machine) =>
    raise(x!, machine),
  ),
  entry("getMessage", 1, "The message of an error", ([x]) => {
    if (x instanceof ErrorValue) return x.message;
    throw typeError("an error", kindOf(x ?? null), "getMessage");
  }),
  entry(
    "Exception.",
    [1, MANY],
    "An error value; nothing is raised",
    ([message, data], { meter }) => {
      const payload = data === undefined ? MapValue.EMPTY : MapValue.of([[keyword("data"), data]]);
      return new ErrorValue("ApplicationError", displayMetered(message!, meter), payload);
    },
  ),
];
