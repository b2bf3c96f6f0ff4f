/**
 * Type expressions to checking closures.
 *
 * Read in this order: compileType, compileForm, CONSTRUCTORS. A check allocates nothing while the
 * value fits. An unknown name is an error when the type is compiled, so no contract silently
 * accepts or refuses everything.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { type Form, formToValue } from "../syntax/form.ts";
import { readForms } from "../syntax/reader.ts";
import { equalValues } from "../values/equality.ts";
import { boundedMeter, type Meter } from "../values/meter.ts";
import { printValue } from "../values/print.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { FunctionValue, ResourceHandle, type Value, Vector } from "../values/value.ts";
import { type Check, inside, mismatch, type TypeFailure } from "./failure.ts";
import { compileMapOf, compileRecord } from "./map-type.ts";
import { isPredicate, compilePredicate } from "./predicate.ts";
import { primitiveCheck, primitiveName } from "./primitives.ts";
import { BadType, isQuestionMark, nameOf } from "./type-form.ts";

export interface TypeValidator {
  /** The type as written. */
  readonly source: string;
  /**
   * Null: fits. A JS array is checked as the vector of its items.
   *
   * @param meter - Pays for each part, and may throw. Absent: a value of over ten million parts
   *   does not fit.
   */
  check(value: Value | readonly Value[], meter?: Meter): TypeFailure | null;
}

/** Compile a type expression such as `[:map [:url :string] [:method :string ?]]`. */
export function compileType(source: string): Result<TypeValidator, Diagnostic> {
  const forms = readForms(source, { file: "type", depthMax: 32 });
  if (!forms.ok) return err(forms.error[0]!);
  const form = forms.value[0];
  if (form === undefined || forms.value.length > 1) {
    const span = { file: "type", start: 0, end: source.length, line: 1, column: 1 };
    return err(new BadType(span, "A type is exactly one form").diagnostic);
  }
  return compileTypeForm(form, source);
}

/** Compile a type that was already read. `source` is what errors call it. */
export function compileTypeForm(form: Form, source?: string): Result<TypeValidator, Diagnostic> {
  try {
    const check = compileForm(form);
    const text = source ?? printValue(formToValue(form));
    return ok({
      source: text,
      check(value, meter) {
        const subject = Array.isArray(value) ? new Vector(value) : (value as Value);
        return meter === undefined ? checkBounded(check, subject) : check(subject, meter);
      },
    });
  } catch (bad) {
    if (bad instanceof BadType) return err(bad.diagnostic);
    throw bad;
  }
}

/** Outside a run nobody pays; a value that is too large to be looked at does not fit. */
function checkBounded(check: Check, value: Value): TypeFailure | null {
  try {
    return check(value, boundedMeter());
  } catch (error) {
    if (!(error instanceof RtfsError)) throw error;
    return { path: "", expected: "a value that can be checked", actual: error.message };
  }
}

type Compile = (form: Form) => Check;

export const compileForm: Compile = (form) => {
  const name = nameOf(form);
  if (name !== null) return compileName(form, name);
  if (form.kind !== "vector") throw new BadType(form.span, "A type is a name or a vector");
  const head = nameOf(form.items[0]);
  const constructor = head === null ? undefined : CONSTRUCTORS.get(head);
  if (constructor === undefined) {
    throw new BadType(form.span, `No type constructor is called \`${head ?? ""}\``);
  }
  return constructor(form.items.slice(1), form);
};

function compileName(form: Form, name: string): Check {
  const primitive = primitiveName(name);
  if (primitive !== null) return primitiveCheck(primitive);
  const base = name.endsWith("?") ? primitiveName(name.slice(0, -1)) : null;
  if (base === null) throw new BadType(form.span, `No type is called \`${name}\``);
  return optional(primitiveCheck(base), `${base} or nil`);
}

function optional(check: Check, expected: string): Check {
  return (value, meter) => {
    const failure = value === null ? null : check(value, meter);
    return failure === null || failure.path !== "" ? failure : { ...failure, expected };
  };
}

type Constructor = (parts: readonly Form[], form: Form) => Check;

function one(parts: readonly Form[], form: Form): Form {
  if (parts.length === 1) return parts[0]!;
  throw new BadType(form.span, "This type takes exactly one part");
}

const vectorOf: Constructor = (parts, form) => {
  const item = compileForm(one(parts, form));
  return (value, meter) => {
    if (!(value instanceof Vector)) return mismatch("vector", value);
    meter(value.items.length);
    for (let index = 0; index < value.items.length; index++) {
      const failure = item(value.items[index]!, meter);
      if (failure !== null) return inside(`[${index}]`, failure);
    }
    return null;
  };
};

/** `[:tuple A B C ?]`: a `?` makes the element before it optional; optional ones stand last. */
const tuple: Constructor = (parts, form) => {
  const checks: Check[] = [];
  let required = 0;
  for (let index = 0; index < parts.length; index++) {
    const isOptional = isQuestionMark(parts[index + 1]);
    checks.push(compileForm(parts[index]!));
    if (isOptional) index++;
    else if (required === checks.length - 1) required++;
    else throw new BadType(form.span, "A required element stands after an optional one");
  }
  const expected = lengthText(required, checks.length);
  return (value, meter) => {
    if (!(value instanceof Vector)) return mismatch(expected, value);
    const { items } = value;
    meter(items.length);
    if (items.length < required || items.length > checks.length) {
      return { path: "", expected, actual: `${items.length}` };
    }
    for (let index = 0; index < items.length; index++) {
      const failure = checks[index]!(items[index]!, meter);
      if (failure !== null) return inside(`[${index}]`, failure);
    }
    return null;
  };
};

function lengthText(required: number, most: number): string {
  const count = required === most ? `${most}` : `${required} to ${most}`;
  return `a vector of ${count} ${count === "1" ? "item" : "items"}`;
}

const union: Constructor = (parts, form) => {
  if (parts.length === 0) throw new BadType(form.span, "A union needs at least one type");
  const checks = parts.map(compileForm);
  return (value, meter) => {
    const failures: TypeFailure[] = [];
    for (const check of checks) {
      const failure = check(value, meter);
      if (failure === null) return null;
      failures.push(failure);
    }
    return nearest(failures);
  };
};

/** Of the failed alternatives the one that went deepest; several at the top are named together. */
function nearest(failures: readonly TypeFailure[]): TypeFailure {
  const deepest = failures.reduce((best, each) =>
    each.path.length > best.path.length ? each : best,
  );
  if (deepest.path !== "") return deepest;
  const expected = [...new Set(failures.map((failure) => failure.expected))].join(" or ");
  return { ...deepest, expected };
}

const enumeration: Constructor = (parts, form) => {
  const literals = parts.map(literalOf);
  if (literals.length === 0) throw new BadType(form.span, "An enum needs at least one literal");
  const expected = literals.map((literal) => printValue(literal)).join(" or ");
  return (value, meter) =>
    literals.some((literal) => equalValues(literal, value, meter))
      ? null
      : mismatch(expected, value);
};

function literalOf(form: Form): Value {
  if (form.kind === "list") throw new BadType(form.span, "A literal is needed");
  return formToValue(form);
}

/** `[:and Base part…]`: a part is a refinement such as `[:>= 0]`, or another type. */
const intersection: Constructor = (parts, form) => {
  if (parts.length === 0) throw new BadType(form.span, "`and` needs at least one type");
  const checks = parts.map((part, index) =>
    index > 0 && isPredicate(part) ? compilePredicate(part) : compileForm(part),
  );
  return (value, meter) => {
    for (const check of checks) {
      const failure = check(value, meter);
      if (failure !== null) return failure;
    }
    return null;
  };
};

/** `[:array T [n]]`; `?` leaves the length open. */
const array: Constructor = (parts, form) => {
  const [item, shape] = parts;
  if (item === undefined || parts.length > 2)
    throw new BadType(form.span, "`array` is [:array T [n]]");
  const items = vectorOf([item], form);
  if (shape === undefined) return items;
  const length = shape.kind === "vector" && shape.items.length === 1 ? shape.items[0] : undefined;
  if (length !== undefined && isQuestionMark(length)) return items;
  if (length?.kind !== "integer") throw new BadType(shape.span, "A shape is [n] or [?]");
  const size = Number(length.value);
  return (value, meter) => {
    const failure = items(value, meter);
    if (failure !== null || (value as Vector).items.length === size) return failure;
    return { path: "", expected: `${size} items`, actual: `${(value as Vector).items.length}` };
  };
};

const isFunction: Constructor = () => (value) =>
  value instanceof FunctionValue ? null : mismatch("fn", value);

const CONSTRUCTORS: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ["vector", vectorOf],
  ["array", array],
  ["tuple", tuple],
  ["union", union],
  ["optional", (parts, form) => optional(compileForm(one(parts, form)), "the type or nil")],
  ["enum", enumeration],
  ["val", (parts, form) => enumeration([one(parts, form)], form)],
  ["and", intersection],
  ["intersection", intersection],
  ["fn", isFunction],
  ["=>", isFunction],
  ["map", (parts, form) => compileRecord(parts, form, compileForm)],
  ["record", (parts, form) => compileRecord(parts, form, compileForm)],
  ["map-of", (parts, form) => compileMapOf(parts, form, compileForm)],
  ["dict", (parts, form) => compileMapOf(parts, form, compileForm)],
  [
    "resource",
    () => (value) => (value instanceof ResourceHandle ? null : mismatch("resource", value)),
  ],
]);
