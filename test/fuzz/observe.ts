/**
 * What a run shows: the calls and steps that reach the host, how it ends, where, and what it cost.
 *
 * Read in this order: programOf, observe. Every fuzzer of programs looks through here, so that all
 * mean the same by "does the same".
 *
 * @module
 */
import {
  compiledEngine,
  compileProgram,
  type CompileOptions,
  type Diagnostic,
  type Engine,
  type Form,
  guardedHost,
  type Host,
  keyword,
  MapValue,
  type Outcome,
  printValue,
  type Program,
  readForms,
  referenceEngine,
  RtfsError,
  runProgram,
  ScopedContext,
  type Value,
  Vector,
} from "../../src/rtfs/index.ts";
import { holds } from "./target.ts";

export const ENGINES: readonly (readonly [string, Engine])[] = [
  ["reference", referenceEngine],
  ["compiled", compiledEngine],
];
export const FUEL = 20_000;

export interface Event {
  readonly step: string | null;
  readonly capability: string;
  readonly args: readonly Value[];
}

export interface Observed {
  readonly outcome: Outcome;
  /** Calls and steps, one a line. */
  readonly trace: string;
  readonly calls: readonly Event[];
  /** Value or error with its place, and the fuel. */
  readonly end: string;
}

/** Options of a text stand in its first lines, as in a suite of laws. */
export function optionsOf(text: string): CompileOptions {
  return {
    ...(/^;; compat: seed$/m.test(text) ? { compat: "seed" as const } : {}),
    strict: /^;; strict$/m.test(text),
  };
}

export type Compiled =
  | { readonly program: Program; readonly forms: readonly Form[] }
  /** What the first refusal is, for telling cases apart. */
  | { readonly program: null; readonly refusal: string };

/** Every refusal has a place in the text; nothing is thrown. */
export function programOf(text: string, options: CompileOptions = optionsOf(text)): Compiled {
  const forms = readForms(text, { file: "case" });
  if (!forms.ok) return { program: null, refusal: `read ${forms.error[0]!.code}` };
  const program = compileProgram(forms.value, options);
  if (program.ok) return { program: program.value, forms: forms.value };
  checkPlaces(text, program.error);
  const [{ message, kind = "ParseError" }] = program.error as [Diagnostic];
  const words = message.replaceAll(/[`"].*?[`"]|\d+/g, "").slice(0, 80);
  return { program: null, refusal: `${kind} ${words}` };
}

export function checkPlaces(text: string, diagnostics: readonly Diagnostic[]): void {
  holds("a refusal says why", diagnostics.length > 0 && diagnostics.length <= 50);
  for (const { span, message } of diagnostics) {
    const isInside = 0 <= span.start && span.start <= span.end && span.end <= text.length;
    holds("a refusal's place is in the text", isInside || span.file !== "case", message);
  }
}

/** Answers with its first argument; some ids fail or answer with what is rich in parts. */
class EchoHost implements Host {
  readonly trace: string[] = [];
  readonly calls: Event[] = [];
  readonly #steps: string[] = [];
  readonly #context = new ScopedContext(new Map<string, Value>([["a", 1]]));

  call(
    capability: string,
    args: readonly Value[],
    metadata: ReadonlyMap<string, Value> | null,
  ): Value {
    const attached = metadata === null ? "" : ` ${printValue(MapValue.of(metadata))}`;
    this.trace.push(`call ${capability} ${printValue(new Vector(args))}${attached}`);
    this.calls.push({ step: this.#steps.at(-1) ?? null, capability, args });
    if (/fail|boom/.test(capability)) throw new RtfsError("NetworkError", `${capability} fails`);
    if (/map/.test(capability)) return MapValue.of([[keyword("a"), new Vector(args)]]);
    return args[0] ?? null;
  }

  step(event: "enter" | "leave" | "fail", name: string): void {
    this.trace.push(`${event} ${name}`);
    if (event === "enter") this.#steps.push(name);
    else this.#steps.pop();
    this.#context.step(event);
  }

  context(key: string): Value | undefined {
    return this.#context.get(key);
  }

  contextSet(key: string, value: Value): void {
    this.#context.set(key, value);
  }
}

export interface RunLimits {
  readonly engine: Engine;
  readonly fuel?: number;
  readonly depthMax?: number;
}

export function observe(
  program: Program,
  { engine, fuel = FUEL, depthMax = 40 }: RunLimits,
): Observed {
  const echo = new EchoHost();
  const host = guardedHost(echo, { level: "full" });
  const args = [1, "x"];
  const outcome = runProgram(program, { engine, host, fuel, depthMax, args });
  const trace = echo.trace.join("\n");
  return { outcome, trace, calls: echo.calls, end: endOf(outcome) };
}

function endOf(outcome: Outcome): string {
  const fuel = `, fuel ${outcome.fuelUsed}`;
  if (outcome.ok) return printValue(outcome.value) + fuel;
  const { kind, span, message, payload } = outcome.error;
  // Where fuel ends inside library work or a literal, engines may note another operation.
  if (kind === "FuelExhausted") return kind;
  return `${kind} at ${span?.line}:${span?.column} ${message} ${printValue(payload)}${fuel}`;
}
