/**
 * Signed notes and checkpoints as C2SP writes them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): Ed25519 only.
 *
 * Read in this order: NoteKey, signNote, openNote, then checkpoints. A note is a text, an empty line and
 * lines of signatures; those of unknown keys are left alone, as the format asks, so that witnesses can add theirs.
 *
 * @module
 */
import { hash, type KeyObject, sign, verify } from "node:crypto";
import { err, ok, type Result } from "../foundation/result.ts";
import type { HostKey } from "./host-key.ts";
import { TREE_SIZE_MAX, type TreeHead } from "./merkle.ts";

/** A key that is trusted under a name. */
export interface NoteKey {
  readonly name: string;
  readonly publicKey: KeyObject;
}

/** Largest note that is looked at, UTF-16 units. */
export const NOTE_LENGTH_MAX = 65_536;
const SIGNATURES_MAX = 64;
const ED25519_TYPE = 0x01;
const ID_BYTES = 4;

/** Add a signature to a text that ends with a newline. */
export function signNote(text: string, name: string, { privateKey, publicKey }: HostKey): string {
  const signature = sign(null, Buffer.from(text), privateKey);
  const line = Buffer.concat([idOf({ name, publicKey }), signature]).toString("base64");
  return `${text}\n— ${name} ${line}\n`;
}

function idOf({ name, publicKey }: NoteKey): Buffer {
  const content = Buffer.concat([
    Buffer.from(`${name}\n`),
    Buffer.of(ED25519_TYPE),
    rawKey(publicKey),
  ]);
  return Buffer.from(hash("sha256", content).slice(0, 2 * ID_BYTES), "hex");
}

function rawKey(publicKey: KeyObject): Buffer {
  const { x } = publicKey.export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url");
}

/** The text of a note that `key` has signed; its other signatures are not looked at. Else why it is none. */
export function openNote(note: string, key: NoteKey): Result<string, string> {
  if (note.length > NOTE_LENGTH_MAX) return err(`it is over ${NOTE_LENGTH_MAX} characters`);
  if (/[\x00-\x09\x0b-\x1f]/.test(note) || !note.isWellFormed()) {
    return err("it has characters that no note has");
  }
  const split = note.lastIndexOf("\n\n");
  if (split === -1 || !note.endsWith("\n")) return err("it has no signatures");
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) return err(`it has over ${SIGNATURES_MAX} signatures`);
  const id = idOf(key);
  let isSigned = false;
  for (const line of lines) {
    const match = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line);
    if (match === null) return err("a line of its signatures is malformed");
    const bytes = Buffer.from(match[2]!, "base64");
    if (bytes.toString("base64") !== match[2]) return err("a signature is not base64");
    if (match[1] !== key.name || !bytes.subarray(0, ID_BYTES).equals(id)) continue;
    const isOurs = verify(null, Buffer.from(text), key.publicKey, bytes.subarray(ID_BYTES));
    if (!isOurs) return err(`the signature of ${key.name} does not verify`);
    if (isSigned) return err(`${key.name} has signed it twice`);
    isSigned = true;
  }
  return isSigned ? ok(text) : err(`${key.name} has not signed it`);
}

/** What a log was at one time. */
export interface Checkpoint extends TreeHead {
  /** The log's name; its key's too. */
  readonly origin: string;
}

export function signCheckpoint({ origin, size, root }: Checkpoint, key: HostKey): string {
  const text = `${origin}\n${size}\n${Buffer.from(root, "hex").toString("base64")}\n`;
  return signNote(text, origin, key);
}

/** The checkpoint in a note, when `key` signed it for a log of its own name. */
export function openCheckpoint(note: string, key: NoteKey): Result<Checkpoint, string> {
  const opened = openNote(note, key);
  if (!opened.ok) return opened;
  const [origin, size, root, ...extensions] = opened.value.slice(0, -1).split("\n");
  if (origin !== key.name) return err(`it is of the log ${origin?.slice(0, 80)}, not ${key.name}`);
  if (size === undefined || !/^(?:0|[1-9][0-9]{0,15})$/.test(size))
    return err("its size is malformed");
  if (Number(size) >= TREE_SIZE_MAX) return err("its size is over what a tree can have");
  const bytes = Buffer.from(root ?? "", "base64");
  if (bytes.length !== 32 || bytes.toString("base64") !== root) return err("its root is malformed");
  if (extensions.includes("")) return err("it has an empty line");
  return ok({ origin, size: Number(size), root: bytes.toString("hex") });
}
