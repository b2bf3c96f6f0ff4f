/**
 * Where a checkpoint can be put so that this host cannot take it back: one function a kind, and one that looks whether it
 * is still there.
 *
 * Read in this order: Target, putAt, isStillAt.
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../foundation/json.ts";
import {
  createExclusive,
  findExecutable,
  httpExchange,
  readBounded,
  resolveHost,
  runTool,
  SYSTEM_DIRECTORIES,
} from "../../host/index.ts";
import { type Checkpoint, NOTE_LENGTH_MAX } from "../note.ts";
import { readAnswer, readToken, stampRequest } from "./time-stamp.ts";

export type Target =
  /** A directory, e.g. of another disk: one new file a checkpoint. */
  | { readonly kind: "file"; readonly path: string }
  /** A git repository: one commit a checkpoint, on a branch of its own; the work tree is not touched. */
  | { readonly kind: "git"; readonly path: string }
  /** Another host: POST of the note; its JSON answer is kept. */
  | { readonly kind: "http"; readonly url: string }
  /** A time stamping authority, RFC 3161; its token is kept. */
  | { readonly kind: "rfc3161"; readonly url: string };

/** Whether a target of kind `http` or `rfc3161` can be there. */
export function isAnchorUrl(text: string): boolean {
  const url = URL.parse(text);
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
  return isWeb && url.username === "" && url.password === "" && url.hash === "";
}

export interface Signed {
  readonly checkpoint: Checkpoint;
  readonly note: string;
}

/** Wait for one attempt, milliseconds. */
const ATTEMPT_MS = 10_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const BRANCH = "refs/heads/ccos-checkpoints";

/**
 * Put a checkpoint there, once.
 *
 * @returns What shows it: kept beside the log, and looked at again by {@link isStillAt}.
 * @throws Whatever went wrong; an {@link Unwilling} when another attempt would end the same.
 */
export function putAt(target: Target, signed: Signed, signal: AbortSignal): Promise<JsonObject> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]);
  switch (target.kind) {
    case "file":
      return putInDirectory(target.path, signed);
    case "git":
      return commit(target.path, signed, bounded);
    case "http":
      return post(target.url, signed, bounded);
    case "rfc3161":
      return stamp(target.url, signed, bounded);
  }
}

/** Asking again gives the same. */
export class Unwilling extends Error {}

async function putInDirectory(path: string, { checkpoint, note }: Signed): Promise<JsonObject> {
  const file = join(path, `${checkpoint.origin.replaceAll("/", "-")}-${checkpoint.size}`);
  if (await createExclusive(file, Buffer.from(note), 0o644)) return { file };
  const there = await readBounded(file, NOTE_LENGTH_MAX);
  if (there.ok && Buffer.from(there.value).toString() === note) return { file };
  throw new Unwilling(`"${file}" holds something else`);
}

const IDENTITY = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "ccos",
  GIT_AUTHOR_EMAIL: "ccos@localhost",
  GIT_COMMITTER_NAME: "ccos",
  GIT_COMMITTER_EMAIL: "ccos@localhost",
};

function gitProgram(): string {
  const program = findExecutable("git", SYSTEM_DIRECTORIES);
  if (program === null) throw new Unwilling("there is no git on this host");
  return program;
}

/** By the parts a commit is made of: no work tree, no index, no hook takes part. */
async function commit(
  path: string,
  { checkpoint, note }: Signed,
  signal: AbortSignal,
): Promise<JsonObject> {
  const git = async (args: readonly string[], input = ""): Promise<string> => {
    const run = { argv: [gitProgram(), ...args], cwd: path, env: IDENTITY, timeoutMs: ATTEMPT_MS };
    return (await runTool({ ...run, signal, input: [Buffer.from(input)] })).trim();
  };
  const parent = await git(["for-each-ref", "--format=%(objectname)", BRANCH]);
  const blob = await git(["hash-object", "-w", "--stdin"], note);
  const tree = await git(["mktree"], `100644 blob ${blob}\tcheckpoint\n`);
  const message = `${checkpoint.origin}: ${checkpoint.size} heads`;
  const parents = parent === "" ? [] : ["-p", parent];
  const made = await git(["commit-tree", tree, ...parents, "-m", message]);
  await git(["update-ref", BRANCH, made, parent === "" ? "0".repeat(made.length) : parent]);
  return { repository: path, branch: BRANCH, commit: made };
}

async function post(url: string, { note }: Signed, signal: AbortSignal): Promise<JsonObject> {
  const answer = await send(url, "text/plain; charset=utf-8", Buffer.from(note), signal);
  try {
    const value = JSON.parse(answer.toString("utf8")) as JsonValue;
    if (isJsonObject(value)) return { url, answer: value };
  } catch {
    // Told below.
  }
  throw new Unwilling("its answer is no JSON object");
}

async function stamp(url: string, { note }: Signed, signal: AbortSignal): Promise<JsonObject> {
  const { bytes, nonce } = stampRequest(note);
  const answer = await send(url, "application/timestamp-query", bytes, signal);
  const read = readAnswer(answer, note, nonce);
  if (!read.ok) throw new Unwilling(read.error);
  return { url, time: read.value.time, token: read.value.token.toString("base64") };
}

/** Bytes of the answer to a POST. Redirects are answers like others: not followed. */
async function send(
  text: string,
  type: string,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer> {
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const resolved = await resolveHost(host, signal);
  if (!resolved.ok) throw new Error(`${host}: ${resolved.error}`);
  const scheme = url.protocol === "https:" ? "https" : "http";
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  const answer = await httpExchange(
    {
      tls: scheme === "https" ? { host } : null,
      to: { address: resolved.value[0]!, port },
      method: "POST",
      path: `${url.pathname}${url.search}`,
      headers: [
        ["host", url.host],
        ["content-type", type],
        ["content-length", String(body.length)],
        ["connection", "close"],
      ],
      body,
      headerBytesMax: 16 * 1024,
    },
    signal,
  );
  if (!answer.ok) throw new Error(`${url.host}: ${answer.error.code}`);
  try {
    const bytes = await readAll(answer.value.body);
    const { status } = answer.value;
    if (status >= 200 && status < 300) return bytes;
    throw new (status < 500 ? Unwilling : Error)(`${url.host} answered with status ${status}`);
  } finally {
    answer.value.close();
  }
}

async function readAll(body: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body) {
    const bytes = part as Buffer;
    length += bytes.length;
    if (length > ANSWER_BYTES_MAX)
      throw new Unwilling(`its answer is over ${ANSWER_BYTES_MAX} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** Whether what `putAt` gave still shows this note. Null: only the other side could say. */
export async function isStillAt(
  target: Target,
  proof: JsonObject,
  note: string,
): Promise<boolean | null> {
  switch (target.kind) {
    case "file": {
      const bytes = await readBounded(textOf(proof["file"]), NOTE_LENGTH_MAX);
      return bytes.ok && Buffer.from(bytes.value).toString() === note;
    }
    case "git":
      return await isCommitted(target.path, textOf(proof["commit"]), note);
    case "http":
      return null;
    case "rfc3161":
      return readToken(Buffer.from(textOf(proof["token"]), "base64"), note).ok;
  }
}

/** Empty for what is no text. */
function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

async function isCommitted(path: string, made: string, note: string): Promise<boolean> {
  if (!/^[0-9a-f]{40,64}$/.test(made)) return false;
  const git = (...args: readonly string[]): Promise<string> =>
    runTool({ argv: [gitProgram(), ...args], cwd: path, env: IDENTITY, timeoutMs: ATTEMPT_MS });
  try {
    await git("merge-base", "--is-ancestor", made, BRANCH);
    const there = Buffer.from(await git("cat-file", "blob", `${made}:checkpoint`), "latin1");
    return there.toString("utf8") === note;
  } catch (cause) {
    if (cause instanceof CcosError) return false;
    throw cause;
  }
}
