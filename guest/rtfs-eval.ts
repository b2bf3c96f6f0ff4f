/**
 * Runs trials: one JSON request a line on stdin, one JSON answer a line on stdout, in order.
 *
 * A process of its own, so that the command line survives what a program does to memory and time:
 * `src/cli/rtfs/evaluator.ts` starts it with a small heap and without rights, ends it at a deadline,
 * and starts another. argv: what to do, fuel, depthMax. A line that begins with `!` is a warning for people.
 *
 * @module
 */
import { writeSync } from "node:fs";
import {
  checkTrial,
  expandTrial,
  parseTrial,
  runTests,
  runTrial,
  trialId,
  type TrialLimits,
  type TrialRequest,
} from "../src/rtfs/index.ts";

/** Longest printed value, UTF-16 units. */
const VALUE_LENGTH_MAX = 4_000_000;

const JOBS = {
  eval: runTrial,
  test: runTests,
  check: (request: TrialRequest): unknown => {
    const problems = checkTrial(request);
    return {
      id: request.id,
      ok: problems.every(({ severity }) => severity === "warning"),
      problems,
    };
  },
  expand: (request: TrialRequest) => expandTrial(request, VALUE_LENGTH_MAX),
} as const;

const job = JOBS[process.argv[2] as keyof typeof JOBS];
const [fuel, depthMax] = process.argv.slice(3, 5).map(Number);
const limits: TrialLimits = {
  fuel: fuel ?? 0,
  depthMax: depthMax ?? 0,
  valueLengthMax: VALUE_LENGTH_MAX,
};

function answerTo(line: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown";
    return refusal(null, "JsonError", `The line is not JSON: ${why.slice(0, 200)}`);
  }
  const parsed = parseTrial(json);
  if (!parsed.ok) return refusal(trialId(json), "InvalidArgument", parsed.error);
  for (const key of parsed.value.unknown) warn(`the field ${JSON.stringify(key)} means nothing`);
  const { request } = parsed.value;
  const answer = job(request, limits);
  // Who has files can bring the modules and ask again.
  return { ...(answer as object), missing: [...request.modules.missing] };
}

function refusal(id: unknown, code: string, message: string): unknown {
  return { id, ok: false, error: { code, message, span: null }, others: [] };
}

const warned = new Set<string>();

/** Once for each text. */
function warn(text: string): void {
  if (warned.has(text) || warned.size >= 20) return;
  warned.add(text);
  write(`!${text}\n`);
}

function write(text: string): void {
  const bytes = Buffer.from(text, "utf8");
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

let pending: string[] = [];
process.stdin.setEncoding("utf8").on("data", (chunk: string) => {
  for (let from = 0; ; ) {
    const end = chunk.indexOf("\n", from);
    if (end < 0) {
      pending.push(chunk.slice(from));
      return;
    }
    const line = pending.join("") + chunk.slice(from, end);
    pending = [];
    from = end + 1;
    write(`${JSON.stringify(answerTo(line))}\n`);
  }
});
