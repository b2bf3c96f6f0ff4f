/**
 * Rows as people write them: `[[:network {:domains ["a.com"]}] [:clock]]`, and back to text and JSON.
 *
 * Read in this order: readDeclaration, asGrant, asRequirement, printRow. What is not said differs by
 * who is silent: a grant that names no path grants none, a requirement that names no path may need
 * any. A kind written bare (`:network`) bounds only the kind.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../../foundation/json.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import type { Form, MapForm } from "../syntax/form.ts";
import { printValue } from "../values/print.ts";
import {
  type EffectMatchers,
  type EffectRow,
  greatest,
  least,
  makeRow,
  type ParameterValue,
} from "./row.ts";
import {
  EFFECT_KINDS,
  type EffectKind,
  findParameter,
  isEffectKind,
  parametersOf,
  type ParameterSpec,
} from "./vocabulary.ts";

/** What was said about one kind; null: nothing, only its name. */
type Said = ReadonlyMap<string, ParameterValue> | null;

/** Effects as declared: kinds, and the parameters that were named. */
export type EffectDeclaration = ReadonlyMap<EffectKind, Said>;

/** Items of one declaration; a row is looked at pair by pair. */
const ITEMS_MAX = 1000;

class Refused extends Error {
  readonly diagnostic: Diagnostic;

  constructor(form: Form, message: string, hint?: string) {
    super(message);
    this.diagnostic = diagnostic(form.span, message, { hint });
  }
}

/** Read `[:clock [:network {:domains […]}]]`; an unknown kind or parameter is refused. */
export function readDeclaration(form: Form): Result<EffectDeclaration, Diagnostic> {
  try {
    return ok(declarationOf(form));
  } catch (refused) {
    if (refused instanceof Refused) return err(refused.diagnostic);
    throw refused;
  }
}

function declarationOf(form: Form): EffectDeclaration {
  if (form.kind !== "vector" || form.items.length > ITEMS_MAX) {
    throw new Refused(form, "Effects are a vector of kinds", "[:clock [:fs {:paths …}]]");
  }
  const said = new Map<EffectKind, Said>();
  for (const item of form.items) {
    const [head, more, ...rest] = item.kind === "vector" ? item.items : [item];
    const kind = kindOf(head ?? item);
    if (said.has(kind)) throw new Refused(item, `The effect \`${kind}\` stands twice`);
    if (rest.length > 0 || (more !== undefined && more.kind !== "map")) {
      throw new Refused(item, "An effect is :kind or [:kind {:parameter …}]");
    }
    said.set(kind, more === undefined ? null : parametersFrom(kind, more as MapForm));
  }
  return said;
}

function kindOf(form: Form): EffectKind {
  const name = form.kind === "keyword" || form.kind === "symbol" ? form.name : "";
  if (isEffectKind(name)) return name;
  const hint = `There are ${EFFECT_KINDS.join(", ")}`;
  throw new Refused(form, `No effect is called \`${name.slice(0, 80)}\``, hint);
}

function parametersFrom(kind: EffectKind, form: MapForm): Said {
  const values = new Map<string, ParameterValue>();
  for (const { key, value } of form.entries) {
    const name = key.kind === "keyword" ? key.name : "";
    const spec = findParameter(kind, name);
    if (spec === undefined) {
      const names = parametersOf(kind).map((each) => `:${each.name}`);
      const hint = names.length === 0 ? "It has no parameters" : `There are ${names.join(", ")}`;
      throw new Refused(key, `${kind} has no parameter \`${name.slice(0, 80)}\``, hint);
    }
    if (values.has(spec.name)) throw new Refused(key, `\`${spec.name}\` stands twice`);
    values.set(spec.name, valueFrom(spec, value));
  }
  return values;
}

function valueFrom(spec: ParameterSpec, form: Form): ParameterValue {
  const isAny = form.kind === "keyword" && form.name === "any";
  if (isAny && (spec.shape === "set" || spec.shape === "limit")) return "any";
  if (spec.shape === "limit") {
    const isAmount =
      form.kind === "integer" && form.value >= 0 && Number.isSafeInteger(Number(form.value));
    if (isAmount) return Number(form.value);
    throw new Refused(form, `\`${spec.name}\` is an amount of 0 or more, or :any`);
  }
  if (spec.shape !== "set") {
    if (form.kind === "boolean") return form.value;
    throw new Refused(form, `\`${spec.name}\` is true or false`);
  }
  if (form.kind !== "vector" || form.items.length > ITEMS_MAX) {
    throw new Refused(form, `\`${spec.name}\` is a vector of names, or :any`);
  }
  return form.items.map((item) => itemFrom(spec, item));
}

function itemFrom(spec: ParameterSpec, form: Form): string {
  const written = textOf(form);
  if (written === null || written === "") throw new Refused(form, "A name must stand here");
  const { letters, names, covering } = spec;
  const upper = letters === "upper" ? written.toUpperCase() : written;
  const text = letters === "lower" ? written.toLowerCase() : upper;
  if (names !== null && !names.includes(text)) {
    throw new Refused(form, `\`${spec.name}\` has no \`${text}\``, `There are ${names.join(", ")}`);
  }
  if (covering === "path" && !isPlainPath(text)) {
    throw new Refused(form, "A path is absolute, without empty, `.` or `..` parts");
  }
  return text;
}

function textOf(form: Form): string | null {
  if (form.kind === "string") return form.value;
  if (form.kind === "keyword" || form.kind === "symbol") return form.name;
  return form.kind === "integer" ? String(form.value) : null;
}

function isPlainPath(text: string): boolean {
  if (text === "/") return true;
  if (!text.startsWith("/") || text.includes("\0")) return false;
  return text
    .slice(1)
    .split("/")
    .every((part) => part !== "" && part !== "." && part !== "..");
}

function resolved(
  declaration: EffectDeclaration,
  matchers: EffectMatchers,
  unsaid: (spec: ParameterSpec) => ParameterValue,
): EffectRow {
  const entries = [...declaration].map(([kind, said]) => {
    const values = parametersOf(kind).map((spec): readonly [string, ParameterValue] => [
      spec.name,
      said === null ? greatest(spec) : (said.get(spec.name) ?? unsaid(spec)),
    ]);
    return [kind, new Map(values)] as const;
  });
  return makeRow(entries, matchers);
}

/**
 * What a config, a policy, a contract's bound or an annotation grants. A parameter that is not named
 * grants nothing, except methods (GET, HEAD), ports (443), protocols (https) and mTLS (not asked for).
 */
export function asGrant(declaration: EffectDeclaration, matchers: EffectMatchers): EffectRow {
  return resolved(declaration, matchers, (spec) => {
    if (spec.shape === "obligation") return false;
    return spec.granted ?? least(spec);
  });
}

/** What code needs. A parameter that is not named may need anything. */
export function asRequirement(declaration: EffectDeclaration, matchers: EffectMatchers): EffectRow {
  return resolved(declaration, matchers, greatest);
}

/** Kinds alone, each with anything it can do. Null: one is no effect. */
export function rowOfKinds(kinds: readonly string[]): EffectRow | null {
  if (!kinds.every(isEffectKind)) return null;
  const entries = EFFECT_KINDS.filter((kind) => kinds.includes(kind)).map(
    (kind) =>
      [kind, new Map(parametersOf(kind).map((spec) => [spec.name, greatest(spec)]))] as const,
  );
  return new Map(entries);
}

/** The row as RTFS text, in one way for equal rows: `[[:clock] [:fs {:paths ["/a"] …}]]`. */
export function printRow(row: EffectRow): string {
  const effects = [...row].map(([kind, parameters]) => {
    const shown = [...parameters].map(([name, value]) => `:${name} ${printParameter(value)}`);
    return shown.length === 0 ? `[:${kind}]` : `[:${kind} {${shown.join(" ")}}]`;
  });
  return `[${effects.join(" ")}]`;
}

function printParameter(value: ParameterValue): string {
  if (value === "any") return ":any";
  if (typeof value !== "object") return String(value);
  return `[${value.map((item) => printValue(item)).join(" ")}]`;
}

/** `[{"kind": "fs", "paths": ["/a"], "modes": "any"}]`. */
export function rowToJson(row: EffectRow): readonly JsonObject[] {
  return [...row].map(([kind, parameters]): JsonObject => {
    const entries = [...parameters].map(([name, value]): [string, JsonValue] => [
      name,
      typeof value === "object" ? [...value] : value,
    ]);
    return Object.fromEntries([["kind", kind], ...entries]);
  });
}
