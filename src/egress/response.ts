/**
 * Reading an answer within limits: the body as sent and as decoded, and the fields that are still
 * true of it then.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import type { HttpExchange } from "../host/index.ts";
import { type DecodeFailure, decodeContent } from "./content-encoding.ts";
import type { BrokerReply, Failure } from "./types.ts";

export interface ReadLimits {
  /** For the body as sent, and again for the body decoded. */
  readonly bytesMax: number;
  /** The answer to HEAD: its length field speaks of a body that does not come. */
  readonly bodiless: boolean;
  readonly onBytes: (count: number) => void;
}

/** Fields that described the bytes on the wire and would be false of the reply. */
const DROPPED: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
]);

/**
 * Read the body to its end, never further than the limit, and undo its coding.
 *
 * @returns `LIMIT_RESPONSE`, or `NETWORK_ERROR` when it ends early or its coding cannot be undone.
 */
export async function readReply(
  exchange: HttpExchange,
  limits: ReadLimits,
): Promise<Result<BrokerReply, Failure>> {
  const { status, headers } = exchange;
  const announced = limits.bodiless ? 0 : Number(fieldOf(exchange, "content-length") ?? 0);
  if (announced > limits.bytesMax) return err(overLimit(limits));
  const body = await readBody(exchange, limits);
  if (!body.ok) return body;
  const coding = fieldOf(exchange, "content-encoding") ?? "";
  const decoded = await decodeContent(body.value, coding, limits.bytesMax);
  if (!decoded.ok) return err(undecodable(decoded.error, coding, limits));
  const kept = headers.filter(([name]) => !DROPPED.has(name));
  return ok({ status, headers: kept, body: decoded.value });
}

function fieldOf({ headers }: HttpExchange, name: string): string | undefined {
  const values = headers.filter(([each]) => each === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}

async function readBody(
  exchange: HttpExchange,
  limits: ReadLimits,
): Promise<Result<Uint8Array, Failure>> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of exchange.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      limits.onBytes(chunk.length);
      if (length > limits.bytesMax) return err(overLimit(limits));
      chunks.push(chunk);
    }
  } catch {
    return err({ code: "NETWORK_ERROR", message: "the response ended before its end" });
  }
  return ok(Buffer.concat(chunks, length));
}

function overLimit({ bytesMax }: ReadLimits): Failure {
  return { code: "LIMIT_RESPONSE", message: `the response is over ${bytesMax} bytes` };
}

function undecodable(failure: DecodeFailure, coding: string, limits: ReadLimits): Failure {
  if (failure === "over") return overLimit(limits);
  const shown = JSON.stringify(coding.slice(0, 40));
  const why = failure === "opaque" ? "cannot be undone" : "is broken";
  return { code: "NETWORK_ERROR", message: `the content coding ${shown} ${why}` };
}
