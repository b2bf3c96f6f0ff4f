/**
 * Runs a trial and says what came of it, in a shape that is one line of JSON.
 *
 * Read in this order: TrialAnswer, runTrial, compileTrial. Whatever the source is, the answer is
 * bounded: the printed value by `valueLengthMax`, messages by {@link MESSAGE_LENGTH_MAX}.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Diagnostic } from "../diagnostic.ts";
import {
  type CompileOptions,
  compileProgram,
  type Program,
  type RunOptions,
  runProgram,
} from "../program.ts";
import type { Form } from "../syntax/form.ts";
import { readForms } from "../syntax/reader.ts";
import { type Kind, kindOf } from "../values/kind-of.ts";
import { printValue } from "../values/print.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import type { TrialId, TrialRequest } from "./request.ts";
import { stubHost } from "./stub-host.ts";

export interface TrialLimits {
  readonly fuel: number;
  readonly depthMax: number;
  /** Longest printed value, UTF-16 units. */
  readonly valueLengthMax: number;
}

/** What went wrong. `code` is a kind of the language, e.g. `ParseError`, `DivisionByZero`. */
export interface TrialError {
  readonly code: string;
  readonly message: string;
  /** Null where no place is known. */
  readonly span: SourceSpan | null;
  readonly hint?: string;
  readonly related?: Diagnostic["related"];
  /** Absent: `error`. */
  readonly severity?: "error" | "warning";
}

export type TrialAnswer =
  | {
      readonly id: TrialId;
      readonly ok: true;
      readonly value: string;
      /** What `type-name` says of the value. */
      readonly kind: Kind;
      readonly fuelUsed: number;
    }
  | {
      readonly id: TrialId;
      readonly ok: false;
      readonly error: TrialError;
      /** Further problems of the text, found before the run. */
      readonly others: readonly TrialError[];
    };

/** Longest message and hint of an answer, UTF-16 units. */
export const MESSAGE_LENGTH_MAX = 4096;

/** Read, check and run. Never throws for what a source can do. */
export function runTrial(request: TrialRequest, limits: TrialLimits): TrialAnswer {
  const { id } = request;
  const refused = (errors: readonly TrialError[]): TrialAnswer => {
    const [error, ...others] = errors;
    return { id, ok: false, error: error!, others };
  };
  try {
    const forms = readTrial(request);
    if (!forms.ok) return refused(forms.error);
    const program = compileTrial(forms.value, request);
    if (!program.ok) return refused(program.error);
    const outcome = runForms(program.value, request, limits);
    if (!outcome.ok) return refused([outcome.error]);
    const value = printedWithin(outcome.value.value, limits.valueLengthMax);
    const { fuelUsed } = outcome.value;
    return { id, ok: true, value, kind: kindOf(outcome.value.value), fuelUsed };
  } catch (error) {
    return refused([stoppedBy(error)]);
  }
}

/** What a compiled trial gives. Host and limits are those of the request. */
export function runForms(
  program: Program,
  request: TrialRequest,
  limits: Pick<TrialLimits, "fuel" | "depthMax"> & Pick<RunOptions, "builtins">,
): Result<{ readonly value: Value; readonly fuelUsed: number }, TrialError> {
  const outcome = runProgram(program, {
    host: stubHost(request.rights),
    fuel: limits.fuel,
    depthMax: limits.depthMax,
    ...(limits.builtins === undefined ? {} : { builtins: limits.builtins }),
  });
  return outcome.ok ? ok(outcome) : err(fromError(outcome.error));
}

/** The forms of all texts, in order. */
export function readTrial(request: TrialRequest): Result<readonly Form[], readonly TrialError[]> {
  const forms: Form[] = [];
  for (const { file, source } of request.texts) {
    const read = readForms(source, { file });
    if (!read.ok) return err(read.error.map(fromDiagnostic));
    for (const form of read.value) forms.push(form);
  }
  return ok(forms);
}

/** @param globals - Names that `runForms` gets as builtins. */
export function compileTrial(
  forms: readonly Form[],
  request: TrialRequest,
  globals: readonly string[] = [],
): Result<Program, readonly TrialError[]> {
  const program = compileProgram(forms, { ...compileOptions(request), globals });
  return program.ok ? program : err(program.error.map(fromDiagnostic));
}

/** How a trial's forms are compiled. */
export function compileOptions({ compat, strict, modules }: TrialRequest): CompileOptions {
  return { resolver: modules.resolver, strict, ...(compat === null ? {} : { compat }) };
}

export function fromDiagnostic(found: Diagnostic): TrialError {
  const { kind = "ParseError", message, span, hint, related } = found;
  return {
    code: kind,
    message: cut(message),
    span,
    ...(hint === undefined ? {} : { hint: cut(hint) }),
    ...(related === undefined ? {} : { related }),
  };
}

export function fromError({ kind, message, span }: RtfsError): TrialError {
  return { code: kind.slice(0, 64), message: cut(message), span };
}

/**
 * The language's word for a machine limit that a source can reach outside of evaluation: the stack
 * in reading, checking or printing, the longest string.
 */
export function stoppedBy(error: unknown): TrialError {
  if (error instanceof RtfsError) return fromError(error);
  if (!(error instanceof RangeError)) throw error;
  const isStack = error.message.includes("call stack");
  return isStack
    ? { code: "StackOverflow", message: "The program or its value nests too deep", span: null }
    : {
        code: "LimitExceeded",
        message: "A value is larger than this machine can hold",
        span: null,
      };
}

/** @throws {RtfsError} LimitExceeded. */
export function printedWithin(value: Value, lengthMax: number): string {
  const text = printValue(value);
  if (text.length <= lengthMax) return text;
  const message = `The value's text has ${text.length} characters; at most ${lengthMax} are printed`;
  throw new RtfsError("LimitExceeded", message);
}

function cut(text: string): string {
  const whole = text.toWellFormed();
  return whole.length <= MESSAGE_LENGTH_MAX ? whole : `${whole.slice(0, MESSAGE_LENGTH_MAX - 1)}…`;
}
