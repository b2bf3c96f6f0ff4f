/**
 * IP literals as bytes: parse the canonical text, and ask whether a CIDR names an address.
 *
 * Only canonical text is understood (four decimal numbers, or the form WHATWG URL gives to IPv6):
 * odd notations are made canonical by host.ts first, and anything else is refused here. Which
 * ranges are private is not decided here; egress classifies the bytes it dials.
 *
 * @module
 */
const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;
const IPV6 = /^[0-9a-f:]{2,39}$/;

/** An address range: `bits` leading bits of `bytes` (4 or 16 of them) are fixed. */
export interface AddressRange {
  readonly bytes: readonly number[];
  readonly bits: number;
}

/** The 4 or 16 bytes of a canonical literal without brackets, or null when it is none. */
export function addressBytes(text: string): readonly number[] | null {
  if (IPV4.test(text)) {
    const bytes = text.split(".").map(Number);
    return bytes.every((byte) => byte <= 255) ? bytes : null;
  }
  return IPV6.test(text) && text.includes(":") ? ipv6Bytes(text) : null;
}

/** Whether `host`, in canonical form, is an IP literal rather than a name. */
export function isAddressLiteral(host: string): boolean {
  return addressBytes(host) !== null;
}

function ipv6Bytes(text: string): readonly number[] | null {
  const [head = "", tail, more] = text.split("::");
  if (more !== undefined) return null;
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  if (left === null || right === null) return null;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...left, ...Array.from({ length: missing }, () => 0), ...right];
  return groups.flatMap((group) => [group >> 8, group & 255]);
}

function groupsOf(text: string): number[] | null {
  if (text === "") return [];
  const groups = text.split(":");
  if (groups.length > 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return null;
  return groups.map((group) => Number.parseInt(group, 16));
}

/** Read `10.0.0.0/8`, `fd00::/8` or a bare literal (all bits fixed). Null: not a CIDR. */
export function parseRange(text: string): AddressRange | null {
  const [literal = "", length, more] = text.split("/");
  if (more !== undefined) return null;
  const bytes = addressBytes(literal);
  if (bytes === null) return null;
  if (length === undefined) return { bytes, bits: bytes.length * 8 };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return null;
  const bits = Number(length);
  return bits <= bytes.length * 8 ? { bytes, bits } : null;
}

/** Whether every address of `inner` is in `outer`. Families never mix. */
export function rangeContains(outer: AddressRange, inner: AddressRange): boolean {
  if (outer.bytes.length !== inner.bytes.length || outer.bits > inner.bits) return false;
  return outer.bytes.every((byte, index) => {
    const fixed = Math.min(8, Math.max(0, outer.bits - index * 8));
    const mask = (0xff << (8 - fixed)) & 0xff;
    return (byte & mask) === ((inner.bytes[index] ?? 0) & mask);
  });
}

/** Whether one of `ranges` (CIDR texts) names the literal. A malformed range names nothing. */
export function rangesName(ranges: readonly string[], literal: string): boolean {
  const address = parseRange(literal);
  if (address === null) return false;
  return ranges.some((text) => {
    const range = parseRange(text);
    return range !== null && rangeContains(range, address);
  });
}
