/**
 * `ccos rtfs test`: runs `(deftest "name" …)` of RTFS files; each test is a program of its own.
 *
 * @module
 */
import type { TestAnswer, TestResult } from "../../../rtfs/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../../command.ts";
import { marksFor, printable } from "../../render.ts";
import { createEvaluator } from "../../rtfs/evaluator.ts";
import { renderProblem, type SourceOf } from "../../rtfs/excerpt.ts";
import { findFiles } from "../../rtfs/find-files.ts";
import { LIMIT_OPTIONS, LIMITS_USAGE, limitsOf } from "../../rtfs/limits.ts";
import { askWithModules, MODULE_OPTIONS, MODULE_USAGE, ModuleFiles } from "../../rtfs/modules.ts";
import { readNamed } from "../../streams.ts";

/** `ccos rtfs test [FILE|DIRECTORY…]`. */
export const rtfsTest: Command = {
  name: "rtfs test",
  usage: `rtfs test [FILE|DIRECTORY…] [--compat seed] ${MODULE_USAGE} ${LIMITS_USAGE} [--json]`,
  summary: "Run the tests of RTFS files; a directory means its *.test.rtfs, none means this one",

  async run(args, io) {
    const parsed = parseCommand(rtfsTest, args, {
      compat: { type: "string" },
      ...MODULE_OPTIONS,
      ...LIMIT_OPTIONS,
    });
    const names = parsed.positionals.length === 0 ? ["."] : parsed.positionals;
    const files = await findFiles(io.cwd, names, ".test.rtfs");
    if (files.length === 0) throw usageError(rtfsTest, "there is no *.test.rtfs");
    const compat = parsed.text("compat") ?? null;
    const evaluator = createEvaluator({
      job: "test",
      world: io.world,
      limits: limitsOf(rtfsTest, parsed),
      warn: (text) => io.say(`warning: ${text}`),
    });
    const results: FileResult[] = [];
    try {
      for (const file of files) {
        const { label, source } = await readNamed(io.cwd, file);
        const modules = new ModuleFiles(io, parsed, label);
        const reply = await askWithModules<TestAnswer | Refusal>(
          evaluator,
          { file: label, source, compat },
          { files: modules, signal: io.signal },
        );
        const result = resultOf(label, reply.ok ? reply.value : { ok: false, error: reply.error });
        results.push(result);
        if (!io.json)
          show(result, (name) => (name === label ? source : modules.sourceOf(name)), io);
      }
    } finally {
      await evaluator.stop();
    }
    const ok = results.every((each) => each.ok);
    if (io.json) io.out(JSON.stringify({ ok, ...counts(results), files: results }));
    else io.say(summary(results));
    return ok ? 0 : 1;
  },
};

type FileResult = Omit<TestAnswer, "id"> & { readonly file: string };
interface Refusal {
  readonly ok: false;
  readonly error: TestAnswer["problems"][number];
}

function resultOf(file: string, answer: TestAnswer | Refusal): FileResult {
  if ("error" in answer) return { file, ok: false, tests: [], problems: [answer.error] };
  const { ok, tests, problems } = answer;
  return { file, ok, tests, problems };
}

function isPassed({ failures, error }: TestResult): boolean {
  return failures.length === 0 && error === null;
}

function show({ file, tests, problems }: FileResult, sourceOf: SourceOf, io: Io): void {
  const marks = marksFor(io.terminal);
  for (const problem of problems) io.say(renderProblem(problem, sourceOf, marks));
  for (const test of tests) {
    const mark = isPassed(test) ? marks.done : marks.failed;
    io.say(`${mark} ${printable(file)}  ${printable(test.name)}`);
    for (const { span, message, expected, actual } of test.failures) {
      const failure = { code: "failed", message, span };
      io.say(renderProblem(failure, sourceOf, marks));
      if (expected === undefined || actual === undefined) continue;
      io.say(`  expected ${shortened(expected)}\n  actual   ${shortened(actual)}`);
    }
    if (test.error !== null) io.say(renderProblem(test.error, sourceOf, marks));
  }
}

function shortened(text: string): string {
  return printable(text.length <= 2_000 ? text : `${text.slice(0, 2_000)}…`);
}

function counts(results: readonly FileResult[]): { passed: number; failed: number } {
  const tests = results.flatMap((each) => each.tests);
  const passed = tests.filter(isPassed).length;
  return { passed, failed: tests.length - passed };
}

function summary(results: readonly FileResult[]): string {
  const { passed, failed } = counts(results);
  const broken = results.filter(({ problems }) => problems.length > 0).length;
  const files = broken === 0 ? "" : `, ${broken} file${broken === 1 ? "" : "s"} not run`;
  return `${passed} passed, ${failed} failed${files}`;
}
