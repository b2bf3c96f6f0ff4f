/**
 * Bodies on their way through the proxy: counted, searched for secrets, never held whole when they are long.
 *
 * A request body of up to 256 KiB is taken whole and searched before a byte of it leaves. A longer one is
 * searched as it passes, each part together with the end of the part before it, so that a value which lies
 * across a border is seen; what is found ends the request. An answer has the values of all secrets
 * replaced as it passes.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { findKnownSecrets, type KnownSecret } from "../policy/index.ts";
import type { SecretEdge } from "./secrets.ts";
import type { Failure } from "./types.ts";

/** A body up to this size is searched before it is sent, bytes. */
export const WHOLE_BYTES_MAX: number = 256 * 1024;
/** Parts of a longer one, and what of each is searched again with the next, bytes. */
const PART_BYTES = 64 * 1024;
const OVERLAP_BYTES = 8 * 1024;

/** What must not leave: every value, and every placeholder outside of the header it is bound to. */
export interface Forbidden {
  readonly values: readonly KnownSecret[];
}

export function forbiddenIn({ secrets }: SecretEdge): Forbidden {
  const placeholders = secrets.map(({ name, placeholder }) => ({ name, value: placeholder }));
  const values = [...secrets, ...placeholders].map(({ name, value }) => ({ name, value }));
  return { values: values.filter(({ value }) => value !== "") };
}

/** The failure that a part of a request is, or null. */
export function searchPart(
  { values }: Forbidden,
  name: string,
  content: string | Uint8Array,
): Failure | null {
  const found = findKnownSecrets([{ name, content }], values)[0];
  if (found === undefined) return null;
  const how = found.form === "unscannable" ? "cannot be searched for" : "holds";
  return { code: "DLP_BLOCKED", message: `the ${name} ${how} secret ${found.name}` };
}

/** Why a body stopped: thrown inside of streams, whose errors are their only words. */
export class BodyRefused extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export interface BodyLimits {
  readonly bytesMax: number;
  /** Up to this size it is taken whole. */
  readonly wholeBytesMax: number;
  readonly forbidden: Forbidden;
  readonly onBytes: (count: number) => void;
}

/** The whole body, or its beginning and the rest, of which nothing was searched yet. */
export type TakenBody =
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "long"; readonly parts: AsyncIterable<Uint8Array> };

/**
 * Take a request body: whole where it is short, else as parts that are searched as they pass.
 *
 * @returns Why the body may not go on: over its limit, cut, or with a secret in it.
 */
export async function takeBody(
  source: AsyncIterable<Uint8Array>,
  limits: BodyLimits,
): Promise<Result<TakenBody, Failure>> {
  const parts = source[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let length = 0;
  try {
    while (length <= limits.wholeBytesMax) {
      const next = await parts.next();
      if (next.done === true) return searchWhole(Buffer.concat(held, length), limits);
      held.push(next.value);
      length += next.value.length;
      if (length > limits.bytesMax) return err(overLimit(limits));
    }
  } catch {
    return err({ code: "NETWORK_ERROR", message: "the request ended before its end" });
  }
  return ok({ kind: "long", parts: searched(joined(held, parts), limits) });
}

function searchWhole(bytes: Buffer, limits: BodyLimits): Result<TakenBody, Failure> {
  const failure = searchPart(limits.forbidden, "body", bytes);
  if (failure !== null) return err(failure);
  limits.onBytes(bytes.length);
  return ok({ kind: "whole", bytes });
}

function overLimit({ bytesMax }: BodyLimits): Failure {
  return { code: "EGRESS_DENIED", message: `the request body is over ${bytesMax} bytes` };
}

async function* joined(
  held: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* held;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Every part but the last has `OVERLAP_BYTES` of it held back until the next was searched too. */
async function* searched(
  source: AsyncIterable<Uint8Array>,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array> {
  const searches = limits.forbidden.values.length > 0;
  let length = 0;
  let held = Buffer.alloc(0);
  for await (const chunk of source) {
    length += chunk.length;
    if (length > limits.bytesMax) throw new BodyRefused(overLimit(limits));
    if (!searches) {
      limits.onBytes(chunk.length);
      yield chunk;
      continue;
    }
    held = Buffer.concat([held, chunk]);
    if (held.length < PART_BYTES) continue;
    refuse(searchPart(limits.forbidden, "body", held));
    const passed = held.subarray(0, held.length - OVERLAP_BYTES);
    held = held.subarray(held.length - OVERLAP_BYTES);
    limits.onBytes(passed.length);
    yield passed;
  }
  if (held.length === 0) return;
  refuse(searchPart(limits.forbidden, "body", held));
  limits.onBytes(held.length);
  yield held;
}

function refuse(failure: Failure | null): void {
  if (failure !== null) throw new BodyRefused(failure);
}
