/**
 * Which addresses may be dialled: text to bytes, bytes to a range, range to a verdict.
 *
 * Only public unicast passes by itself. Every other range passes only where the rule's `:addresses` name
 * it in the same family; an IPv4 address wrapped into IPv6 is never taken for its inside.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import { err, ok, type Result } from "../foundation/result.ts";
import type { EgressRule } from "../policy/index.ts";
import type { Resolve } from "./types.ts";

const FOUR_DECIMALS = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;
/** Public by number, yet answered by the hypervisor: Azure's wire server. */
const HOST_SERVICES: ReadonlySet<string> = new Set(["168.63.129.16"]);

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Why this address may not be dialled, or null when it may.
 *
 * @param named - CIDRs that the rule allows besides public addresses. A malformed one names nothing.
 */
export function refuseAddress(text: string, named: readonly string[]): string | null {
  const address = parseAddress(text);
  if (address === null) return `${JSON.stringify(text.slice(0, 64))} is not an address`;
  if (named.some((cidr) => names(cidr, address))) return null;
  const range = rangeOf(address);
  return range === "public" ? null : `${address.toString()} is a ${range} address`;
}

/** Only canonical notations: no octal, no shorthand, no zone. Null: none of these. */
function parseAddress(text: string): Address | null {
  if (FOUR_DECIMALS.test(text)) return ipaddr.IPv4.isValid(text) ? ipaddr.IPv4.parse(text) : null;
  const sixth = text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text);
  return sixth ? ipaddr.IPv6.parse(text) : null;
}

/** The 4 or 16 bytes of an IP literal. @throws {TypeError} for any other text. */
export function addressBytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === null) throw new TypeError("Only an IP literal has bytes");
  return Uint8Array.from(address.toByteArray());
}

function names(cidr: string, address: Address): boolean {
  const [literal = "", length = ""] = cidr.split("/");
  const network = parseAddress(literal);
  if (network === null || network.kind() !== address.kind()) return false;
  const width = network.kind() === "ipv4" ? 32 : 128;
  const bits = length === "" && !cidr.includes("/") ? width : Number(length);
  if (!/^\d{0,3}$/.test(length) || bits > width || (cidr.includes("/") && length === ""))
    return false;
  return address.match(network as never, bits);
}

/** `public`, or the word for what it is. */
function rangeOf(address: Address): string {
  if (HOST_SERVICES.has(address.toString())) return "host service";
  const range = address.range();
  const words = range.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  if (range !== "unicast") return words;
  // 2000::/3 is all of IPv6 that is assigned as global unicast.
  const global = address.kind() === "ipv4" || (address.toByteArray()[0]! & 0xe0) === 0x20;
  return global ? "public" : "reserved";
}

/** `blocked`: an address is refused. `failed`: the resolver's code. */
export type ResolveFailure = { readonly kind: "blocked" | "failed"; readonly reason: string };

/**
 * Resolve once and judge every answer. One refused address refuses the name: whoever controls the name
 * would otherwise choose which of its answers is looked at.
 */
export async function resolveChecked(
  resolve: Resolve,
  { host, rule }: { readonly host: string; readonly rule: EgressRule },
  signal: AbortSignal,
): Promise<Result<readonly string[], ResolveFailure>> {
  const found = await resolve(host, signal);
  if (!found.ok) return err({ kind: "failed", reason: found.error });
  for (const address of found.value) {
    const reason = refuseAddress(address, rule.addresses);
    if (reason !== null) return err({ kind: "blocked", reason });
  }
  return found.value.length === 0 ? err({ kind: "failed", reason: "ENOTFOUND" }) : ok(found.value);
}
