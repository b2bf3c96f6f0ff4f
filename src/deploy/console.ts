/**
 * Break-glass: a shell behind the wall of the generation that serves, recorded before it opens, for a while.
 *
 * Read in this order: holdConsole, Transcript. It is a machine or process of its own: no job, no capability, no network, no file of the
 * agent is in it. What is typed is in the transcript before the shell has it, what the shell says before it is shown; when the
 * transcript is full, the console ends. The chain names the reason first and the transcript's digest last.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../foundation/json.ts";
import type { InputLine } from "../foundation/lines.ts";
import { type AppendFile, measureInPieces, openDurable } from "../host/index.ts";
import type { Ending, Execution } from "../isolation/index.ts";
import { sandboxLimits } from "../runtime/index.ts";
import { REASON_LENGTH_MAX, type Request, type Talk } from "./control.ts";
import type { DeploymentChain } from "./deployment-chain.ts";
import type { Generation } from "./generation.ts";
import type { DeploymentPaths } from "./store.ts";

const TRANSCRIPT_BYTES_MAX = 4 * 1024 * 1024;
const SHELL = ["sh"];
const MS_MIN = 1000;

interface ConsoleRoom {
  readonly talk: Talk;
  /** The supervisor's end is the console's. */
  readonly signal: AbortSignal;
}

/**
 * Open a shell, and stay until it ends.
 *
 * @returns How it ended, and where the transcript is.
 * @throws {CcosError} `CONSOLE_REFUSED`, `ISOLATION_UNAVAILABLE`, `PROVIDER_CRASHED`, `CHAIN_UNWRITABLE`.
 */
export async function holdConsole(
  { paths, chain }: { readonly paths: DeploymentPaths; readonly chain: DeploymentChain },
  generation: Generation,
  { reason, forMs }: Extract<Request, { verb: "console" }>,
  { talk, signal }: ConsoleRoom,
): Promise<JsonValue> {
  const why = reason.trim();
  if (why === "" || why.length > REASON_LENGTH_MAX)
    throw refused(`the reason has 1 to ${REASON_LENGTH_MAX} characters`);
  if (forMs < MS_MIN) throw refused(`it is open for ${MS_MIN} ms at least`);
  const { wall } = generation;
  if (!wall.runs.has("external")) throw refused(`${wall.name} has no shell to run`);
  const id = `console-${randomBytes(8).toString("hex")}`;
  const transcript = await Transcript.create(transcriptPath(paths, id));
  const opened = { console: id, generation: generation.number, reason: why, forMs };
  await chain.record("ConsoleOpened", { ...opened, wall: wall.name });
  talk.progress(`console ${id} behind ${wall.name}, for ${forMs / 1000} s; everything is recorded`);
  let ending: JsonObject = { ending: "failed" };
  try {
    ending = await shell(generation, forMs, { transcript, talk, signal });
  } finally {
    await transcript.close();
    const kept = await transcriptDigest(paths, id);
    await chain.record("ConsoleClosed", { console: id, ...ending }, kept);
  }
  return { console: id, ...ending, transcript: transcriptPath(paths, id) };
}

async function shell(
  generation: Generation,
  forMs: number,
  { transcript, talk, signal }: ConsoleRoom & { readonly transcript: Transcript },
): Promise<JsonObject> {
  const limits = { ...sandboxLimits(generation.prepared.config), wallMs: forMs };
  const nothing = { files: [], binds: [], environment: {}, sockets: false };
  const session = await generation.wall.open({ limits, ...nothing });
  const full = new AbortController();
  try {
    const program = { kind: "external", argv: SHELL, channel: false } as const;
    const ends = AbortSignal.any([signal, talk.gone, full.signal]);
    const execution = await session.execute(program, ends);
    const keep = async (from: "in" | "out" | "err", data: Uint8Array): Promise<boolean> => {
      const isKept = await transcript.append(from, data);
      if (!isKept) full.abort();
      return isKept;
    };
    const shown = ["out", "err"].map((from) =>
      show(from === "out" ? execution.stdout : execution.stderr, async (data) => {
        const to = from === "out" ? "out" : "err";
        if (await keep(to, data))
          talk.send({ kind: to, data: Buffer.from(data).toString("base64") });
      }),
    );
    void type(talk.more, execution, (data) => keep("in", data));
    const ending = await execution.ending;
    await Promise.all(shown);
    return full.signal.aborted ? { ending: "transcript full" } : endingData(ending);
  } finally {
    await session.close();
  }
}

async function show(
  stream: AsyncIterable<Uint8Array>,
  say: (data: Uint8Array) => Promise<void>,
): Promise<void> {
  try {
    for await (const data of stream) await say(data);
  } catch {
    // A stream that was cut ended with its shell, whose ending is told.
  }
}

/** Lines `{"data": base64}`; one without data is the end of the shell's input. The rest is read: it says when nobody listens. */
async function type(
  lines: AsyncIterable<InputLine>,
  { stdin }: Execution,
  keep: (data: Uint8Array) => Promise<boolean>,
): Promise<void> {
  stdin.on("error", () => undefined);
  try {
    for await (const line of lines) {
      const data = line.kind === "text" ? typedIn(line.text) : null;
      if (data === null) stdin.end();
      else if (stdin.writable && (await keep(data))) stdin.write(data);
    }
  } catch {
    // Whoever typed hung up.
  }
  stdin.end();
}

function typedIn(text: string): Uint8Array | null {
  try {
    const value: unknown = JSON.parse(text);
    const data = isJsonObject(value) ? value["data"] : undefined;
    return typeof data === "string" ? Buffer.from(data, "base64") : null;
  } catch {
    return null;
  }
}

function endingData(ending: Ending): JsonObject {
  switch (ending.kind) {
    case "exited":
      return { ending: "exited", status: ending.status };
    case "signaled":
      return { ending: "signaled", signal: ending.signal };
    case "killed":
      return { ending: ending.by === "timeout" ? "time is over" : ending.by };
  }
}

/** What went over a console, in order: lines `{"from","data"}`, durable as they are written. */
class Transcript {
  readonly #file: AppendFile;
  #bytes = 0;
  #last: Promise<unknown> = Promise.resolve();

  static async create(path: string): Promise<Transcript> {
    return new Transcript(await openDurable(path, 0o600));
  }

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  /** @returns False when it is full: then nothing was written. */
  append(from: "in" | "out" | "err", data: Uint8Array): Promise<boolean> {
    const line = `${JSON.stringify({ from, data: Buffer.from(data).toString("base64") })}\n`;
    const written = this.#last.then(() => this.#write(Buffer.from(line)));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#file.close();
  }

  async #write(line: Uint8Array): Promise<boolean> {
    if (this.#bytes + line.length > TRANSCRIPT_BYTES_MAX) return false;
    this.#bytes += line.length;
    for (let rest = line; rest.length > 0; ) rest = rest.subarray(await this.#file.write(rest));
    return true;
  }
}

export function transcriptPath({ consoles }: DeploymentPaths, id: string): string {
  return join(consoles, `${id}.jsonl`);
}

/** What the chain says of a transcript when its console is over. */
export async function transcriptDigest(paths: DeploymentPaths, id: string): Promise<JsonObject> {
  const found = await measureInPieces(transcriptPath(paths, id), TRANSCRIPT_BYTES_MAX);
  return found.ok ? { ...found.value } : { missing: found.error };
}

function refused(why: string): CcosError {
  return new CcosError("CONSOLE_REFUSED", {
    what: "Cannot open a console",
    why,
    fix: "Say why with --reason; a machine needs an image built with `ccos image build --programs`",
  });
}
