/**
 * Types to checking closures.
 *
 * Read in this order: compileType, compileParsed, Compiler. A check allocates nothing while the
 * value fits. An unknown name is an error when the type is compiled, so no contract silently
 * accepts or refuses everything.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Diagnostic } from "../diagnostic.ts";
import type { Form } from "../syntax/form.ts";
import { printForm } from "../syntax/print-form.ts";
import { readForms } from "../syntax/reader.ts";
import { boundedMeter, type Meter } from "../values/meter.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { type Value, Vector } from "../values/value.ts";
import { ALIAS_CHAIN_MAX, AliasDepth, loopOf } from "./check-alias.ts";
import { checkEnum, checkOptional, checkUnion, isFunction, isResource } from "./check-choice.ts";
import { checkMapOf, checkRecord } from "./check-map.ts";
import { checkPredicate } from "./check-predicate.ts";
import { checkArray, checkTuple, checkVector } from "./check-sequence.ts";
import type { Check, TypeFailure } from "./failure.ts";
import { type AliasNames, parseTypeForm } from "./parse-type.ts";
import { primitiveCheck } from "./primitives.ts";
import { printType } from "./print-type.ts";
import { NO_ALIASES, type Predicate, type Type, type TypeEnvironment } from "./type.ts";
import { BadType } from "./type-form.ts";

export interface TypeValidator {
  /** The type as written. */
  readonly source: string;
  /** Null for a check that no type expression says, such as that of a rest parameter's items. */
  readonly type: Type | null;
  /** What the names in the type stand for. */
  readonly aliases: TypeEnvironment;
  /**
   * Null: fits. A JS array is checked as the vector of its items.
   *
   * @param meter - Pays for each part, and may throw. Absent: a value of over ten million parts
   *   does not fit.
   */
  check(value: Value | readonly Value[], meter?: Meter): TypeFailure | null;
}

/** What a type expression compiles to. */
export interface CompiledType extends TypeValidator {
  readonly type: Type;
  /** As `check`, without the refinements of the type itself; those inside it count. */
  checkStructure(value: Value, meter?: Meter): TypeFailure | null;
}

/** Compile a type expression such as `[:map [:url :string] [:method :string ?]]`. */
export function compileType(
  source: string,
  aliases: TypeEnvironment = NO_ALIASES,
): Result<CompiledType, Diagnostic> {
  const form = readTypeForm(source);
  return form.ok ? compileTypeForm(form.value, aliases, source) : form;
}

/**
 * Compile a type that was already read.
 *
 * @param aliases - Read now: what is added to it later is not seen.
 * @param source - What errors call the type; default: as the form prints.
 */
export function compileTypeForm(
  form: Form,
  aliases: TypeEnvironment = NO_ALIASES,
  source?: string,
): Result<CompiledType, Diagnostic> {
  return refusals(() => {
    const type = parseTypeForm(form, aliases);
    return newValidator(type, new Compiler(aliases, form.span), source ?? printForm(form));
  });
}

/** Compile a type that was already parsed. */
export function compileParsedType(
  type: Type,
  aliases: TypeEnvironment = NO_ALIASES,
): Result<CompiledType, Diagnostic> {
  const text = printType(type);
  return refusals(() => newValidator(type, new Compiler(aliases, wholeSpan(text)), text));
}

/** Read a type expression without compiling it. */
export function parseType(
  source: string | Form,
  aliases: AliasNames = NO_ALIASES,
): Result<Type, Diagnostic> {
  const form = typeof source === "string" ? readTypeForm(source) : ok(source);
  return form.ok ? refusals(() => parseTypeForm(form.value, aliases)) : form;
}

function readTypeForm(source: string): Result<Form, Diagnostic> {
  const forms = readForms(source, { file: "type", depthMax: 32 });
  if (!forms.ok) return err(forms.error[0]!);
  const form = forms.value[0];
  if (form !== undefined && forms.value.length === 1) return ok(form);
  return err(new BadType(wholeSpan(source), "A type is exactly one form").diagnostic);
}

function wholeSpan(source: string): SourceSpan {
  return { file: "type", start: 0, end: source.length, line: 1, column: 1 };
}

function refusals<T>(compile: () => T): Result<T, Diagnostic> {
  try {
    return ok(compile());
  } catch (bad) {
    if (bad instanceof BadType) return err(bad.diagnostic);
    throw bad;
  }
}

function newValidator(type: Type, compiler: Compiler, source: string): CompiledType {
  const check = compiler.check(type);
  const structure = type.kind === "and" ? compiler.check(withoutPredicates(type)) : check;
  return {
    source,
    type,
    aliases: compiler.aliases,
    check(value, meter) {
      const subject = Array.isArray(value) ? new Vector(value) : (value as Value);
      return meter === undefined ? checkBounded(check, subject) : check(subject, meter);
    },
    checkStructure(value, meter) {
      return meter === undefined ? checkBounded(structure, value) : structure(value, meter);
    },
  };
}

function withoutPredicates(type: Extract<Type, { kind: "and" }>): Type {
  return { ...type, parts: type.parts.filter((part) => part.kind !== "predicate") };
}

/** Outside a run nobody pays; a value that is too large to be looked at does not fit. */
function checkBounded(check: Check, value: Value): TypeFailure | null {
  try {
    return check(value, boundedMeter());
  } catch (error) {
    if (!(error instanceof RtfsError)) throw error;
    const expected = "a value that can be checked";
    return { kind: "ShapeViolation", path: "", expected, actual: error.message };
  }
}

class Compiler {
  readonly aliases: TypeEnvironment;
  readonly #span: SourceSpan;
  /** Each alias once: its uses share the check, so a compiled type is as large as its text. */
  readonly #known = new Map<string, Check>();
  readonly #depth = new AliasDepth();
  /** Aliases that are being compiled inside each other. */
  #chain = 0;

  constructor(aliases: TypeEnvironment, span: SourceSpan) {
    this.aliases = aliases;
    this.#span = span;
  }

  check(type: Type): Check {
    const inner = (part: Type): Check => this.check(part);
    switch (type.kind) {
      case "primitive":
        return primitiveCheck(type.name);
      case "alias":
        return this.#alias(type.name);
      case "optional":
        return checkOptional(inner(type.type), printType(type));
      case "vector":
        return checkVector(inner(type.item));
      case "array":
        return checkArray(inner(type.item), type.shape);
      case "tuple":
        return checkTuple(type.items.map(inner), type.required);
      case "record":
        return checkRecord(type.fields, type.rest, inner);
      case "map-of":
        return checkMapOf(inner(type.key), inner(type.value));
      case "union":
        return checkUnion(type.types.map(inner));
      case "and":
        return this.#and(type.base, type.parts);
      case "enum":
        return checkEnum(type.values);
      case "fn":
        return isFunction;
      case "resource":
        return isResource;
    }
  }

  #and(base: Type, parts: readonly (Type | Predicate)[]): Check {
    const checks = [
      this.check(base),
      ...parts.map((part) => (part.kind === "predicate" ? checkPredicate(part) : this.check(part))),
    ];
    return (value, meter) => {
      for (const check of checks) {
        const failure = check(value, meter);
        if (failure !== null) return failure;
      }
      return null;
    };
  }

  #alias(name: string): Check {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const type = this.aliases.get(name);
    if (type === undefined) throw new BadType(this.#span, `No type is called \`${name}\``);
    const loop = loopOf(name, this.aliases);
    if (loop !== null) {
      throw new BadType(
        this.#span,
        `The type \`${name}\` is only itself: ${loop.join(" → ")}`,
        "A type may hold itself inside a vector, a tuple, a map or a field",
      );
    }
    if (this.#chain >= ALIAS_CHAIN_MAX) {
      const message = `Over ${ALIAS_CHAIN_MAX} types are built on each other`;
      throw new BadType(this.#span, message, `\`${name}\` is the one too many`);
    }
    // Its own name is known while it is compiled; no check runs before that has ended.
    let target: Check | null = null;
    this.#known.set(
      name,
      this.#depth.bounded(name, type, (value, meter) => target!(value, meter)),
    );
    this.#chain++;
    target = this.check(type);
    this.#chain--;
    return this.#known.get(name)!;
  }
}
