/**
 * Runs the tests of a file, each as a program of its own: the shared forms, then the test's body.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { checkTypes } from "../check/check-types.ts";
import type { FindingKind, TypeFinding } from "../check/finding.ts";
import type { Form } from "../syntax/form.ts";
import { printValue } from "../values/print.ts";
import { isTruthy, type Value } from "../values/value.ts";
import { BadRequest, parseRights, type TrialId, type TrialRequest } from "./request.ts";
import {
  compileTrial,
  fromDiagnostic,
  printedWithin,
  readTrial,
  runForms,
  stoppedBy,
  type TrialError,
  type TrialLimits,
} from "./run.ts";
import { type Assertion, hasTests, readTests, REPORT, type TestForms } from "./test-forms.ts";

export interface TestFailure {
  readonly span: SourceSpan;
  /** What did not hold, e.g. `not equal`. */
  readonly message: string;
  /** Printed values of `(= expected actual)`; absent for other assertions. */
  readonly expected?: string;
  readonly actual?: string;
}

export interface TestResult {
  readonly name: string;
  readonly span: SourceSpan;
  readonly assertions: number;
  readonly failures: readonly TestFailure[];
  /** What ended the test before its end. */
  readonly error: TrialError | null;
}

export interface TestAnswer {
  readonly id: TrialId;
  /** No problems, no failures, no errors, and at least one test. */
  readonly ok: boolean;
  readonly tests: readonly TestResult[];
  /** Of the text; with any, nothing was run. */
  readonly problems: readonly TrialError[];
}

/** Findings of the static checker that are kept of one text. */
const FINDINGS_MAX = 200;
/** Failures that are kept of one test. */
const FAILURES_MAX = 100;

/** Read, check and run every test of the request's texts. Never throws for what a source can do. */
export function runTests(request: TrialRequest, limits: TrialLimits): TestAnswer {
  const refused = (problems: readonly TrialError[]): TestAnswer => ({
    id: request.id,
    ok: false,
    tests: [],
    problems,
  });
  try {
    const forms = readTrial(request);
    if (!forms.ok) return refused(forms.error);
    if (!hasTests(forms.value)) {
      const message = 'There is no test: no (deftest "name" …) at top level';
      return refused([{ code: "InvalidProgram", message, span: null }]);
    }
    const { shared, tests, problems } = readTests(forms.value);
    if (problems.length > 0) return refused(problems.map(fromDiagnostic));
    const results = tests.map((each) => runTest(each, shared, { request, limits }));
    const ok = results.every(({ failures, error }) => failures.length === 0 && error === null);
    return { id: request.id, ok, tests: results, problems: [] };
  } catch (error) {
    return refused([stoppedBy(error)]);
  }
}

/** All problems of a text, tests included; nothing runs. */
export function checkTrial(request: TrialRequest): readonly TrialError[] {
  try {
    const forms = readTrial(request);
    if (!forms.ok) return forms.error;
    if (!hasTests(forms.value)) return problemsOf(forms.value, request);
    const { shared, tests, problems } = readTests(forms.value);
    const own = problems.map(fromDiagnostic);
    const ofShared = problemsOf(shared, request);
    if (ofShared.length > 0) return [...own, ...ofShared];
    return [...own, ...tests.flatMap(({ body }) => problemsOf([...shared, ...body], request))];
  } catch (error) {
    return [stoppedBy(error)];
  }
}

function problemsOf(forms: readonly Form[], request: TrialRequest): readonly TrialError[] {
  const program = compileTrial(forms, request, [REPORT]);
  if (!program.ok) return program.error;
  return checkTypes(program.value).findings.slice(0, FINDINGS_MAX).map(fromFinding);
}

/** What happens at the place when it is reached. */
const FINDING_CODES: Readonly<Record<FindingKind, string>> = {
  mismatch: "TypeValidationError",
  "bad-argument": "TypeError",
  "not-a-function": "TypeError",
  "not-a-map": "TypeError",
  "not-a-collection": "TypeError",
  arity: "ArityMismatch",
};

function fromFinding({ kind, severity, message, hint, span }: TypeFinding): TrialError {
  const code = FINDING_CODES[kind];
  return { code, severity, message, span, ...(hint === undefined ? {} : { hint }) };
}

function runTest(
  test: TestForms,
  shared: readonly Form[],
  { request, limits }: { readonly request: TrialRequest; readonly limits: TrialLimits },
): TestResult {
  const { name, span, assertions } = test;
  const failures: TestFailure[] = [];
  const result = (error: TrialError | null): TestResult => ({
    name,
    span,
    assertions: assertions.length,
    failures,
    error,
  });
  try {
    const rights = Object.keys(test.rights).length > 0 ? parseRights(test.rights) : request.rights;
    const program = compileTrial([...shared, ...test.body], request, [REPORT]);
    if (!program.ok) return result(program.error[0]!);
    const report = (args: readonly Value[]): Value => {
      const failure = judged(assertions, args, limits.valueLengthMax);
      if (failure !== null && failures.length < FAILURES_MAX) failures.push(failure);
      return args[1] ?? null;
    };
    const run = runForms(
      program.value,
      { ...request, rights },
      { ...limits, builtins: new Map([[REPORT, report]]) },
    );
    return result(run.ok ? null : run.error);
  } catch (error) {
    if (error instanceof BadRequest)
      return result({ code: "InvalidArgument", message: error.message, span });
    return result(stoppedBy(error));
  }
}

function judged(
  assertions: readonly Assertion[],
  [number, verdict, left, right]: readonly Value[],
  lengthMax: number,
): TestFailure | null {
  const assertion = assertions[Number(number)];
  if (assertion === undefined || isTruthy(verdict ?? null)) return null;
  const { span, kind } = assertion;
  if (kind === "equal") {
    const [expected, actual] = [left ?? null, right ?? null].map((each) =>
      printedWithin(each, lengthMax),
    );
    return { span, message: "not equal", expected: expected!, actual: actual! };
  }
  if (kind === "throws") return { span, message: "no such error was thrown" };
  return { span, message: `${printValue(verdict ?? null)} is not true` };
}
