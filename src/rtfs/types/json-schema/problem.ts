import type { JsonObject, JsonValue } from "../../../foundation/json.ts";

/** What a type or a schema says that the other cannot. */
export interface SchemaProblem {
  /** In a type: `.field[]`. In a schema: a JSON pointer, `/properties/field/items`. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** Caught where a conversion begins. */
export class BadSchema extends Error {
  readonly problem: SchemaProblem;

  constructor(path: string, message: string, hint?: string) {
    super(message);
    this.problem = { path, message, ...(hint === undefined ? {} : { hint }) };
  }
}

/**
 * The keyword for what RTFS tells apart and JSON Schema does not. It only ever says how something
 * is written in RTFS, never what is accepted.
 */
export const MARK = "x-rtfs";

/** A member of the object itself; undefined when it has none of that name. */
export function member(schema: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(schema, name) ? schema[name] : undefined;
}

/** An object of hostile names. */
export function namedObject(entries: Iterable<readonly [string, JsonValue]>): JsonObject {
  const object = Object.create(null) as Record<string, JsonValue>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}
