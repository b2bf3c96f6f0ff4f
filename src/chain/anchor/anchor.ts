/**
 * Anchoring: the host log's checkpoint put where this host cannot take it back, and a list of every attempt.
 *
 * Read in this order: anchorCheckpoint, readAnchors, reviewAnchor. The list (`anchors.jsonl`) is a finding aid: what an
 * anchor proves is at its target, or in the token of a time stamping authority, and is held against the log again when asked.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../foundation/json.ts";
import { openLogFile, readChunks, sleep } from "../../host/index.ts";
import type { HostLog } from "../host-log.ts";
import { LineReader } from "../lines.ts";
import type { Checkpoint } from "../note.ts";
import { isStillAt, putAt, type Signed, type Target, Unwilling } from "./targets.ts";

/** One line of `anchors.jsonl`. */
export interface Anchor {
  readonly v: 1;
  readonly atMs: number;
  readonly target: Target;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  /** What shows it; null when it could not be put there. */
  readonly proof: JsonObject | null;
  /** Empty when it could. */
  readonly error: string;
}

const ATTEMPTS_MAX = 3;
const PAUSE_MS = 250;
const ERROR_LENGTH_MAX = 300;

export interface AnchorRequest {
  readonly log: HostLog;
  readonly target: Target;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** Put a checkpoint at a target, at most three times, and keep what came of it. Never throws for what the target does. */
export async function anchorCheckpoint(request: AnchorRequest, signed: Signed): Promise<Anchor> {
  const { log, target, nowMs } = request;
  const { checkpoint, note } = signed;
  const tried = await tryToPut(request, signed);
  const { size, root } = checkpoint;
  const anchor: Anchor = { v: 1, atMs: nowMs(), target, size, root, note, ...tried };
  const list = openLogFile(log.anchors, "append");
  try {
    list.append(Buffer.from(`${JSON.stringify(anchor)}\n`));
  } finally {
    list.close();
  }
  return anchor;
}

async function tryToPut(
  { target, signal }: AnchorRequest,
  signed: Signed,
): Promise<Pick<Anchor, "proof" | "error">> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { proof: await putAt(target, signed, signal), error: "" };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const isOver = attempt === ATTEMPTS_MAX || cause instanceof Unwilling || signal.aborted;
      if (isOver) return { proof: null, error: why.slice(0, ERROR_LENGTH_MAX) };
      await sleep(PAUSE_MS * 2 ** attempt, signal).catch(() => undefined);
    }
  }
}

/** What an anchor says of the log as it is now. */
export interface Review {
  readonly anchor: Anchor;
  readonly verdict: /** The target has it, or its answer is whole, and the log goes on from it. */
    | "holds"
    /** It could not be put there. */
    | "failed"
    /** The target does not have it any more, or it is another. */
    | "gone"
    /** The log has another history, or is shorter. */
    | "log-fork";
}

/** @param rootAt - Root of the log's first `size` heads; null when it has fewer. */
export async function reviewAnchor(
  anchor: Anchor,
  rootAt: (size: number) => string | null,
  isSigned: (note: string) => Checkpoint | null,
): Promise<Review> {
  const { target, size, root, note, proof } = anchor;
  if (proof === null) return { anchor, verdict: "failed" };
  const signed = isSigned(note);
  if (signed?.size !== size || signed.root !== root) return { anchor, verdict: "gone" };
  if ((await isStillAt(target, proof, note)) === false) return { anchor, verdict: "gone" };
  return { anchor, verdict: rootAt(size) === root ? "holds" : "log-fork" };
}

/** Every attempt, oldest first. What is no line of ours is left out: the list proves nothing by itself. */
export async function* readAnchors(log: HostLog): AsyncGenerator<Anchor, void, undefined> {
  const reader = new LineReader();
  for await (const chunk of readChunks(log.anchors)) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (const line of reader.push(buffer)) {
      const anchor = line === null ? null : parseAnchor(line.toString("utf8"));
      if (anchor !== null) yield anchor;
    }
  }
}

function parseAnchor(text: string): Anchor | null {
  try {
    const value = JSON.parse(text) as JsonValue;
    if (!isJsonObject(value) || value["v"] !== 1 || !isTarget(value["target"])) return null;
    const { atMs, size, root, note, proof, error } = value;
    const sound =
      [atMs, size].every(Number.isSafeInteger) &&
      [root, note, error].every((each) => typeof each === "string") &&
      (proof === null || isJsonObject(proof));
    return sound ? (value as unknown as Anchor) : null;
  } catch {
    return null;
  }
}

function isTarget(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value)) return false;
  const { kind, path, url } = value;
  return kind === "file" || kind === "git"
    ? typeof path === "string"
    : (kind === "http" || kind === "rfc3161") && typeof url === "string";
}
