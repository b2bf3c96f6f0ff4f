/**
 * Requests and statements from files: every field, each of its form, and no other.
 *
 * What is read here was written by some process that could reach the state directory, so nothing of it is believed;
 * signatures are checked in approval.ts.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../foundation/json.ts";
import {
  APPROVAL_SCOPES,
  type ApprovalAction,
  type ApprovalRequest,
  type ApprovalStatement,
} from "./approval.ts";

type Check = (value: JsonValue) => boolean;

const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value);
const among =
  (...words: readonly JsonValue[]): Check =>
  (value) =>
    words.includes(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const DIGEST = matches(/^sha256:[0-9a-f]{64}$/);
const TEXT: Check = (value) =>
  typeof value === "string" && value.length <= 8192 && value.isWellFormed();
const COUNT: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

const ACTION = new Map<keyof ApprovalAction, Check>([
  ["kind", among("plan", "call")],
  ["agent", TEXT],
  ["config", DIGEST],
  ["plan", DIGEST],
  ["modules", DIGEST],
  ["policy", DIGEST],
  ["step", orNull(TEXT)],
  ["capability", orNull(TEXT)],
  ["resource", orNull(TEXT)],
  ["rule", orNull(TEXT)],
  ["arguments", orNull(DIGEST)],
]);

const REQUEST = new Map<keyof ApprovalRequest, Check>([
  ["v", among(1)],
  ["action", (value) => isObjectOf(value, ACTION)],
  ["run", matches(/^[\x21-\x7e]{1,128}$/)],
  ["approvals", (value) => COUNT(value) && Number(value) >= 1 && Number(value) <= 100],
  ["proposer", (value) => isObjectOf(value, PROPOSER)],
  ["question", TEXT],
  ["createdMs", COUNT],
  ["deadlineMs", COUNT],
  ["nonce", matches(/^[0-9a-f]{32}$/)],
]);

const PROPOSER = new Map<string, Check>([
  ["uid", (value) => Number.isSafeInteger(value)],
  ["key", orNull(matches(/^[0-9a-f]{16}$/))],
]);

const STATEMENT = new Map<keyof ApprovalStatement, Check>([
  ["v", among(1)],
  ["decision", among("approve", "deny")],
  ["scope", among(...APPROVAL_SCOPES)],
  ["request", DIGEST],
  ["approver", TEXT],
  ["reason", TEXT],
  ["issuedMs", COUNT],
  ["expiresMs", COUNT],
  ["signature", matches(/^[A-Za-z0-9+/]{86}==$/)],
]);

function isObjectOf(value: unknown, fields: ReadonlyMap<string, Check>): value is JsonObject {
  if (!isJsonObject(value) || Object.keys(value).length !== fields.size) return false;
  return [...fields].every(([name, check]) => {
    const field = Object.hasOwn(value, name) ? value[name] : undefined;
    return field !== undefined && check(field);
  });
}

/** @returns Null for what is no request. */
export function requestOf(value: unknown): ApprovalRequest | null {
  return isObjectOf(value, REQUEST) ? (value as unknown as ApprovalRequest) : null;
}

/** @returns Null for what is no statement. Its signature is not checked here. */
export function statementOf(value: unknown): ApprovalStatement | null {
  return isObjectOf(value, STATEMENT) ? (value as unknown as ApprovalStatement) : null;
}

/** @returns Undefined for what is no JSON. */
export function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
