import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";

export type { SecureContext };

/** PEM of the authorities that this Node trusts. */
export function publicAuthorities(): readonly string[] {
  return rootCertificates;
}

/** What a TLS server shows and accepts: TLS 1.2 and up, no session tickets that outlive the certificate. */
export function serverContext(certificates: string, key: string): SecureContext {
  return createSecureContext({ cert: certificates, key, minVersion: "TLSv1.2" });
}
