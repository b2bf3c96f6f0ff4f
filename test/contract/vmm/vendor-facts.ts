/**
 * The vendors' interfaces as data, and a judge that refuses whatever they do not name.
 *
 * Read in this order: Facts, parseFacts, complaint. Shared by the contract servers and by the tests of what is
 * synthesised: one fixture for both vendors' names, types and limits (*.facts), no knowledge of our own code.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

type FieldType =
  | { readonly kind: "text" | "flag" | "any" }
  | { readonly kind: "int"; readonly least: number; readonly most: number }
  | { readonly kind: "word"; readonly words: readonly string[] }
  | { readonly kind: "named"; readonly name: string }
  | { readonly kind: "list"; readonly of: FieldType };

type Definition =
  | {
      readonly kind: "fields";
      readonly fields: ReadonlyMap<string, { type: FieldType; optional: boolean }>;
    }
  | { readonly kind: "same"; readonly as: FieldType };

export interface Call {
  readonly method: string;
  /** With `{name}` where an id stands. */
  readonly path: string;
  /** Null: no body. */
  readonly body: string | null;
  /** Firecracker: `before`, `after` the start, `any`. Cloud Hypervisor: statuses when it works, then when it does not. */
  readonly rest: readonly string[];
}

export interface Facts {
  readonly types: ReadonlyMap<string, Definition>;
  readonly calls: readonly Call[];
}

export function readFacts(name: "firecracker" | "cloud-hypervisor"): Facts {
  return parseFacts(readFileSync(join(import.meta.dirname, `${name}.facts`), "utf8"));
}

function parseFacts(text: string): Facts {
  const types = new Map<string, Definition>();
  const calls: Call[] = [];
  for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
    const words = line.split(" ");
    if (words[0] === "type") types.set(words[1] ?? "", definitionOf(words.slice(2)));
    else {
      const [, method = "", path = "", body = "-", ...rest] = words;
      calls.push({ method, path, body: body === "-" ? null : body, rest });
    }
  }
  return { types, calls };
}

function definitionOf(words: readonly string[]): Definition {
  if (words[0] !== "{") return { kind: "same", as: typeOf(words[0] ?? "") };
  const fields = words.slice(1, -1).map((word) => {
    const [name = "", type = ""] = word.split(":");
    const optional = name.endsWith("?");
    return [optional ? name.slice(0, -1) : name, { type: typeOf(type), optional }] as const;
  });
  return { kind: "fields", fields: new Map(fields) };
}

function typeOf(word: string): FieldType {
  if (word.endsWith("[]")) return { kind: "list", of: typeOf(word.slice(0, -2)) };
  if (word === "text" || word === "flag" || word === "any") return { kind: word };
  const range = /^int(?:\[(\d*),(\d*)\])?$/.exec(word);
  if (range !== null) {
    const bound = (text: string | undefined, otherwise: number): number =>
      text === undefined || text === "" ? otherwise : Number(text);
    return {
      kind: "int",
      least: bound(range[1], 0),
      most: bound(range[2], Number.MAX_SAFE_INTEGER),
    };
  }
  if (word.includes("|")) return { kind: "word", words: word.split("|") };
  return { kind: "named", name: word };
}

/** Why `value` is not one of the named type, in the manner of the vendors' parser; null: it is. */
export function complaint(facts: Facts, name: string, value: unknown): string | null {
  return complaintOf(facts, { kind: "named", name }, value, "");
}

function complaintOf(facts: Facts, type: FieldType, value: unknown, at: string): string | null {
  const wrong = (expected: string): string => `invalid type: expected ${expected} at ${at || "/"}`;
  switch (type.kind) {
    case "any":
      return null;
    case "text":
      return typeof value === "string" ? null : wrong("a string");
    case "flag":
      return typeof value === "boolean" ? null : wrong("a boolean");
    case "word":
      return type.words.includes(value as string) ? null : wrong(`one of ${type.words.join(", ")}`);
    case "int":
      if (!Number.isSafeInteger(value)) return wrong("an integer");
      return (value as number) < type.least || (value as number) > type.most
        ? `invalid value: ${String(value)} is outside of ${type.least} to ${type.most} at ${at}`
        : null;
    case "list":
      if (!Array.isArray(value)) return wrong("a sequence");
      return firstOf(
        value.map((each, index) => complaintOf(facts, type.of, each, `${at}/${index}`)),
      );
    case "named":
      return namedComplaint(facts, type.name, value, at);
  }
}

function namedComplaint(facts: Facts, name: string, value: unknown, at: string): string | null {
  const definition = facts.types.get(name);
  if (definition === undefined) throw new TypeError(`the facts do not define ${name}`);
  if (definition.kind === "same") return complaintOf(facts, definition.as, value, at);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `invalid type: expected a map at ${at || "/"}`;
  const given = new Map(Object.entries(value));
  for (const [key, { optional }] of definition.fields)
    if (!optional && !given.has(key)) return `missing field \`${key}\` at ${at || "/"}`;
  return firstOf(
    [...given].map(([key, field]) => {
      const known = definition.fields.get(key);
      if (known === undefined) return `unknown field \`${key}\` at ${at || "/"}`;
      return complaintOf(facts, known.type, field, `${at}/${key}`);
    }),
  );
}

function firstOf(complaints: readonly (string | null)[]): string | null {
  return complaints.find((each) => each !== null) ?? null;
}

/** The call of the facts that a request is, with the id in its path. */
export function callOf(
  facts: Facts,
  method: string,
  path: string,
): { readonly call: Call; readonly id: string | null } | null {
  for (const call of facts.calls) {
    if (call.method !== method) continue;
    const parts = call.path.split("/");
    const given = path.split("/");
    if (parts.length !== given.length) continue;
    const at = parts.findIndex((part) => part.startsWith("{"));
    if (parts.every((part, index) => index === at || part === given[index]))
      return { call, id: at < 0 ? null : (given[at] ?? null) };
  }
  return null;
}
