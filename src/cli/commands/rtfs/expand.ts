import type { ExpandAnswer } from "../../../rtfs/index.ts";
import { type Command, parseCommand, usageError } from "../../command.ts";
import { marksFor, printable } from "../../render.ts";
import { createEvaluator } from "../../rtfs/evaluator.ts";
import { type Problem, renderProblem } from "../../rtfs/excerpt.ts";
import { LIMIT_OPTIONS, LIMITS_USAGE, limitsOf } from "../../rtfs/limits.ts";
import { askWithModules, MODULE_OPTIONS, MODULE_USAGE, ModuleFiles } from "../../rtfs/modules.ts";
import { readNamed, writeOut } from "../../streams.ts";

/** `ccos rtfs expand FILE`: what is left of a program after modules and macros. */
export const rtfsExpand: Command = {
  name: "rtfs expand",
  usage: `rtfs expand FILE|- [--compat seed] ${MODULE_USAGE} ${LIMITS_USAGE} [--json]`,
  summary: "Print a program as it runs: modules linked, macros expanded",

  async run(args, io) {
    const options = { compat: { type: "string" }, ...MODULE_OPTIONS, ...LIMIT_OPTIONS } as const;
    const parsed = parseCommand(rtfsExpand, args, options);
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0)
      throw usageError(rtfsExpand, "name one file, or `-`");
    const evaluator = createEvaluator({
      job: "expand",
      world: io.world,
      limits: limitsOf(rtfsExpand, parsed),
      warn: (text) => io.say(`warning: ${printable(text)}`),
    });
    try {
      const { label, source } = await readNamed(io.cwd, name);
      const files = new ModuleFiles(io, parsed, label);
      const request = { file: label, source, compat: parsed.text("compat") ?? null };
      const context = { files, signal: io.signal };
      type Answer = ExpandAnswer | { readonly ok: false; readonly error: Problem };
      const reply = await askWithModules<Answer>(evaluator, request, context);
      const answer = reply.ok ? reply.value : { ok: false as const, error: reply.error };
      const problems = answer.ok ? [] : "error" in answer ? [answer.error] : answer.problems;
      if (io.json) {
        const { ok } = answer;
        io.out(JSON.stringify(answer.ok ? { ok, text: answer.text } : { ok, problems }));
      } else if (answer.ok) await writeOut(answer.text);
      const sourceOf = (file: string): string | null =>
        file === label ? source : files.sourceOf(file);
      const marks = marksFor(io.terminal);
      if (!io.json) for (const each of problems) io.say(renderProblem(each, sourceOf, marks));
      return answer.ok ? 0 : 65;
    } finally {
      await evaluator.stop();
    }
  },
};
