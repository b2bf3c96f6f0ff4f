/**
 * The few forms of DER (X.690 §10) that an X.509 certificate is made of.
 *
 * @module
 */
const size = (length: number): readonly number[] => {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
};

/** One value: its tag, its length (below 64 KiB) and its parts one after the other. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.from([tag, ...size(content.length)]), content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
export const octets = (content: Uint8Array): Buffer => der(0x04, content);
export const bits = (content: Uint8Array): Buffer => der(0x03, Uint8Array.of(0), content);
export const yes: Buffer = der(0x01, Uint8Array.of(0xff));
/** Not negative: the first bit of `magnitude` must be clear. */
export const integer = (magnitude: Uint8Array): Buffer => der(0x02, magnitude);

/** An object identifier whose arcs are known. */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const arcs = [first * 40 + second, ...rest];
  return der(0x06, Uint8Array.from(arcs.flatMap(base128)));
}

function base128(arc: number): readonly number[] {
  const digits = [arc & 0x7f];
  for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

/** GeneralizedTime, seconds. */
export function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14);
  return der(0x18, Buffer.from(`${text}Z`, "latin1"));
}

/** The years that UTCTime must be used for (RFC 5280 §4.1.2.5): up to 2049. */
export function validity(fromMs: number, toMs: number): Buffer {
  return sequence(certificateTime(fromMs), certificateTime(toMs));
}

function certificateTime(ms: number): Buffer {
  const whole = time(ms);
  if (new Date(ms).getUTCFullYear() >= 2050) return whole;
  return der(0x17, whole.subarray(4));
}
