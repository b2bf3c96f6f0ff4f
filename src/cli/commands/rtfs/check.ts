/**
 * `ccos rtfs check`: every problem of every file, with its line; nothing runs but macros.
 *
 * @module
 */
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../../command.ts";
import { marksFor } from "../../render.ts";
import { createEvaluator, type Evaluator } from "../../rtfs/evaluator.ts";
import { type Problem, renderProblem } from "../../rtfs/excerpt.ts";
import { findFiles } from "../../rtfs/find-files.ts";
import { LIMIT_OPTIONS, LIMITS_USAGE, limitsOf } from "../../rtfs/limits.ts";
import { askWithModules, MODULE_OPTIONS, MODULE_USAGE, ModuleFiles } from "../../rtfs/modules.ts";
import { readNamed } from "../../streams.ts";

interface CheckAnswer {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
}

/** `ccos rtfs check FILE…`. */
export const rtfsCheck: Command = {
  name: "rtfs check",
  usage: `rtfs check FILE|DIRECTORY|-… [--compat seed] ${MODULE_USAGE} ${LIMITS_USAGE} [--json]`,
  summary: "Find what is wrong in RTFS files without running them: every problem with its line",

  async run(args, io) {
    const parsed = parseCommand(rtfsCheck, args, {
      compat: { type: "string" },
      ...MODULE_OPTIONS,
      ...LIMIT_OPTIONS,
    });
    const files = await findFiles(io.cwd, parsed.positionals, ".rtfs");
    if (files.length === 0)
      throw usageError(rtfsCheck, "name files, or directories that have some");
    const evaluator = createEvaluator({
      job: "check",
      world: io.world,
      limits: limitsOf(rtfsCheck, parsed),
      warn: (text) => io.say(`warning: ${text}`),
    });
    const results: FileResult[] = [];
    let passedOver = 0;
    try {
      for (const file of files) {
        const found = await checked(file, { evaluator, parsed, io });
        const isNamed = parsed.positionals.includes(file);
        if (!isNamed && found.problems.some(isOfConfig)) passedOver++;
        else {
          results.push(found);
          if (!io.json && found.texts.length > 0) io.say(found.texts.join("\n"));
        }
      }
    } finally {
      await evaluator.stop();
    }
    const ok = results.every((each) => each.ok);
    const shown = results.map(({ file, ok: isGood, problems }) => ({ file, ok: isGood, problems }));
    if (io.json) io.out(JSON.stringify({ ok, files: shown }));
    else io.say(summary(results));
    if (passedOver > 0 && !io.json)
      io.say(`${passedOver} agent config${passedOver === 1 ? "" : "s"}: see \`ccos check\``);
    return ok ? 0 : 65;
  },
};

interface FileResult {
  readonly file: string;
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  /** The problems as people read them. */
  readonly texts: readonly string[];
}

async function checked(
  name: string,
  { evaluator, parsed, io }: { evaluator: Evaluator; parsed: Parsed; io: Io },
): Promise<FileResult> {
  const { label: file, source } = await readNamed(io.cwd, name);
  const modules = new ModuleFiles(io, parsed, file);
  const reply = await askWithModules<CheckAnswer>(
    evaluator,
    { file, source, compat: parsed.text("compat") ?? null },
    { files: modules, signal: io.signal },
  );
  const problems = reply.ok ? problemsIn(reply.value) : [reply.error];
  const sourceOf = (each: string): string | null =>
    each === file ? source : modules.sourceOf(each);
  const marks = marksFor(io.terminal);
  const texts = problems.map((problem) => renderProblem(problem, sourceOf, marks));
  return { file, ok: !hasErrors(problems), problems, texts };
}

/** An agent config's own names, which no program has. */
function isOfConfig({ message }: Problem): boolean {
  return /^`(?:agent\.config|profile:.*)` is not defined$/.test(message);
}

/** A refused request has no problems, only an error: its message is one. */
function problemsIn(answer: CheckAnswer | { readonly error: Problem }): readonly Problem[] {
  if (!("problems" in answer)) return [answer.error];
  return answer.problems.map((problem) =>
    isOfConfig(problem)
      ? { ...problem, hint: "This is an agent config: run `ccos check FILE`" }
      : problem,
  );
}

function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some(({ severity = "error" }) => severity === "error");
}

function summary(results: readonly { readonly problems: readonly Problem[] }[]): string {
  const count = results.reduce((sum, { problems }) => sum + problems.length, 0);
  const files = `${results.length} file${results.length === 1 ? "" : "s"}`;
  return `${files} checked, ${count === 0 ? "no" : count} problem${count === 1 ? "" : "s"}`;
}
