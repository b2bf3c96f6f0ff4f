/**
 * From a parameter list to a capability: contract, arity, named arguments and answers in one place.
 *
 * Read in this order: Parameter, Definition, defineCapability, bindArguments. Arguments come as a vector;
 * one single map is named input, unless the definition says that a map is an ordinary argument.
 * A call of the wrong arity never reaches `invoke`.
 *
 * @module
 */
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import type { ResourceRequest } from "../policy/index.ts";
import type { KnownArguments, Value } from "../rtfs/index.ts";
import type {
  Capability,
  CapabilityPorts,
  InvalidInput,
  OutgoingPart,
  PortAnswer,
} from "./types.ts";
import { namedEntries } from "./values.ts";

export interface Parameter {
  readonly name: string;
  /** RTFS type expression. */
  readonly type: string;
  /** Optional parameters stand last; `nil` is the same as leaving them out. */
  readonly optional?: true;
}

/** One value for each parameter, in order; null where an optional one was left out. */
export type Bound = readonly Value[];

export interface Definition {
  readonly id: string;
  readonly summary: string;
  readonly effects: readonly string[];
  /** `"variadic"`: any number of arguments of any type, given to `invoke` as they are. */
  readonly parameters: readonly Parameter[] | "variadic";
  /** True: a single map is an ordinary argument, never named input. */
  readonly positionalOnly?: true;
  readonly output: string;
  /** Absent: the call touches no resource. */
  readonly access?: (bound: Bound) => Result<ResourceRequest | null, InvalidInput>;
  /** The parameters that alone say what `access` answers; the others are at most found unfit. */
  readonly decisive?: readonly string[];
  readonly outgoing?: (bound: Bound) => readonly OutgoingPart[];
  readonly invoke: (
    bound: Bound,
    ports: CapabilityPorts,
    signal: AbortSignal,
  ) => Promise<PortAnswer<Value>>;
}

/** Semver of every built-in contract; raised when an input or output changes. */
const CONTRACT_VERSION = "1.0.0";

export function defineCapability(definition: Definition): Capability {
  const { id, summary, effects, output } = definition;
  const bind = (args: readonly Value[]) => bindArguments(definition, args);
  const { outgoing, decisive } = definition;
  return {
    manifest: {
      id,
      version: CONTRACT_VERSION,
      summary,
      effects,
      input: inputContract(definition),
      output,
    },
    access(args) {
      const bound = bind(args);
      if (!bound.ok) return bound;
      return definition.access === undefined ? ok(null) : definition.access(bound.value);
    },
    ...(decisive === undefined
      ? {}
      : { settle: (known: KnownArguments) => settle(definition, decisive, known) }),
    ...(outgoing === undefined
      ? {}
      : {
          outgoing(args: readonly Value[]) {
            const bound = bind(args);
            return bound.ok ? outgoing(bound.value) : [];
          },
        }),
    async invoke(args, ports, signal) {
      const bound = bind(args);
      if (bound.ok) return await definition.invoke(bound.value, ports, signal);
      return failed("SCHEMA_INPUT", `argument ${bound.error.path}: ${bound.error.message}`);
    },
  };
}

export function done(value: Value, facts: JsonObject = {}): PortAnswer<Value> {
  return { ok: true, value, facts };
}

export function failed(
  code: ErrorCode,
  message: string,
  facts: JsonObject = {},
): PortAnswer<never> {
  return { ok: false, code, message, facts };
}

export function invalid(path: string, message: string): { ok: false; error: InvalidInput } {
  return err({ path, message });
}

/** The contract over the argument vector: one tuple for each arity, and the named form. */
function inputContract({ parameters, positionalOnly }: Definition): string {
  if (parameters === "variadic") return "[:vector :any]";
  const required = parameters.filter(({ optional }) => optional === undefined).length;
  const types = parameters.map(({ type, optional }) => (optional ? `[:union ${type} :nil]` : type));
  const forms: string[] = [];
  for (let arity = required; arity <= types.length; arity++) {
    forms.push(["[:tuple", ...types.slice(0, arity)].join(" ") + "]");
  }
  if (positionalOnly === undefined && parameters.length > 0) {
    const fields = parameters.map(({ name, optional }, index) =>
      optional ? `[:${name} ${types[index]} ?]` : `[:${name} ${types[index]}]`,
    );
    forms.push(`[:tuple [:map ${fields.join(" ")}]]`);
  }
  return forms.length === 1 ? forms[0]! : `[:union ${forms.join(" ")}]`;
}

function bindArguments(
  definition: Definition,
  args: readonly Value[],
): Result<Bound, InvalidInput> {
  const { parameters, positionalOnly } = definition;
  if (parameters === "variadic") return ok(args);
  const named = positionalOnly === undefined && args.length === 1 ? namedEntries(args[0]!) : null;
  if (named !== null && parameters.length > 0) return bindNamed(parameters, named);
  const required = parameters.filter(({ optional }) => optional === undefined).length;
  if (args.length < required || args.length > parameters.length) {
    return invalid("", `takes ${arityText(required, parameters.length)}, got ${args.length}`);
  }
  return ok(parameters.map((_, index) => args[index] ?? null));
}

function bindNamed(
  parameters: readonly Parameter[],
  named: readonly (readonly [string, Value])[],
): Result<Bound, InvalidInput> {
  const given = new Map<string, Value>();
  for (const [name, value] of named) {
    if (!parameters.some((parameter) => parameter.name === name)) {
      const names = parameters.map((parameter) => `:${parameter.name}`).join(" ");
      return invalid(`[0].${name.slice(0, 40)}`, `is not a parameter; there are ${names}`);
    }
    if (given.has(name)) return invalid(`[0].${name}`, "is given twice, as keyword and as string");
    given.set(name, value);
  }
  for (const { name, optional } of parameters) {
    if (optional === undefined && !given.has(name)) return invalid(`[0].${name}`, "is required");
  }
  return ok(parameters.map(({ name }) => given.get(name) ?? null));
}

/** What stands for an argument that decides nothing. */
const UNREAD = "";

/** The resource of a call whose decisive arguments are known. */
function settle(
  definition: Definition,
  decisive: readonly string[],
  known: KnownArguments,
): ResourceRequest | null {
  const { parameters, access } = definition;
  const given = parameters === "variadic" ? null : givenArguments(definition, known);
  if (parameters === "variadic" || given === null || access === undefined) return null;
  const bound: Value[] = [];
  for (const [index, { name, optional }] of parameters.entries()) {
    const value = given[index];
    if (value === undefined && decisive.includes(name)) return null;
    bound.push(value ?? (optional || value === null ? null : UNREAD));
  }
  const asked = access(bound);
  return asked.ok ? asked.value : null;
}

/** One entry for each parameter: undefined is not known. Null: it is not known which is which. */
function givenArguments(
  { parameters, positionalOnly }: Definition,
  { args, named }: KnownArguments,
): readonly (Value | undefined)[] | null {
  if (parameters === "variadic" || args.length > parameters.length) return null;
  const names = positionalOnly === undefined ? named : null;
  if (names !== null) {
    return parameters.map(({ name }) => (names.has(name) ? names.get(name) : null));
  }
  const [only] = args;
  const isMap = only === undefined || namedEntries(only) !== null;
  if (positionalOnly === undefined && args.length === 1 && isMap) return null;
  return parameters.map((_, index) => (index < args.length ? args[index] : null));
}

function arityText(required: number, most: number): string {
  if (required === most) return most === 1 ? "1 argument" : `${most} arguments`;
  return `${required} to ${most} arguments`;
}
