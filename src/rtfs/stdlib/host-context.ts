/**
 * The host's context, and errors made by programs.
 *
 * @module
 */
import { noContext } from "../guarded-host.ts";
import { kindOf } from "../values/kind-of.ts";
import { displayMetered } from "../values/print.ts";
import { errorKinds, typeError } from "../values/rtfs-error.ts";
import { ErrorValue, Keyword, keyword, MapValue, Sym, type Value } from "../values/value.ts";
import { type Entry, entry } from "./entry.ts";

function contextKey(key: Value, operation: string): string {
  if (key instanceof Keyword || key instanceof Sym) return key.name;
  if (typeof key === "string") return key;
  throw typeError("a string, a keyword or a symbol", kindOf(key), operation);
}

export const CONTEXT: readonly Entry[] = [
  entry(
    "context/get",
    1,
    {
      type: "key or symbol → any",
      doc: "The host's value of a key; nil when there is none",
      example: '(context/get "plan-id") ;; => nil',
      errors: "TypeError",
    },
    ([key], { host }) => {
      return host?.context?.(contextKey(key!, "context/get")) ?? null;
    },
  ),
  entry(
    "context/set",
    2,
    {
      type: "key or symbol, any → nil",
      doc: "Keep a value under a key until the step ends",
      example: '(context/set "k" 1) ;; error SecurityViolation',
      errors: "TypeError SecurityViolation",
    },
    ([key, value], { host }) => {
      const name = contextKey(key!, "context/set");
      if (host?.contextSet === undefined) throw noContext(name);
      host.contextSet(name, value!);
      return null;
    },
  ),
];

/** What data given to a constructor becomes: a map is the payload, anything else its `:data`. */
function payloadOf(data: Value | undefined): MapValue {
  if (data === undefined) return MapValue.EMPTY;
  return data instanceof MapValue ? data : MapValue.of([[keyword("data"), data]]);
}

/** `(TypeError. message data?)` and its like. Exhausted fuel cannot be made: nothing catches it. */
export const CONSTRUCTORS: readonly Entry[] = errorKinds()
  .filter((kind) => kind !== "FuelExhausted")
  .map((kind) =>
    entry(
      `${kind}.`,
      [1, 2],
      {
        type: "any any? → error",
        doc: `A ${kind} value of a message and data; nothing is raised`,
        example: `(getMessage (${kind}. "m" {:a 1})) ;; => "m"`,
      },
      ([message, data], { meter }) => {
        return new ErrorValue(kind, displayMetered(message!, meter), payloadOf(data));
      },
    ),
  );
