/**
 * The record: what one line of a chain holds, and how it is linked to the line before.
 *
 * Read in this order: ChainBody, linkRecord, lineOf, genesisOf. A line is canonical JSON,
 * `{"body":{…},"hash":"<64 hex>"}`; the hash is SHA-256 over a tag and the body's bytes as they
 * stand in the line, so it can be checked without parsing. `facts` hold what the outside world
 * said; everything else can be computed again. Bytes are frozen by record.test.ts.
 *
 * @module
 */
import { hash } from "node:crypto";
import { canonicalJson } from "../foundation/canonical-json.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";

/** The closed set. An unknown type on read is a break, never another name for a known one. */
export const RECORD_TYPES = [
  "RunStarted",
  "WallsMeasured",
  "PlanAdmitted",
  "PlanRefused",
  "ApprovalRequested",
  "ApprovalGranted",
  "ApprovalDenied",
  "BudgetWarning",
  "BudgetExceeded",
  "StepProfileDerived",
  "LabelsReceived",
  "LabelsDeclassified",
  "StepStarted",
  "StepCompleted",
  "StepFailed",
  "CallIntended",
  "CallCompleted",
  "CallFailed",
  "CallDenied",
  "EgressConnected",
  "EgressDenied",
  "EgressClosed",
  "GuestLog",
  "SecurityViolation",
  "LimitReached",
  "BooksBalanced",
  "RunCompleted",
  "RunFailed",
  "RunCancelled",
  "EmergencyStopped",
  "RunResumed",
  "CallRetried",
  "DeploymentCreated",
  "SupervisorStarted",
  "StateEntered",
  "GenerationStaged",
  "GenerationAttested",
  "GenerationHealthy",
  "GenerationRejected",
  "GenerationSwitched",
  "GenerationDrained",
  "GenerationRetired",
  "InstanceFailed",
  "ConsoleOpened",
  "ConsoleClosed",
  "SupervisorStopped",
] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

/** What record 0 may be: a chain is of one run, or of one deployment. */
export const FIRST_TYPES: ReadonlySet<RecordType> = new Set(["RunStarted", "DeploymentCreated"]);

const typeNames: ReadonlySet<string> = new Set(RECORD_TYPES);

export function isRecordType(text: string): text is RecordType {
  return typeNames.has(text);
}

export const RECORD_VERSION = 1;

/** Largest line in bytes, newline included. Larger values belong into the payload store. */
export const RECORD_BYTES_MAX: number = 1024 * 1024;

export interface ChainBody {
  readonly v: typeof RECORD_VERSION;
  /** The id of the run or the deployment. */
  readonly chain: string;
  /** Counts from 0 without a gap. */
  readonly seq: number;
  /** Hash of the record before, 64 hex digits; the genesis hash for record 0. */
  readonly prev: string;
  /** Milliseconds since the Unix epoch, as the host's clock said; may go back. */
  readonly ts: number;
  readonly type: RecordType;
  /** Recomputed by a replay. Record 0 names the config's digest in `config`. */
  readonly data: JsonObject;
  /** What the outside world said: a replay takes it from here. */
  readonly facts: JsonObject;
}

export interface ChainRecord {
  readonly body: ChainBody;
  readonly hash: string;
}

/** `sha256:` and 64 hex digits over the canonical JSON of `value`. */
export function digestOf(value: JsonValue): string {
  if (value === null || typeof value === "boolean") return smallDigest(value);
  return digestText(value);
}

function digestText(value: JsonValue): string {
  return `sha256:${hash("sha256", canonicalJson(value))}`;
}

/** Most results are null, true or false: their digests are made once. */
const smallDigests = new Map<null | boolean, string>();

function smallDigest(value: null | boolean): string {
  const known = smallDigests.get(value);
  if (known !== undefined) return known;
  const digest = digestText(value);
  smallDigests.set(value, digest);
  return digest;
}

/** What stands before the body's bytes in its hash; no other hash of the system begins so. */
export const RECORD_TAG = "ccos.chain.v1\0";
const GENESIS_TAG = "ccos.chain.v1.genesis\0";

/** `prev` of record 0: ties the first line to the run's id and its config. */
export function genesisOf(chainId: string, configDigest: string): string {
  return hash("sha256", `${GENESIS_TAG}${chainId}\0${configDigest}`);
}

/**
 * Canonical text of a body. Its keys are written in order here; only `data` and `facts` vary.
 *
 * @throws {CcosError} `NOT_CANONICAL`.
 */
export function bodyText(body: ChainBody): string {
  const { chain, data, facts, prev, seq, ts, type } = body;
  return (
    `{"chain":${quotedChain(chain)},"data":${canonicalJson(data)}` +
    `,"facts":${isEmpty(facts) ? "{}" : canonicalJson(facts)},"prev":${quotedHash(prev)}` +
    `,"seq":${integer(seq)},"ts":${timeText(ts)}` +
    `,"type":${quotedTypes.get(type) ?? canonicalJson(type)},"v":${RECORD_VERSION}}`
  );
}

const quotedTypes: ReadonlyMap<string, string> = new Map(
  RECORD_TYPES.map((type) => [type, `"${type}"`]),
);

let lastChain = { id: "", text: '""' };

/** A run's records share one id: its text is made once. */
function quotedChain(id: string): string {
  if (id !== lastChain.id) lastChain = { id, text: canonicalJson(id) };
  return lastChain.text;
}

let lastHash = "";

/** The hash that was made last is the usual `prev`; it is 64 hex digits and needs no escapes. */
function quotedHash(text: string): string {
  return text === lastHash ? `"${text}"` : canonicalJson(text);
}

let lastTime = { ts: Number.NaN, text: "" };

/** Many records share a millisecond. */
function timeText(ts: number): string {
  if (ts !== lastTime.ts) lastTime = { ts, text: integer(ts) };
  return lastTime.text;
}

function isEmpty(object: JsonObject): boolean {
  for (const _key in object) return false;
  return Object.getPrototypeOf(object) === Object.prototype;
}

/** The usual number; everything else is canonicalJson's to write or refuse. */
function integer(value: number): string {
  return Number.isSafeInteger(value) && !Object.is(value, -0)
    ? String(value)
    : canonicalJson(value);
}

/** @throws {CcosError} `NOT_CANONICAL`. */
export function linkRecord(body: ChainBody): ChainRecord {
  return { body, hash: hashOfBody(bodyText(body)) };
}

export function hashOfBody(text: string): string {
  lastHash = hash("sha256", RECORD_TAG + text);
  return lastHash;
}

/** Hash and line of a body's text. Hashing makes one piece of the text, and the line takes that. */
export function sealBody(text: string): { readonly hash: string; readonly line: string } {
  const tagged = RECORD_TAG + text;
  lastHash = hash("sha256", tagged);
  return { hash: lastHash, line: lineOf(tagged.slice(RECORD_TAG.length), lastHash) };
}

export const LINE_START = '{"body":';
export const LINE_MIDDLE = ',"hash":"';
export const LINE_END = '"}';

/** The line without its newline. */
export function lineOf(text: string, recordHash: string): string {
  return LINE_START + text + LINE_MIDDLE + recordHash + LINE_END;
}
