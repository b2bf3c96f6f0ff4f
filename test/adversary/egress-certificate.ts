/** Certificates, made here: a bare host has no tool for it. ECDSA P-256, one day, DNS names and addresses. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { isIPv4 } from "node:net";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Who signs. Absent: the certificate signs itself. */
export interface Issuer extends Certificate {
  readonly name: string;
}

export interface CertificateOptions {
  readonly issuer?: Issuer;
  /** It may sign others. */
  readonly authority?: boolean;
  /** Somebody's public key (PEM of a key or a certificate) instead of one of its own. */
  readonly publicKeyOf?: string;
  readonly daysFrom?: number;
  readonly daysTo?: number;
}

const der = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.from([tag, ...size]), content]);
};
const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(0x30, ...parts);
const oid = (...bytes: readonly number[]): Uint8Array => der(0x06, Uint8Array.from(bytes));
const text = (value: string): Uint8Array => Buffer.from(value, "latin1");
const time = (date: Date): Uint8Array =>
  der(0x17, text(`${date.toISOString().replaceAll(/[-:T]/g, "").slice(2, 14)}Z`));
const nameOf = (name: string): Uint8Array =>
  sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, text(name)))));
const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);
let serial = 7;

export function certificateFor(...names: readonly string[]): Certificate {
  return certificateWith(names, {});
}

/** An authority of its own, which signs what {@link certificateWith} is given it for. */
export function authority(name: string): Issuer {
  return { name, ...certificateWith([name], { authority: true }) };
}

export function certificateWith(
  names: readonly string[],
  { issuer, authority: isAuthority = false, publicKeyOf, daysFrom, daysTo }: CertificateOptions,
): Certificate {
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKey: KeyObject =
    publicKeyOf === undefined ? own.publicKey : createPublicKey(publicKeyOf);
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const alternatives = names.map((name) =>
    isIPv4(name) ? der(0x87, Uint8Array.from(name.split(".").map(Number))) : der(0x82, text(name)),
  );
  const extensions = [
    sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(...alternatives))),
    ...(isAuthority
      ? [
          sequence(
            oid(0x55, 0x1d, 0x13),
            der(0x01, Uint8Array.of(255)),
            der(0x04, sequence(der(0x01, Uint8Array.of(255)))),
          ),
        ]
      : []),
  ];
  const body = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(serial++ & 0x7f)),
    algorithm,
    nameOf(issuer?.name ?? names[0] ?? "x"),
    sequence(time(inDays(daysFrom ?? -0.1)), time(inDays(daysTo ?? 1))),
    nameOf(names[0] ?? "x"),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, issuer?.key ?? own.privateKey);
  const whole = sequence(body, algorithm, der(0x03, Uint8Array.of(0), signature));
  const lines = Buffer.from(whole)
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n");
  return {
    key: own.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}
