/**
 * The `$ref`s of a JSON Schema become names of types.
 *
 * Each target is read once and in turn, so schemas that refer to themselves end. Targets are the root and what
 * stands directly below `$defs` or `definitions`.
 *
 * @module
 */
import { isJsonObject, type JsonValue } from "../../../foundation/json.ts";
import { primitiveName } from "../primitives.ts";
import { BadSchema, member } from "./problem.ts";

interface Target {
  readonly name: string;
  readonly schema: JsonValue;
  readonly path: string;
}

/**
 * The references of a schema and the names that they become. Only `#`, `#/$defs/…` and
 * `#/definitions/…`: nothing is fetched, and no pointer walks into the schema.
 */
export class References {
  readonly #root: JsonValue;
  readonly #targets = new Map<string, Target>();
  readonly #names = new Set<string>();
  readonly #waiting: Target[] = [];

  constructor(root: JsonValue) {
    this.#root = root;
  }

  /** The name that the reference becomes; its target waits to be read. */
  name(reference: JsonValue, path: string): string {
    if (typeof reference !== "string") throw new BadSchema(path, "`$ref` must be a string");
    const known = this.#targets.get(reference);
    if (known !== undefined) return known.name;
    const target = this.#resolve(reference, path);
    this.#targets.set(reference, target);
    this.#waiting.push(target);
    return target.name;
  }

  /** The next target that was named and not taken; null when there is none. */
  take(): Target | null {
    return this.#waiting.pop() ?? null;
  }

  pathOf(name: string): string {
    return [...this.#targets.values()].find((target) => target.name === name)?.path ?? "";
  }

  #resolve(reference: string, path: string): Target {
    if (reference === "#") {
      return { name: this.#fresh("Root"), schema: this.#root, path: "" };
    }
    const [start, group, pointer, ...more] = reference.split("/");
    const isKnown = start === "#" && (group === "$defs" || group === "definitions");
    if (!isKnown || pointer === undefined || more.length > 0) {
      throw new BadSchema(
        path,
        "A reference is `#`, `#/$defs/name` or `#/definitions/name`",
        "Other documents are never fetched",
      );
    }
    const name = decode(pointer);
    const defs = isJsonObject(this.#root) ? member(this.#root, group) : undefined;
    const schema = name !== null && isJsonObject(defs) ? member(defs, name) : undefined;
    if (name === null || schema === undefined) {
      throw new BadSchema(path, `Nothing stands at \`${reference.slice(0, 80).toWellFormed()}\``);
    }
    return { name: this.#fresh(name), schema, path: `/${group}/${pointer}` };
  }

  /** A name of a type that nothing has yet, as near to `wanted` as a symbol can be. */
  #fresh(wanted: string): string {
    const symbol = wanted.slice(0, 80).replaceAll(/[^A-Za-z0-9_$+\-*/<>=!%&.]/g, "-");
    const isFree = /^[A-Za-z_]/.test(symbol) && primitiveName(symbol) === null;
    const base = isFree ? symbol : `T-${symbol}`;
    let name = base;
    for (let count = 2; this.#names.has(name); count++) name = `${base}-${count}`;
    this.#names.add(name);
    return name;
  }
}

/** A segment of a pointer in a URI; null for one that is badly encoded. */
function decode(segment: string): string | null {
  if (/%(?![0-9A-Fa-f]{2})/.test(segment)) return null;
  try {
    return decodeURIComponent(segment).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch (bad) {
    if (bad instanceof URIError) return null;
    throw bad;
  }
}
