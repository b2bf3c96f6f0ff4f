/**
 * TLS towards a host: the chain verified for the name, then held against the pins.
 *
 * A pin names a public key. It must be the key of the host's certificate or of one that really signed it:
 * every link is proven by its signature, because a host may send along certificates that only carry the
 * right names (and the pinned key, which is public).
 *
 * @module
 */
import { createHash, type X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { ClientIdentity } from "./client-identity.ts";

/** What a connection to a host must show, and what it is shown. */
export interface TlsDemand {
  /** The name that the certificate is verified for; an IP literal is verified as an address. */
  readonly host: string;
  /** PEM trust anchors instead of the bundled ones. */
  readonly trustAnchors?: string | undefined;
  /** `sha256/<base64>` of public keys (SPKI). Absent: every verified chain will do. */
  readonly pins?: readonly string[] | undefined;
  /** Shown to a host that asks for a certificate. */
  readonly identity?: ClientIdentity | undefined;
}

/** The code of an error whose chain is verified, but not pinned. */
export const PIN_MISMATCH = "TLS_PIN_MISMATCH";
/** A chain is shorter; a longer one is not walked further. */
const CHAIN_MAX = 16;

/** A TLS client over `plain`. Its `secureConnect` is not yet the pins' word: ask {@link refusePins}. */
export function startTls(
  plain: Socket,
  { host, trustAnchors, identity }: TlsDemand,
  protocols: readonly string[],
): TLSSocket {
  return connectTls({
    socket: plain,
    // An address may not stand in SNI; `host` alone then makes the certificate name the address.
    ...(isIP(host) === 0 ? { servername: host } : { host, servername: "" }),
    ALPNProtocols: [...protocols],
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    ...(trustAnchors === undefined ? {} : { ca: trustAnchors }),
    ...(identity === undefined ? {} : { cert: identity.certificates, key: identity.key }),
  });
}

/** @returns The error to end the connection with, or null when it may be used. */
export function refusePins(secure: TLSSocket, pins: readonly string[] | undefined): Error | null {
  if (pins === undefined) return null;
  const keys = signedChain(secure).map(pinOf);
  if (keys.some((key) => pins.includes(key))) return null;
  return Object.assign(new Error("no key of the host's chain is pinned"), { code: PIN_MISMATCH });
}

/** The pin of a certificate's public key. */
export function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: "spki", format: "der" });
  return `sha256/${createHash("sha256").update(key).digest("base64")}`;
}

/** The host's certificate and those that signed it, as far as the signatures hold. */
function signedChain(secure: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = secure.getPeerX509Certificate();
  while (next !== undefined && chain.length < CHAIN_MAX) {
    const below = chain.at(-1);
    if (below !== undefined && !below.verify(next.publicKey)) break;
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
