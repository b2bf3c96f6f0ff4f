import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { describe, expect, test } from "vitest";
import { newKey } from "../../test/chain/sample.ts";
import { keyIdOf } from "./host-key.ts";
import { openCheckpoint, openNote, signCheckpoint, signNote } from "./note.ts";

/** The example of golang.org/x/mod/sumdb/note, which C2SP's format is that of: private key, text, note. */
const SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const NOTE = `${TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;
const VERIFIER = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_ED25519 = Buffer.from("302a300506032b6570032100", "hex");

function publishedKey(): { keyId: string; privateKey: KeyObject; publicKey: KeyObject } {
  const seed = Buffer.from(SEED, "base64").subarray(1);
  const der = Buffer.concat([PKCS8_ED25519, seed]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const raw = Buffer.from(VERIFIER, "base64").subarray(1);
  const spki = Buffer.concat([SPKI_ED25519, raw]);
  const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
  return { keyId: keyIdOf(publicKey), privateKey, publicKey };
}

describe("a signed note", () => {
  const { publicKey } = publishedKey();
  const key = { name: "PeterNeumann", publicKey };

  test("is the published one, byte by byte", () => {
    expect(signNote(TEXT, "PeterNeumann", publishedKey())).toBe(NOTE);
    expect(openNote(NOTE, key)).toEqual({ ok: true, value: TEXT });
  });

  test("may have signatures of others, and needs ours", () => {
    const witness = newKey();
    const line = signNote(TEXT, "witness.example", witness).split("\n").at(-2)!;
    expect(openNote(`${NOTE}${line}\n`, key)).toEqual({ ok: true, value: TEXT });
    expect(openNote(`${TEXT}\n${line}\n`, key)).toMatchObject({ ok: false });
  });

  const signature = NOTE.slice(TEXT.length + 1);
  test.each<[string, string]>([
    ["another text", NOTE.replace("cryptography", "cryptographY")],
    ["another signature", NOTE.replace("x08go/ZJku", "x08go/ZJkv")],
    ["another key id", NOTE.replace("x08go", "x08gp")],
    ["another name", NOTE.replace("— PeterNeumann", "— PeterNeumanm")],
    ["a name with a plus", NOTE.replace("— PeterNeumann", "— Peter+Neumann")],
    ["no dash", NOTE.replace("—", "-")],
    ["a carriage return", NOTE.replace("\nthen", "\r\nthen")],
    ["a tab", NOTE.replace(" think", "\tthink")],
    ["no signatures", `${TEXT}\n`],
    ["no text", `\n${signature}`],
    ["no end", NOTE.slice(0, -1)],
    ["a foreign line among the signatures", `${NOTE}hello\n`],
    ["a good and a bad signature of ours", `${NOTE}${signature.replace("ZJku", "ZJkv")}`],
    ["our signature twice", `${NOTE}${signature}`],
    ["another spelling of a signature", NOTE.replace("JnAM=", "JnAN=")],
    ["65 signatures", `${TEXT}\n${signature.repeat(65)}`],
    ["64 KiB", `${"a".repeat(65_536)}\n${NOTE}`],
    ["a lone surrogate", NOTE.replace("think", "\ud800")],
  ])("is refused with %s", (_name, note) => {
    expect(openNote(note, key)).toMatchObject({ ok: false });
  });
});

describe("a checkpoint", () => {
  const host = newKey();
  const key = { name: "ccos.local/host/1", publicKey: host.publicKey };
  const checkpoint = { origin: key.name, size: 20_852_163, root: "0a".repeat(32) };
  const sign = (text: string): string => signNote(text, key.name, host);
  const root = Buffer.from(checkpoint.root, "hex").toString("base64");

  test("survives its text, and may have further lines", () => {
    const note = signCheckpoint(checkpoint, host);
    expect(note.split("\n").slice(0, 4)).toEqual([key.name, "20852163", root, ""]);
    expect(openCheckpoint(note, key)).toEqual({ ok: true, value: checkpoint });
    const longer = sign(`${key.name}\n20852163\n${root}\nextension\n`);
    expect(openCheckpoint(longer, key)).toEqual({ ok: true, value: checkpoint });
  });

  test.each<[string, string]>([
    ["another log", `other.example/log\n1\n${root}\n`],
    ["no size", `${key.name}\n`],
    ["a leading zero", `${key.name}\n01\n${root}\n`],
    ["a sign", `${key.name}\n-1\n${root}\n`],
    ["a size over 2^40", `${key.name}\n1099511627776\n${root}\n`],
    ["a short root", `${key.name}\n1\n${root.slice(4)}\n`],
    ["a root in another spelling", `${key.name}\n1\n${root.replace("=", "")}\n`],
    ["an empty line in it", `${key.name}\n1\n${root}\n\nmore\n`],
  ])("is refused with %s, however well signed", (_name, text) => {
    expect(openCheckpoint(sign(text), key)).toMatchObject({ ok: false });
  });
});
