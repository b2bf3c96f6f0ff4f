/**
 * Body rules for JSON-RPC 2.0, and for MCP which speaks it: which methods a body may call, and which tools.
 *
 * A batch is judged item by item. One parse decides, and what is sent is written from it. Shared by the broker
 * and the proxy.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { coversRpcMethod, type JsonRpcRule } from "../policy/index.ts";
import type { Fields } from "./request-headers.ts";
import { type JsonNode, readStrictJson } from "./strict-json.ts";

/** Largest body that is read for its methods, bytes. */
export const RPC_BYTES_MAX: number = 1024 * 1024;
const BATCH_MAX = 100;
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS"]);

export interface RpcRequest {
  readonly method: string;
  readonly fields: Fields;
  readonly body: Uint8Array | null;
}

/** @returns The body to send, made from what was read, or why it may not go out. */
export function checkRpc(
  rule: JsonRpcRule,
  request: RpcRequest,
): Result<Uint8Array | null, string> {
  const { method, fields, body } = request;
  if (body === null || (body.length === 0 && BODILESS.has(method))) {
    return BODILESS.has(method) ? ok(null) : err("there is no JSON-RPC body");
  }
  if (body.length > RPC_BYTES_MAX) return err(`the body is over ${RPC_BYTES_MAX} bytes`);
  const form = refuseForm(fields);
  if (form !== null) return err(form);
  const json = readStrictJson(body);
  if (!json.ok) return err(`the body is refused: ${json.error}`);
  const { root, text } = json.value;
  const messages = root.kind === "array" ? root.items : [root];
  if (messages.length === 0 || messages.length > BATCH_MAX) {
    return err(`a batch has 1 to ${BATCH_MAX} messages`);
  }
  for (const message of messages) {
    const refusal = refuseMessage(rule, message);
    if (refusal !== null) return err(refusal);
  }
  return ok(new TextEncoder().encode(text));
}

/** A host must read it as what it was read as here. */
function refuseForm(fields: Fields): string | null {
  const value = (name: string): string | undefined => fields.find(([each]) => each === name)?.[1];
  const [type = ""] = (value("content-type") ?? "").toLowerCase().split(";");
  if (type.trim() !== "application/json") return "its type is not application/json";
  const charset = /;\s*charset=(?!"?utf-8"?\s*(?:;|$))/i.test(value("content-type") ?? "");
  if (charset) return "its character set is not UTF-8";
  const coding = value("content-encoding");
  return coding === undefined || coding === "identity" ? null : "its body is encoded";
}

function refuseMessage({ methods, tools }: JsonRpcRule, message: JsonNode): string | null {
  if (textOf(message, "jsonrpc") !== "2.0") return "a message is not JSON-RPC 2.0";
  const method = textOf(message, "method");
  if (method === null) return "a message calls no method";
  if (!methods.some((pattern) => coversRpcMethod(pattern, method))) {
    return `method ${shown(method)} is not among its :methods`;
  }
  if (method !== "tools/call" || tools === null) return null;
  const tool = textOf(memberOf(message, "params"), "name");
  if (tool === null) return "a call of a tool names none";
  return tools.includes(tool) ? null : `tool ${shown(tool)} is not among its :tools`;
}

function memberOf(node: JsonNode | null, name: string): JsonNode | null {
  return node?.kind === "object" ? (node.members.get(name) ?? null) : null;
}

function textOf(node: JsonNode | null, name: string): string | null {
  const member = memberOf(node, name);
  return member?.kind === "string" ? member.value : null;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, "?"));
}
