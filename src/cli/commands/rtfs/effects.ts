/**
 * `ccos rtfs effects`: what a file can do, step by step, inferred without running it and without a
 * config.
 *
 * @module
 */
import { CcosError } from "../../../foundation/errors.ts";
import { lineText } from "../../../foundation/source-span.ts";
import type { PlanEffects, StepEffects } from "../../../rtfs/index.ts";
import { effectsJson, effectsOfSource } from "../../../runtime/index.ts";
import { type Command, parseCommand, usageError } from "../../command.ts";
import { rowText } from "../../effects-text.ts";
import { printable } from "../../render.ts";
import { MODULE_OPTIONS, MODULE_USAGE, ModuleFiles } from "../../rtfs/modules.ts";
import { readNamed } from "../../streams.ts";

export const rtfsEffects: Command = {
  name: "rtfs effects",
  usage: `rtfs effects FILE|- ${MODULE_USAGE} [--json]`,
  summary: "The effects of each step and of the whole file; exit 77 when they cannot be known",

  async run(args, io) {
    const parsed = parseCommand(rtfsEffects, args, MODULE_OPTIONS);
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0)
      throw usageError(rtfsEffects, "name one file, or `-` for stdin");
    const { label: file, source } = await readNamed(io.cwd, name);
    const modules = new ModuleFiles(io, parsed, file);
    const inferred = effectsOfSource(source, file, { resolver: (each) => modules.load(each) });
    if (!inferred.ok) {
      const [first] = inferred.error;
      throw new CcosError("PARSE_ERROR", {
        what: `Cannot read "${file}"`,
        why: first?.message ?? "",
        fix: first?.hint,
        place: first?.span,
        details: { diagnostics: inferred.error.map(({ message }) => message) },
      });
    }
    const effects = inferred.value;
    if (io.json) io.out(JSON.stringify({ file, ...effectsJson(effects) }));
    else io.out(effectsText(effects, file));
    return effects.refusals.length === 0 ? 0 : 77;
  },
};

/** The answer as lines; a step without calls is left out. */
export function effectsText({ steps, effects, refusals }: PlanEffects, file: string): string {
  const lines = [
    ...steps.filter(({ calls }) => calls.length > 0).flatMap((each) => stepLines(each, file)),
    ...refusals.map(
      ({ code, capability, reason, fix, span }) =>
        `refused  ${code}  ${capability ?? "(computed id)"}  ${lineText(span, file)}: ${reason}; ${fix}`,
    ),
    `all      ${rowText(effects)}`,
  ];
  return lines.map(printable).join("\n");
}

function stepLines({ step, effects, calls }: StepEffects, file: string): string[] {
  const where = step === null ? "(outside any step)" : step;
  return [
    `step     ${where}  ${rowText(effects)}`,
    ...calls.map(
      (call) => `  ${lineText(call.span, file)}  ${call.capability}  ${rowText(call.effects)}`,
    ),
  ];
}
