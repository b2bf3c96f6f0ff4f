/**
 * The certificate that this host shows to servers which ask for one, with its key.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { err, ok, type Result } from "../foundation/result.ts";

/** Never recorded, never given to a program. */
export interface ClientIdentity {
  /** PEM: the certificate, then those that issued it. */
  readonly certificates: string;
  /** PEM. */
  readonly key: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const KEY =
  /-----BEGIN ((?:EC |RSA )?PRIVATE KEY)-----[^-]+-----END (?:EC |RSA )?PRIVATE KEY-----/g;

/**
 * Read a PEM that holds certificates, the first of them ours, and exactly one key.
 *
 * @returns The reason for people when it cannot be used: nothing of it is in the text.
 */
export function parseClientIdentity(pem: string, nowMs: number): Result<ClientIdentity, string> {
  const certificates = pem.match(CERTIFICATE) ?? [];
  const keys = pem.match(KEY) ?? [];
  const [first] = certificates;
  const [key] = keys;
  if (first === undefined) return err("it holds no certificate");
  if (key === undefined || keys.length > 1) {
    return err(keys.length > 1 ? "it holds several keys" : "it holds no key without a passphrase");
  }
  try {
    const certificate = new X509Certificate(first);
    if (nowMs > certificate.validToDate.getTime()) return err("its certificate has expired");
    if (nowMs < certificate.validFromDate.getTime()) return err("its certificate is not valid yet");
    if (!certificate.checkPrivateKey(createPrivateKey(key))) {
      return err("its key is not the certificate's");
    }
  } catch {
    return err("its certificate or key cannot be read");
  }
  return ok({ certificates: `${certificates.join("\n")}\n`, key: `${key}\n` });
}
