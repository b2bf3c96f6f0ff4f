/**
 * From a source text to located config data: read, then evaluate where the text is a program.
 *
 * Read in this order: readConfig, formNode (a literal config), expand, evaluate and ValueReader (a program). A
 * program is pure and total: no host, 10 000 steps, and its data is bounded before it is walked. Where
 * a value came through functions its place is the nearest literal's, else the expression that made it.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import type { SourceSpan } from "../foundation/source-span.ts";
import { formatSpan } from "../foundation/source-span.ts";
import {
  compileProgram,
  type Diagnostic,
  expandForms,
  type Form,
  isInt,
  Keyword,
  List,
  type MapForm,
  MapValue,
  readForms,
  runProgram,
  type Value,
  Vector,
  WholeFloat,
} from "../rtfs/index.ts";
import { type ConfigProblem, rewriteConfigForms, type Rewritten } from "./config-form.ts";
import { shown } from "./display.ts";
import type { ConfigEntry, ConfigNode } from "./node.ts";
import { describeNode } from "./node.ts";
import { PROFILES_FILE, profileForms } from "./profiles.ts";

/** Evaluation steps of a config program. */
const FUEL = 10_000;
const DEPTH_MAX = 512;
/** Nesting of a config's data. */
const NESTING_MAX = 64;
/** A shared value counts wherever it stands: a small program can name a huge tree. */
const NODES_MAX = 100_000;
const SHAPE_HINT = "A config is (agent.config :key value …), or an expression that gives one";

/** Why there is no config to check. */
export interface ExpressionProblem {
  readonly code: "PARSE_ERROR" | "EXPANSION_FAILED";
  readonly message: string;
  readonly suggestion: string | null;
  readonly span: SourceSpan;
}

export interface ConfigExpression {
  readonly root: Extract<ConfigNode, { kind: "map" }>;
  /** Repeated keys of `agent.config` forms; the first of each counts. */
  readonly duplicates: readonly ConfigProblem[];
}

/** Read a config file's text. Every syntax error is reported, an evaluation error alone. */
export function readConfig(
  source: string,
  file: string,
): Result<ConfigExpression, readonly ExpressionProblem[]> {
  const read = readForms(source, { file, depthMax: NESTING_MAX });
  if (!read.ok) return err(read.error.map((each) => problemOf("PARSE_ERROR", each)));
  const { forms, problems } = rewriteConfigForms(read.value);
  if (problems.some(isFatal)) return err(problems.filter(isFatal));
  const last = forms.at(-1);
  if (last === undefined) {
    const span = { file, start: 0, end: 0, line: 1, column: 1 };
    const message = "the file has no config form";
    return err([{ code: "PARSE_ERROR", message, suggestion: SHAPE_HINT, span }]);
  }
  const isLiteral = forms.length === 1 && isData(last);
  const program = isLiteral ? ok({ forms, problems: [] }) : expand(forms);
  if (!program.ok) return program;
  const root = isLiteral ? ok(formNode(last)) : evaluate(program.value.forms, last);
  if (!root.ok) return root;
  if (root.value.kind !== "map") {
    const message = `the file ends in ${describeNode(root.value)}, not in a config`;
    return err([{ code: "EXPANSION_FAILED", message, suggestion: SHAPE_HINT, span: last.span }]);
  }
  const duplicates = [...problems, ...program.value.problems];
  return ok({ root: root.value, duplicates });
}

type FatalProblem = ConfigProblem & { readonly code: "PARSE_ERROR" };

function isFatal(problem: ConfigProblem): problem is FatalProblem {
  return problem.code === "PARSE_ERROR";
}

/** With the built-in profiles it uses, its macros expanded, and the config forms that those made rewritten. */
function expand(forms: readonly Form[]): Result<Rewritten, readonly ExpressionProblem[]> {
  const written = [...profileForms(forms), ...forms];
  const expanded = expandForms(written);
  if (!expanded.ok) {
    return err(expanded.error.map((each) => problemOf("EXPANSION_FAILED", each)));
  }
  if (expanded.value.forms === written) return ok({ forms: written, problems: [] });
  const rewritten = rewriteConfigForms(expanded.value.forms);
  const fatal = rewritten.problems.filter(isFatal);
  return fatal.length > 0 ? err(fatal) : ok(rewritten);
}

function problemOf(code: ExpressionProblem["code"], diagnostic: Diagnostic): ExpressionProblem {
  const { message, hint, span, related = [] } = diagnostic;
  const places = related.map((each) => `; ${each.message} at ${formatSpan(each.span)}`);
  return { code, message: message + places.join(""), suggestion: hint ?? null, span };
}

/** Whether a form means itself: evaluation would only copy it. */
function isData(form: Form): boolean {
  if (form.kind === "vector") return form.items.every(isData);
  if (form.kind !== "map") return form.kind !== "list" && form.kind !== "symbol";
  return form.entries.every(({ key, value }) => isData(key) && isData(value));
}

/** A literal form as a node, each value with its own place. */
function formNode(form: Form): ConfigNode {
  const { span } = form;
  switch (form.kind) {
    case "nil":
      return { kind: "nil", span };
    case "boolean":
      return { kind: "boolean", value: form.value, span };
    case "string":
      return { kind: "string", text: form.value, span };
    case "keyword":
      return { kind: "keyword", text: form.name, span };
    case "integer":
      return { kind: "integer", value: Number(form.value), span };
    case "float":
      return numberNode(form.value, span);
    case "vector":
      return { kind: "vector", items: form.items.map(formNode), span };
    case "map":
      return { kind: "map", entries: form.entries.map(formEntry), span };
    case "list":
    case "symbol":
    case "timestamp":
    case "uuid":
    case "resource":
      return { kind: "other", what: `a ${form.kind}`, span };
  }
}

function formEntry({ key, value }: MapForm["entries"][number]): ConfigEntry {
  const node = formNode(value);
  if (key.kind === "keyword") {
    return { key: key.name, keyKind: "keyword", keySpan: key.span, value: node };
  }
  if (key.kind === "string") {
    return { key: key.value, keyKind: "string", keySpan: key.span, value: node };
  }
  const text = key.kind === "integer" ? String(key.value) : key.kind;
  return { key: text, keyKind: null, keySpan: key.span, value: node };
}

function numberNode(value: number, span: SourceSpan | null): ConfigNode {
  return { kind: Number.isInteger(value) ? "integer" : "float", value, span };
}

type Evaluated = Result<ConfigNode, readonly ExpressionProblem[]>;

function evaluate(forms: readonly Form[], last: Form): Evaluated {
  const program = compileProgram(forms);
  if (!program.ok) {
    return err(program.error.map((each) => problemOf("EXPANSION_FAILED", each)));
  }
  const literals = new WeakMap<MapValue, MapForm>();
  const outcome = runProgram(program.value, {
    fuel: FUEL,
    depthMax: DEPTH_MAX,
    onMapLiteral: (map, form) => void literals.set(map, form),
  });
  if (!outcome.ok) {
    const { kind, message, span } = outcome.error;
    const inside = span === null || span.file === PROFILES_FILE;
    const where = span === null || !inside ? "" : ` (in ${formatSpan(span)})`;
    const suggestion = kind === "SecurityViolation" ? "A config program may not call" : null;
    const place = inside || span === null ? last.span : span;
    const words = `${kind}: ${shown(message)}${where}`;
    return err([{ code: "EXPANSION_FAILED", message: words, suggestion, span: place }]);
  }
  const maker = forms.at(-1) ?? last;
  const node = new ValueReader(literals).node(outcome.value, maker, { span: last.span, depth: 0 });
  if (node !== null) return ok(node);
  const message = `the config has more than ${NODES_MAX} values or ${NESTING_MAX} levels`;
  return err([{ code: "EXPANSION_FAILED", message, suggestion: null, span: last.span }]);
}

interface Around {
  /** The place of what encloses the value. */
  readonly span: SourceSpan;
  readonly depth: number;
}

/** Values as nodes, with places from the map literals they were built by. */
class ValueReader {
  readonly #literals: WeakMap<MapValue, MapForm>;
  #count = 0;

  constructor(literals: WeakMap<MapValue, MapForm>) {
    this.#literals = literals;
  }

  /** Null: too many values, or nested too deep. `form` is what may have made the value. */
  node(value: Value, form: Form | null, around: Around): ConfigNode | null {
    this.#count += 1;
    if (this.#count > NODES_MAX || around.depth > NESTING_MAX) return null;
    const span = placeOf(form) ?? around.span;
    const inner = { span, depth: around.depth + 1 };
    if (value instanceof MapValue) return this.#map(value, form, inner);
    if (value instanceof Vector || value instanceof List) return this.#vector(value, form, inner);
    return scalarNode(value, span);
  }

  #map(value: MapValue, form: Form | null, around: Around): ConfigNode | null {
    const literal = this.#literals.get(value) ?? (form?.kind === "map" ? form : null);
    const span = placeOf(literal) ?? around.span;
    const byName = new Map(literal?.entries.map((each) => [nameOf(each.key), each] as const));
    const entries: ConfigEntry[] = [];
    for (const [key, item] of value.entries()) {
      const [keyKind, name] = keyName(key);
      const made = byName.get(`${keyKind}:${name}`);
      const keySpan = placeOf(made?.key ?? null) ?? span;
      const node = this.node(item, made?.value ?? null, { span: keySpan, depth: around.depth });
      if (node === null) return null;
      entries.push({ key: name, keyKind, keySpan, value: node });
    }
    return { kind: "map", entries, span };
  }

  #vector(value: Vector | List, form: Form | null, around: Around): ConfigNode | null {
    const made =
      form?.kind === "vector" && form.items.length === value.items.length ? form.items : [];
    const items: ConfigNode[] = [];
    for (const [index, item] of value.items.entries()) {
      const node = this.node(item, made[index] ?? null, around);
      if (node === null) return null;
      items.push(node);
    }
    return { kind: "vector", items, span: around.span };
  }
}

/** Places inside the built-in profiles mean nothing to an author. */
function placeOf(form: Form | null): SourceSpan | null {
  return form === null || form.span.file === PROFILES_FILE ? null : form.span;
}

function nameOf(key: Form): string {
  if (key.kind === "keyword") return `keyword:${key.name}`;
  return key.kind === "string" ? `string:${key.value}` : "null:";
}

function keyName(key: unknown): readonly ["keyword" | "string" | null, string] {
  if (key instanceof Keyword) return ["keyword", key.name];
  return typeof key === "string" ? ["string", key] : [null, String(key)];
}

function scalarNode(value: Value, span: SourceSpan): ConfigNode {
  if (value === null) return { kind: "nil", span };
  if (typeof value === "boolean") return { kind: "boolean", value, span };
  if (typeof value === "string") return { kind: "string", text: value, span };
  if (value instanceof Keyword) return { kind: "keyword", text: value.name, span };
  if (isInt(value)) return { kind: "integer", value: Number(value), span };
  if (value instanceof WholeFloat) return numberNode(value.value, span);
  if (typeof value === "number") return numberNode(value, span);
  return { kind: "other", what: "a value that is no config data", span };
}
