/**
 * Compile and run: where the stages of the language meet.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { Analyser, type Analysed } from "./analysis/analyser.ts";
import { SPECIAL_FORMS } from "./analysis/special-forms.ts";
import { outlineProgram, type PlanOutline } from "./analysis/outline.ts";
import { type Diagnostic, diagnostic } from "./diagnostic.ts";
import { type CellBox, Generator } from "./eval/generate.ts";
import { newFrame } from "./eval/generation.ts";
import { asRtfsError, Builtin, type Host, Machine } from "./eval/machine.ts";
import { BUILTIN_NAMES, BUILTINS, CALLED_ARGUMENTS } from "./stdlib/index.ts";
import type { Form, MapForm } from "./syntax/form.ts";
import type { RtfsError } from "./values/rtfs-error.ts";
import type { Value, MapValue } from "./values/value.ts";

/** A checked program; can be run any number of times. Opaque. */
export interface Program {
  readonly analysed: Analysed;
}

export interface CompileOptions {
  /** Names that `RunOptions.builtins` will provide. */
  readonly globals?: readonly string[];
}

/** Check a whole program: every name is bound, every special form well-shaped. Nothing runs. */
export function compileProgram(
  forms: readonly Form[],
  options: CompileOptions = {},
): Result<Program, readonly Diagnostic[]> {
  const analysed = analyseForms(forms, options.globals ?? []);
  return analysed.ok ? ok({ analysed: analysed.value }) : analysed;
}

/** The nodes of a program; shared by compiling and outlining, so that both see the same names. */
function analyseForms(
  forms: readonly Form[],
  globals: readonly string[],
): Result<Analysed, readonly Diagnostic[]> {
  const language = { specialForms: SPECIAL_FORMS, builtins: BUILTIN_NAMES };
  return new Analyser(language, globals).program(forms);
}

/**
 * What a plan can ask of the host, judged without running it. Refused like `compileProgram`, and
 * when the plan is too large to be judged.
 */
export function outlinePlan(forms: readonly Form[]): Result<PlanOutline, readonly Diagnostic[]> {
  const analysed = analyseForms(forms, []);
  if (!analysed.ok) return analysed;
  try {
    return outlineProgram(analysed.value, CALLED_ARGUMENTS);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return err([diagnostic(forms[0]!.span, "The plan nests too deep to be judged")]);
  }
}

export interface RunOptions {
  /** Absent: every `call` is a SecurityViolation. */
  readonly host?: Host;
  /** Units: one for each call, turn and item made. */
  readonly fuel: number;
  /** Nested calls that are not in tail position. */
  readonly depthMax: number;
  /** Bound as `arg0`, `arg1`, … and together as `args`. */
  readonly args?: readonly Value[];
  /** Functions under the names given as `CompileOptions.globals`. They may throw RtfsError. */
  readonly builtins?: ReadonlyMap<string, (args: readonly Value[]) => Value>;
  /** Called for every map literal that is evaluated, with the map it made. */
  readonly onMapLiteral?: (map: MapValue, form: MapForm) => void;
}

export type Outcome =
  | { readonly ok: true; readonly value: Value; readonly fuelUsed: number }
  | { readonly ok: false; readonly error: RtfsError; readonly fuelUsed: number };

/**
 * Run to the end. The value is that of the last form, nil for an empty program.
 *
 * @throws what the host or a builtin throws, unless it is an RtfsError: that is no matter of the
 *   program.
 */
export function runProgram(program: Program, options: RunOptions): Outcome {
  const machine = new Machine({
    fuel: options.fuel,
    depthMax: options.depthMax,
    host: options.host ?? null,
    onMapLiteral: options.onMapLiteral ?? null,
  });
  try {
    const value = evaluate(program.analysed, options, machine);
    return { ok: true, value, fuelUsed: machine.fuelUsed };
  } catch (thrown) {
    const error = asRtfsError(thrown, machine);
    if (error === null) throw thrown;
    return { ok: false, error, fuelUsed: machine.fuelUsed };
  }
}

function evaluate(analysed: Analysed, options: RunOptions, machine: Machine): Value {
  const generator = new Generator({
    machine,
    boxes: cellBoxes(analysed, options),
    builtins: BUILTINS,
    args: options.args ?? [],
  });
  const frame = newFrame(analysed.scope.slots, null);
  let value: Value = null;
  for (const node of analysed.nodes) {
    const run = generator.run(node);
    value = run(frame);
  }
  return value;
}

function cellBoxes(analysed: Analysed, options: RunOptions): readonly CellBox[] {
  return analysed.cells.map(({ name, isExternal }) => {
    const external = isExternal ? options.builtins?.get(name) : undefined;
    if (external === undefined) return { value: undefined };
    return { value: new Builtin(name, [0, Number.POSITIVE_INFINITY], (args) => external(args)) };
  });
}
