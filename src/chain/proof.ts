/**
 * Proofs that stand alone: that the host log has a head, and that a record is one of those the head was signed over.
 *
 * Read in this order: Proof, proveHead, proofText, checkProof. The text is C2SP's `tlog-proof`: index, path and
 * checkpoint; its `extra` line has the head's text and, for a record, its line and the path to the head's root. Nothing of
 * that is believed: the head is hashed to the leaf, the line to the record's hash.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { isJsonObject, type JsonValue } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { headText, isSignedBy, parseHead, type SignedHead } from "./head.ts";
import { originOf } from "./host-log.ts";
import { LineChecker } from "./lines.ts";
import { isIncluded, leafHash } from "./merkle.ts";
import { type Checkpoint, openCheckpoint } from "./note.ts";
import type { ChainBody } from "./record.ts";

export interface Proof {
  /** Number of the head in the log. */
  readonly index: number;
  /** From the leaf's sibling up, 64 hex digits each. */
  readonly path: readonly string[];
  /** The signed note. */
  readonly checkpoint: string;
  readonly head: SignedHead;
  /** Null: the proof is of the head only. */
  readonly record: RecordProof | null;
}

export interface RecordProof {
  /** The record as it stands in the chain, without its newline. */
  readonly line: string;
  readonly path: readonly string[];
}

const FIRST_LINE = "c2sp.org/tlog-proof@v1";
/** A record of 1 MiB in JSON in base64, and room. */
export const PROOF_LENGTH_MAX: number = 4 * 1024 * 1024;
const PATH_MAX = 64;

export function proofText({ index, path, checkpoint, head, record }: Proof): string {
  const told = {
    head: headText(head),
    ...(record === null ? {} : { record: record.line, path: record.path }),
  };
  const extra = Buffer.from(JSON.stringify(told)).toString("base64");
  const hashes = path.map((each) => `${base64Of(each)}\n`).join("");
  return `${FIRST_LINE}\nextra ${extra}\nindex ${index}\n${hashes}\n${checkpoint}`;
}

/** A hash of 64 hex digits in base64. */
export function base64Of(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}

/** What a proof has proven. */
export interface Proven {
  readonly checkpoint: Checkpoint;
  readonly index: number;
  readonly head: SignedHead;
  readonly record: ChainBody | null;
}

/**
 * Check a proof with nothing but the host's public key.
 *
 * @returns What is proven, or why it is not.
 */
export function checkProof(text: string, publicKey: KeyObject): Result<Proven, string> {
  const parsed = parseProof(text);
  if (!parsed.ok) return parsed;
  const { index, path, checkpoint: note, head, record } = parsed.value;
  const opened = openCheckpoint(note, { name: originOf(publicKey), publicKey });
  if (!opened.ok) return err(`the checkpoint: ${opened.error}`);
  const { size, root } = opened.value;
  const leaf = leafHash(Buffer.from(headText(head)));
  if (!isIncluded({ leaf, index, size, root }, path)) {
    return err(`the head is not number ${index} of the log of ${size}`);
  }
  if (!isSignedBy(head, publicKey)) return err("the head's signature does not verify");
  if (record === null) return ok({ checkpoint: opened.value, index, head, record: null });
  const line = new LineChecker().read(Buffer.from(record.line));
  if (line.kind === "fault") return err(`the record: ${line.detail}`);
  const { body } = line;
  if (body.chain !== head.chain) return err(`the record belongs to ${body.chain}`);
  const at = { leaf: line.hash, index: body.seq, size: head.records, root: head.root ?? "" };
  if (!isIncluded(at, record.path)) return err(`the record is not number ${body.seq} of the chain`);
  return ok({ checkpoint: opened.value, index, head, record: body });
}

function parseProof(text: string): Result<Proof, string> {
  if (text.length > PROOF_LENGTH_MAX) return err(`it is over ${PROOF_LENGTH_MAX} characters`);
  const end = text.indexOf("\n\n");
  const [first, extra, index, ...path] = text.slice(0, Math.max(0, end)).split("\n");
  if (end === -1 || first !== FIRST_LINE) return err(`it does not begin with ${FIRST_LINE}`);
  if (!extra?.startsWith("extra ")) return err("it has no extra line with the head");
  if (index === undefined || !/^index (?:0|[1-9][0-9]{0,12})$/.test(index)) {
    return err("its index is malformed");
  }
  const hashes = path.map(hexOf);
  if (hashes.length > PATH_MAX || !areHashes(hashes)) return err("its path is malformed");
  const told = parseExtra(Buffer.from(extra.slice("extra ".length), "base64").toString("utf8"));
  if (told === null) return err("its extra line is malformed");
  const checkpoint = text.slice(end + 2);
  return ok({ index: Number(index.slice("index ".length)), path: hashes, checkpoint, ...told });
}

function parseExtra(text: string): Pick<Proof, "head" | "record"> | null {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
  if (!isJsonObject(value) || typeof value["head"] !== "string") return null;
  const head = parseHead(value["head"]);
  if (!head.ok) return null;
  const { record: line, path } = value;
  if (line === undefined && path === undefined) return { head: head.value, record: null };
  if (typeof line !== "string" || !Array.isArray(path) || path.length > PATH_MAX) return null;
  return areHashes(path) ? { head: head.value, record: { line, path } } : null;
}

function areHashes(values: readonly unknown[]): values is readonly string[] {
  return values.every((each) => typeof each === "string" && /^[0-9a-f]{64}$/.test(each));
}

/** Empty for what is not 32 bytes in base64. */
function hexOf(base64: string): string {
  const bytes = Buffer.from(base64, "base64");
  return bytes.toString("base64") === base64 ? bytes.toString("hex") : "";
}
