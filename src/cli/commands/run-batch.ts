/**
 * `ccos run --batch`: one job a line, one answer a line, a warm guest for each job that can have one.
 *
 * A job is a JSON object `{"config": FILE, "id"?, "production"?}`; its answer is what `ccos run FILE --json` prints, with
 * the job's `id`. A bad line or a job that fails is an answer, and the next line goes on.
 *
 * @module
 */
import { resolve } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { isJsonObject, type JsonValue } from "../../foundation/json.ts";
import { readChunks } from "../../host/index.ts";
import { createGuestPools, type GuestPools } from "../../runtime/index.ts";
import type { Io } from "../command.ts";
import { planInputs } from "../inputs.ts";
import { boundedLines, type InputLine } from "../../foundation/lines.ts";
import { runPlan } from "../run-report.ts";
import { type Operator, runBounds } from "../settings.ts";
import { writeOut } from "../streams.ts";

/** Longest line, bytes. */
const LINE_BYTES_MAX = 64 * 1024;
const FIELDS = new Set(["config", "id", "production"]);

type JobId = string | number | null;
interface Job {
  readonly id: JobId;
  readonly config: string;
  readonly production: boolean;
}

interface Batch {
  /** How many guests wait for the next job; 0: each job starts its own. */
  readonly warm: number;
  /** Whose settings bound every job. */
  readonly operator: Operator;
}

export async function runBatch(io: Io, file: string, { warm, operator }: Batch): Promise<number> {
  const bounds = runBounds(operator);
  const given = { bounds, production: operator.environment === "production" };
  const pools = warm === 0 ? null : createGuestPools(io.world, { size: warm });
  const chunks: AsyncIterable<Uint8Array> =
    file === "-" ? process.stdin : readChunks(resolve(io.cwd, file));
  try {
    for await (const line of boundedLines(chunks, LINE_BYTES_MAX)) {
      if (io.signal.aborted) return 130;
      if (line.kind === "text" && line.text.trim() === "") continue;
      if (!(await writeOut(`${JSON.stringify(await answer(io, line, { pools, ...given }))}\n`)))
        return 0;
    }
    return io.signal.aborted ? 130 : 0;
  } finally {
    await pools?.close();
  }
}

interface Given {
  readonly pools: GuestPools | null;
  readonly bounds: ReturnType<typeof runBounds>;
  readonly production: boolean;
}

async function answer(
  io: Io,
  line: InputLine,
  { pools, bounds, production }: Given,
): Promise<object> {
  let id: JobId = null;
  try {
    const job = jobOf(line);
    ({ id } = job);
    const inputs = await planInputs(io.cwd, job.config, production || job.production, bounds);
    return { id, ...(await runPlan({ ...io, json: true }, inputs, pools)).json };
  } catch (cause) {
    if (!(cause instanceof CcosError)) throw cause;
    return { id, ok: false, exitCode: cause.exitCode, error: cause.toJson() };
  }
}

function jobOf(line: InputLine): Job {
  if (line.kind !== "text") {
    throw badJob(
      line.kind === "too-long" ? `it is over ${LINE_BYTES_MAX} bytes` : "it is not UTF-8",
    );
  }
  const job = parsed(line.text);
  if (!isJsonObject(job)) throw badJob("it is no JSON object");
  const unknown = Object.keys(job).find((key) => !FIELDS.has(key));
  if (unknown !== undefined)
    throw badJob(`it has no field ${JSON.stringify(unknown.slice(0, 40))}`);
  const { config, id = null, production = false } = job;
  if (typeof config !== "string" || config === "") throw badJob('"config" names no file');
  if (id !== null && typeof id !== "string" && typeof id !== "number") {
    throw badJob('"id" is a string or a number');
  }
  if (typeof production !== "boolean") throw badJob('"production" is true or false');
  return { id, config, production };
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw badJob("it is no JSON");
  }
}

function badJob(why: string): CcosError {
  return new CcosError("USAGE", {
    what: "Cannot take the line as a job",
    why,
    fix: 'Write {"config": "FILE"}, and if you like "id" and "production"',
  });
}
