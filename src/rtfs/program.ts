/**
 * Compile and run: where the stages of the language meet.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { Analyser, type Analysed, type Helper } from "./analysis/analyser.ts";
import { SEED_HELPERS } from "./analysis/seed-helpers.ts";
import {
  SEED_FORMS,
  SEED_SPECIAL_FORMS,
  SOFT_FORMS,
  SPECIAL_FORMS,
} from "./analysis/special-forms.ts";
import type { Node } from "./analysis/node.ts";
import { outlineProgram, type PlanOutline } from "./analysis/outline.ts";
import { type Diagnostic, diagnostic } from "./diagnostic.ts";
import type { Engine } from "./engine.ts";
import { PLAIN_BUILTINS } from "./analysis/plain-builtins.ts";
import { expandOnce } from "./macro/expand.ts";
import { type MacroEvaluator, MacroRegistry } from "./macro/registry.ts";
import { asRtfsError, Builtin, type Host, type MachineOptions } from "./eval/machine.ts";
import { referenceEngine } from "./reference/reference-run.ts";
import { type LinkedProgram, linkProgram, MODULE_FORMS } from "./modules/link.ts";
import type { LinkedModule, ModuleResolver } from "./modules/module.ts";
import { BUILTIN_NAMES, BUILTINS, CALLED_ARGUMENTS } from "./stdlib/index.ts";
import type { Form, MapForm } from "./syntax/form.ts";
import type { RtfsError } from "./values/rtfs-error.ts";
import type { Value, MapValue } from "./values/value.ts";

/** A checked program; can be run any number of times. Opaque. */
export interface Program {
  readonly analysed: Analysed;
  /** The texts of the modules it imports, in the order they were needed. */
  readonly modules: readonly LinkedModule[];
}

export interface CompileOptions {
  /** Names that `RunOptions.builtins` will provide. */
  readonly globals?: readonly string[];
  /** Macros known before; gets those that the program defines. Absent: none, forgotten after. */
  readonly registry?: MacroRegistry;
  /** `seed`: the forms and effect helpers of programs written for the first language version. */
  readonly compat?: "seed";
  /**
   * Maps in `match` fit exactly, vectors that are taken apart have the right length, and a context
   * key that is not there is an error.
   */
  readonly strict?: boolean;
  /** Where imported modules come from. Absent: those in the same text and the library's only. */
  readonly resolver?: ModuleResolver;
}

/** Check a whole program: every name is bound, every special form well-shaped. Nothing runs. */
export function compileProgram(
  forms: readonly Form[],
  options: CompileOptions = {},
): Result<Program, readonly Diagnostic[]> {
  return analyseProgram(forms, options);
}

/**
 * The program as it is analysed: modules linked, macros and templates expanded. Nothing is judged
 * beyond that.
 */
export function expandForms(
  forms: readonly Form[],
  options: CompileOptions = {},
): Result<LinkedProgram, readonly Diagnostic[]> {
  return linkProgram(forms, {
    registry: options.registry ?? new MacroRegistry(),
    globals: [...(options.globals ?? []), ...helpersOf(options.compat).keys()],
    resolver: options.resolver,
    evaluate: macroEvaluator,
    specials: SPECIALS,
    softs: softNames(options),
    builtins: BUILTIN_NAMES,
  });
}

/** The form with the macro call at its head made once; the form itself when there is none. */
export function expandFormOnce(
  form: Form,
  registry: MacroRegistry,
): Result<Form, readonly Diagnostic[]> {
  const softs = softNames({});
  return expandOnce(form, { registry, evaluate: macroEvaluator, specials: SPECIALS, softs });
}

/** The nodes of a program; shared by compiling and outlining, so that both see the same program. */
function analyseProgram(
  forms: readonly Form[],
  options: CompileOptions,
): Result<Program, readonly Diagnostic[]> {
  const linked = expandForms(forms, options);
  if (!linked.ok) return linked;
  const analysed = analyseForms(linked.value.forms, options);
  return analysed.ok ? ok({ analysed: analysed.value, modules: linked.value.modules }) : analysed;
}

/** Special forms that a definition of the same name replaces. */
function softNames({ compat }: CompileOptions): ReadonlySet<string> {
  return new Set([...SOFT_FORMS.keys(), ...(compat === "seed" ? SEED_FORMS.keys() : [])]);
}

const NO_HELPERS: ReadonlyMap<string, Helper> = new Map();

function helpersOf(compat: CompileOptions["compat"]): ReadonlyMap<string, Helper> {
  return compat === "seed" ? SEED_HELPERS : NO_HELPERS;
}

function analyseForms(
  forms: readonly Form[],
  { globals = [], compat, strict = false }: CompileOptions,
): Result<Analysed, readonly Diagnostic[]> {
  const isSeed = compat === "seed";
  const language = {
    specialForms: isSeed ? SEED_SPECIAL_FORMS : SPECIAL_FORMS,
    softForms: isSeed ? new Map([...SOFT_FORMS, ...SEED_FORMS]) : SOFT_FORMS,
    helpers: helpersOf(compat),
    builtins: BUILTIN_NAMES,
    isStrict: strict,
  };
  return new Analyser(language, globals).program(forms);
}

/** Runs macro bodies: no host, and no more nesting than a macro needs. */
const macroEvaluator: MacroEvaluator = (forms, globals) => {
  const analysed = analyseForms(forms, { globals });
  if (!analysed.ok) return analysed;
  const program = { analysed: analysed.value, modules: [] };
  return ok((builtins, fuel) => runProgram(program, { fuel, depthMax: MACRO_DEPTH_MAX, builtins }));
};

/** Nested calls of a macro's body. */
const MACRO_DEPTH_MAX = 512;
const SPECIALS: ReadonlySet<string> = new Set([...SPECIAL_FORMS.keys(), ...MODULE_FORMS]);

/** The outline of a plan with all it imports. */
export interface LinkedOutline extends PlanOutline {
  /** The texts that were judged with it, in the order they were needed. */
  readonly modules: readonly LinkedModule[];
}

/**
 * What a plan can ask of the host, judged without running it. Refused like `compileProgram`, and
 * when the plan is too large to be judged.
 */
export function outlinePlan(
  forms: readonly Form[],
  options: CompileOptions = {},
): Result<LinkedOutline, readonly Diagnostic[]> {
  const program = analyseProgram(forms, options);
  if (!program.ok) return program;
  const { analysed, modules } = program.value;
  try {
    const outline = outlineProgram(analysed, { calls: CALLED_ARGUMENTS, plain: PLAIN_BUILTINS });
    return outline.ok ? ok({ ...outline.value, modules }) : outline;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return err([diagnostic(forms[0]!.span, "The plan nests too deep to be judged")]);
  }
}

export interface RunOptions {
  /** Default: the reference engine. */
  readonly engine?: Engine;
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
  /**
   * `verified` of what `checkTypes` says of this same program, told nothing of its capabilities: an
   * engine may leave out those of these checks that cost no fuel. Absent: every check is made.
   */
  readonly proven?: ReadonlySet<Node>;
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
  const { analysed } = program;
  const limits = machineOptions(options);
  const { machine, evaluate } = (options.engine ?? referenceEngine)(analysed, limits, {
    cells: externals(analysed, options),
    builtins: BUILTINS,
    args: options.args ?? [],
    proven: options.proven ?? NOTHING_PROVEN,
  });
  try {
    const value = evaluate();
    return { ok: true, value, fuelUsed: machine.fuelUsed };
  } catch (thrown) {
    const error = asRtfsError(thrown, machine);
    if (error === null) throw thrown;
    return { ok: false, error, fuelUsed: machine.fuelUsed };
  }
}

const NOTHING_PROVEN: ReadonlySet<Node> = new Set();

function machineOptions({ fuel, depthMax, host, onMapLiteral }: RunOptions): MachineOptions {
  return { fuel, depthMax, host: host ?? null, onMapLiteral: onMapLiteral ?? null };
}

function externals(analysed: Analysed, options: RunOptions): (Value | undefined)[] {
  return analysed.cells.map(({ name, isExternal }) => {
    const external = isExternal ? options.builtins?.get(name) : undefined;
    if (external === undefined) return undefined;
    return new Builtin(name, [0, Number.POSITIVE_INFINITY], (args) => external(args));
  });
}
