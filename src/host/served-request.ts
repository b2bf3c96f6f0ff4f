/**
 * One HTTP request that a program sent through the proxy, whatever version of HTTP it speaks.
 *
 * Read in this order: ServedRequest, servedMessage (HTTP/1.1), servedStream (HTTP/2). What the request
 * means, and whether it may go on, is the caller's business.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Duplex, Readable, Writable } from "node:stream";

export type RawFields = readonly (readonly [string, string])[];

export interface ServedRequest {
  readonly version: "1.0" | "1.1" | "2.0";
  /** As sent. */
  readonly method: string;
  /** HTTP/1: the request target as sent. HTTP/2: `:path`. */
  readonly target: string;
  /** HTTP/2: `:scheme` and `:authority` as sent; null where they were absent. */
  readonly pseudo: { readonly scheme: string | null; readonly authority: string | null } | null;
  /** As received, names in lower case, repeated fields repeated. */
  readonly fields: RawFields;
  readonly body: Readable;
  /** Send the head of the answer with the first bytes of its body; what is written next is the body. */
  respond(status: number, fields: RawFields): Writable;
  /** As `respond`, at once: the body may be long in coming. */
  respondEarly(status: number, fields: RawFields): Writable;
  /** Cut the answer: the program sees that it is not whole. */
  readonly abort: () => void;
  /** Aborted when the program went away before its answer was whole. */
  readonly gone: AbortSignal;
}

/** A request to speak another protocol from here on; it has no body. */
export interface ServedUpgrade extends Omit<ServedRequest, "respond" | "respondEarly" | "body"> {
  readonly stream: Duplex;
  /** Bytes that came with the head. */
  readonly early: Uint8Array;
}

/** @param onNext - Called when the answer is whole and the connection may have another request. */
export function servedMessage(
  message: IncomingMessage,
  response: ServerResponse,
  onNext: () => void,
): ServedRequest {
  let isLast = false;
  const respond = (status: number, fields: RawFields): ServerResponse => {
    isLast = fields.some(([name, value]) => name === "connection" && value === "close");
    return response.writeHead(status, fields.flat());
  };
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
    else if (!isLast) onNext();
  });
  response.on("error", () => undefined);
  message.on("error", () => undefined);
  return {
    ...headOf(message),
    body: message,
    respond,
    respondEarly(status, fields) {
      respond(status, fields).flushHeaders();
      return response;
    },
    abort: () => message.socket.destroy(),
    gone: gone.signal,
  };
}

export function servedUpgrade(
  message: IncomingMessage,
  stream: Duplex,
  early: Uint8Array,
): ServedUpgrade {
  const gone = new AbortController();
  stream.once("close", () => gone.abort());
  stream.on("error", () => stream.destroy());
  return {
    ...headOf(message),
    stream,
    early,
    abort: () => stream.destroy(),
    gone: gone.signal,
  };
}

function headOf(
  message: IncomingMessage,
): Pick<ServedRequest, "version" | "method" | "target" | "pseudo" | "fields"> {
  return {
    version: message.httpVersion === "1.1" ? "1.1" : "1.0",
    method: message.method ?? "",
    target: message.url ?? "",
    pseudo: null,
    fields: fieldPairs(message.rawHeaders),
  };
}

export function servedStream(
  stream: ServerHttp2Stream,
  rawHeaders: readonly string[],
): ServedRequest {
  const all = fieldPairs(rawHeaders);
  const pseudo = (name: string): string | null => all.find(([each]) => each === name)?.[1] ?? null;
  const gone = new AbortController();
  stream.once("close", () => {
    if (!stream.writableFinished) gone.abort();
  });
  stream.on("error", () => undefined);
  const respond = (status: number, fields: RawFields): ServerHttp2Stream => {
    if (!stream.headersSent && !stream.destroyed) {
      stream.respond([":status", String(status), ...fields.flat()]);
    }
    return stream;
  };
  return {
    version: "2.0",
    method: pseudo(":method") ?? "",
    target: pseudo(":path") ?? "",
    pseudo: { scheme: pseudo(":scheme"), authority: pseudo(":authority") },
    fields: all.filter(([name]) => !name.startsWith(":")),
    body: stream,
    respond,
    respondEarly: respond,
    abort: () => stream.destroy(),
    gone: gone.signal,
  };
}

/** Pairs of a flat list, names in lower case. */
export function fieldPairs(raw: readonly string[]): RawFields {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at]!.toLowerCase(), raw[at + 1]!]);
  return pairs;
}
