/**
 * `ccos rtfs eval`: the value of a program, or of many, one JSON object a line.
 *
 * Read in this order: rtfsEval, evalOne, evalBatch. Programs run in a process of their own
 * (cli/rtfs/evaluator.ts); no capability exists, only stubs.
 *
 * @module
 */
import { resolve } from "node:path";
import { readChunks } from "../../../host/index.ts";
import { type TrialAnswer, trialId } from "../../../rtfs/index.ts";
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../../command.ts";
import { readSource } from "../../inputs.ts";
import { marksFor, printable } from "../../render.ts";
import { createEvaluator, endedBy, type Evaluator } from "../../rtfs/evaluator.ts";
import { renderProblem } from "../../rtfs/excerpt.ts";
import { LIMIT_OPTIONS, LIMITS_USAGE, limitsOf } from "../../rtfs/limits.ts";
import { boundedLines, type InputLine } from "../../../foundation/lines.ts";
import { askWithModules, MODULE_OPTIONS, MODULE_USAGE, ModuleFiles } from "../../rtfs/modules.ts";
import { RIGHTS_OPTIONS, RIGHTS_USAGE, rightsOf } from "../../rtfs/rights.ts";
import { readInput, writeOut } from "../../streams.ts";

/** Room for a source of 1 MiB in which each byte is escaped. */
const LINE_BYTES_MAX = 8 * 1024 * 1024;

/** `ccos rtfs eval FILE|-`. */
export const rtfsEval: Command = {
  name: "rtfs eval",
  usage: `rtfs eval FILE|- | -e TEXT | --batch [FILE|-]   ${RIGHTS_USAGE} ${MODULE_USAGE} ${LIMITS_USAGE} [--json]`,
  summary: "Evaluate RTFS and print the value; --batch answers one JSON object a line",

  async run(args, io) {
    const parsed = parseCommand(rtfsEval, args, {
      batch: { type: "boolean" },
      expr: { type: "string", short: "e" },
      ...RIGHTS_OPTIONS,
      ...MODULE_OPTIONS,
      ...LIMIT_OPTIONS,
    });
    const evaluator = createEvaluator({
      job: "eval",
      world: io.world,
      limits: limitsOf(rtfsEval, parsed),
      warn: (text) => io.say(`warning: ${printable(text)}`),
    });
    try {
      return parsed.flag("batch")
        ? await evalBatch(evaluator, parsed, io)
        : await evalOne(evaluator, parsed, io);
    } finally {
      await evaluator.stop();
    }
  },
};

async function evalOne(evaluator: Evaluator, parsed: Parsed, io: Io): Promise<number> {
  const { file, source } = await inputOf(parsed, io);
  const request = { file, source, ...(await rightsOf(parsed, io)) };
  const files = new ModuleFiles(io, parsed, file);
  const context = { files, signal: io.signal };
  const reply = await askWithModules<TrialAnswer>(evaluator, request, context);
  const answer: TrialAnswer = reply.ok
    ? reply.value
    : { id: null, ok: false, error: reply.error, others: [] };
  if (io.json) await writeOut(`${publicAnswer(answer, false)}\n`);
  else if (answer.ok) await writeOut(`${answer.value}\n`);
  else {
    const marks = marksFor(io.terminal);
    for (const error of [answer.error, ...answer.others])
      io.say(
        renderProblem(error, (name) => (name === file ? source : files.sourceOf(name)), marks),
      );
  }
  return answer.ok ? 0 : 1;
}

async function inputOf(parsed: Parsed, io: Io): Promise<{ file: string; source: string }> {
  const text = parsed.text("expr");
  const [file, ...rest] = parsed.positionals;
  const isOne = text === undefined ? file !== undefined && rest.length === 0 : file === undefined;
  if (!isOne) throw usageError(rtfsEval, "name one file, `-` for stdin, or a text with -e");
  if (text !== undefined) return { file: "-e", source: text };
  if (file === "-") return { file: "<stdin>", source: await readInput("<stdin>") };
  return { file: file!, source: await readSource(io.cwd, file!) };
}

async function evalBatch(evaluator: Evaluator, parsed: Parsed, io: Io): Promise<number> {
  const [file = "-", ...rest] = parsed.positionals;
  if (rest.length > 0 || parsed.text("expr") !== undefined)
    throw usageError(rtfsEval, "--batch reads one file or stdin");
  for (const name of Object.keys(RIGHTS_OPTIONS)) {
    if (parsed.text(name) !== undefined || parsed.flag(name))
      throw usageError(rtfsEval, `in a batch each line has its own "${name}"`);
  }
  const chunks: AsyncIterable<Uint8Array> =
    file === "-" ? process.stdin : readChunks(resolve(io.cwd, file));
  for await (const line of boundedLines(chunks, LINE_BYTES_MAX)) {
    if (line.kind === "text" && line.text.trim() === "") continue;
    const answer = await batchAnswer(evaluator, line, io.signal);
    if (answer === null) return 130;
    if (!(await writeOut(`${answer}\n`))) return 0;
  }
  return io.signal.aborted ? 130 : 0;
}

/** One line of output; null when the batch was interrupted. */
async function batchAnswer(
  evaluator: Evaluator,
  line: InputLine,
  signal: AbortSignal,
): Promise<string | null> {
  if (line.kind !== "text") {
    return line.kind === "too-long"
      ? refusedLine("LimitExceeded", `The line is over ${LINE_BYTES_MAX} bytes`)
      : refusedLine("JsonError", "The line is not UTF-8");
  }
  const reply = await evaluator.ask(line.text, signal);
  if (reply.kind === "cancelled") return null;
  if (reply.kind === "answer") return publicAnswer(JSON.parse(reply.line) as TrialAnswer, true);
  const error = endedBy(reply.kind);
  return publicAnswer({ id: idOf(line.text), ok: false, error, others: [] }, true);
}

function refusedLine(code: string, message: string): string {
  return JSON.stringify({ id: null, ok: false, error: { code, message, span: null } });
}

/** The line reached the evaluator, which may have ended before it could say the id. */
function idOf(line: string): TrialAnswer["id"] {
  try {
    return trialId(JSON.parse(line));
  } catch {
    return null;
  }
}

/** `{id?, ok, value|error}`: what docs/rtfs/tools.md promises, and no more. */
function publicAnswer(answer: TrialAnswer, withId: boolean): string {
  const id = withId ? { id: answer.id } : {};
  if (answer.ok) return JSON.stringify({ ...id, ok: true, value: answer.value });
  const { code, message, span, hint } = answer.error;
  return JSON.stringify({
    ...id,
    ok: false,
    error: { code, message, span, ...(hint === undefined ? {} : { hint }) },
  });
}
