/**
 * The answer's body on its way to the program: counted, and with every secret's value replaced by what stands
 * for it, also where two parts share it. Nothing is held back but what may be the beginning of a value.
 *
 * @module
 */
import type { Failure } from "./types.ts";
import { BodyRefused, type Forbidden, searchPart } from "./guarded-body.ts";
import { replaceBytes, type SecretEdge } from "./secrets.ts";

export interface MaskLimits {
  readonly edge: SecretEdge;
  /** What this request carried: an encoded form of it ends the answer. */
  readonly carried: Forbidden;
  readonly bytesMax: number;
  readonly onBytes: (count: number) => void;
}

/** Searched again with the next part, bytes. */
const OVERLAP_BYTES = 8 * 1024;

/** @throws {BodyRefused} `LIMIT_RESPONSE` over the limit, `DLP_BLOCKED` for an encoded secret. */
export async function* maskedBody(
  source: AsyncIterable<Uint8Array>,
  limits: MaskLimits,
): AsyncGenerator<Uint8Array> {
  const values = limits.edge.secrets.filter(({ value }) => value !== "");
  let length = 0;
  let held = Buffer.alloc(0);
  let seen = Buffer.alloc(0);
  for await (const chunk of source) {
    length += chunk.length;
    limits.onBytes(chunk.length);
    if (length > limits.bytesMax) throw new BodyRefused(overResponse(limits.bytesMax));
    if (values.length === 0) {
      yield chunk;
      continue;
    }
    let text: Buffer = Buffer.concat([held, chunk]);
    for (const { value, placeholder } of values) text = replaceBytes(text, value, placeholder);
    const keep = beginningOfValue(text, values);
    held = Buffer.from(text.subarray(text.length - keep));
    const passed = text.subarray(0, text.length - keep);
    seen = refuseEncoded(limits.carried, seen, passed);
    if (passed.length > 0) yield passed;
  }
  if (held.length === 0) return;
  refuseEncoded(limits.carried, seen, held);
  yield held;
}

export function overResponse(bytesMax: number): Failure {
  return { code: "LIMIT_RESPONSE", message: `the response is over ${bytesMax} bytes` };
}

function refuseEncoded(carried: Forbidden, before: Buffer, part: Buffer): Buffer<ArrayBuffer> {
  if (carried.values.length === 0) return Buffer.alloc(0);
  const whole = Buffer.concat([before, part]);
  const failure = searchPart(carried, "response body", whole);
  if (failure !== null) throw new BodyRefused(failure);
  return Buffer.from(whole.subarray(-OVERLAP_BYTES));
}

/** How many of the last bytes are the beginning of a value. */
function beginningOfValue(text: Buffer, values: readonly { readonly value: string }[]): number {
  let most = 0;
  for (const { value } of values) {
    const bytes = Buffer.from(value);
    const longest = Math.min(bytes.length - 1, text.length);
    for (let length = longest; length > most; length--) {
      if (text.subarray(text.length - length).equals(bytes.subarray(0, length))) most = length;
    }
  }
  return most;
}
