/**
 * The authority of one run: certificates for the hosts whose tunnels are looked into.
 *
 * Its key is made for the run, lives in this process's memory only, and is gone with it. The run's own program
 * trusts it, nobody else does. A leaf names one host, is made at its first use and kept. All keys are
 * P-256: 0.1 ms to make, against 100 ms of RSA.
 *
 * @module
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isAddressLiteral } from "../policy/index.ts";
import { bits, der, integer, octets, oid, sequence, validity, yes } from "./der.ts";
import { addressBytes } from "./addresses.ts";
import { type SecureContext, serverContext } from "../host/index.ts";

export interface CertificateAuthority {
  /** PEM: what the program trusts. */
  readonly certificate: string;
  /** What a server of `host` shows: a canonical name, or an IP literal without brackets. */
  contextFor(host: string): SecureContext;
}

/** A run ends before; clocks of guests may lag. */
const VALID_MS = 8 * 86_400_000;
const LAG_MS = 86_400_000;
/** Leaves kept at one time; the longest unused one is made again. */
const LEAVES_MAX = 256;

const ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

export function createCertificateAuthority(nowMs: number): CertificateAuthority {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = nameOf(`CCOS run ${randomBytes(8).toString("hex")}`);
  const signer: Signer = { key: privateKey, subject, keyId: keyIdOf(publicKey), nowMs };
  const certificate = signed(signer, {
    subject,
    publicKey,
    extensions: authorityExtensions(signer),
  });
  const leaves = new Map<string, SecureContext>();
  return {
    certificate,
    contextFor(host) {
      const kept = leaves.get(host);
      leaves.delete(host);
      const context = kept ?? newLeaf(signer, host);
      leaves.set(host, context);
      if (leaves.size > LEAVES_MAX) leaves.delete([...leaves.keys()][0] ?? "");
      return context;
    },
  };
}

interface Signer {
  readonly key: KeyObject;
  readonly subject: Buffer;
  readonly keyId: Buffer;
  readonly nowMs: number;
}

interface Subject {
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function newLeaf(signer: Signer, host: string): SecureContext {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = leafExtensions(signer, host, keyIdOf(publicKey));
  const leaf = signed(signer, { subject: sequence(), publicKey, extensions });
  return serverContext(leaf, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
}

function authorityExtensions({ keyId }: Signer): readonly Buffer[] {
  return [
    // basicConstraints: an authority, of leaves only.
    extension("2.5.29.19", sequence(yes, integer(Uint8Array.of(0))), true),
    // keyUsage: keyCertSign.
    extension("2.5.29.15", der(0x03, Uint8Array.of(2, 0x04)), true),
    extension("2.5.29.14", octets(keyId), false),
  ];
}

function leafExtensions(signer: Signer, host: string, keyId: Buffer): readonly Buffer[] {
  const name = isAddressLiteral(host)
    ? der(0x87, addressBytes(host))
    : der(0x82, Buffer.from(host, "latin1"));
  return [
    extension("2.5.29.19", sequence(), true),
    // keyUsage: digitalSignature; extended: serverAuth.
    extension("2.5.29.15", der(0x03, Uint8Array.of(7, 0x80)), true),
    extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1")), false),
    // The subject is empty, so the name must be critical (RFC 5280 §4.2.1.6).
    extension("2.5.29.17", sequence(name), true),
    extension("2.5.29.14", octets(keyId), false),
    extension("2.5.29.35", sequence(der(0x80, signer.keyId)), false),
  ];
}

function extension(id: string, value: Buffer, critical: boolean): Buffer {
  return sequence(oid(id), ...(critical ? [yes] : []), octets(value));
}

function nameOf(name: string): Buffer {
  const common = sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(name, "utf8")));
  return sequence(der(0x31, common));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

function keyIdOf(key: KeyObject): Buffer {
  return createHash("sha256").update(spki(key)).digest().subarray(0, 20);
}

/** @returns PEM. */
function signed(signer: Signer, { subject, publicKey, extensions }: Subject): string {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const body = sequence(
    der(0xa0, integer(Uint8Array.of(2))),
    integer(serial),
    ECDSA_SHA256,
    signer.subject,
    validity(signer.nowMs - LAG_MS, signer.nowMs + VALID_MS),
    subject,
    spki(publicKey),
    der(0xa3, sequence(...extensions)),
  );
  const whole = sequence(body, ECDSA_SHA256, bits(sign("sha256", body, signer.key)));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
