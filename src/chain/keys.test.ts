import { generateKeyPairSync, hash } from "node:crypto";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isSignedBy, parseHead, type SignedHead, signHead } from "./head.ts";
import { keyIdOf, loadOrCreateHostKey, loadPublicKey } from "./host-key.ts";

let directory = "";
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "ccos-keys-")), "keys");
});
afterEach(() => {
  rmSync(join(directory, ".."), { recursive: true });
});

const refused = { name: "CcosError", code: "INPUT_UNREADABLE" };

describe("loadOrCreateHostKey", () => {
  test("makes one private pair and gives the same one ever after", async () => {
    const made = await loadOrCreateHostKey(directory);
    const again = await loadOrCreateHostKey(directory);
    expect(again.keyId).toBe(made.keyId);
    expect(readdirSync(directory).sort()).toEqual(["host.key.pem", "host.pub.pem"]);
    expect(statSync(join(directory, "host.key.pem")).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const raw = (await loadPublicKey(directory))!
      .export({ type: "spki", format: "der" })
      .subarray(-32);
    expect(made.keyId).toBe(hash("sha256", raw).slice(0, 16));
  });

  test("gives one key to callers that start at once", async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateHostKey(directory)));
    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(1);
    expect(readdirSync(directory).length).toBe(2);
  });

  test.each<[string, () => void]>([
    ["a key the group can read", () => chmodSync(join(directory, "host.key.pem"), 0o640)],
    ["a key the world can write", () => chmodSync(join(directory, "host.key.pem"), 0o602)],
    [
      "a symlink to a key",
      () => {
        renameSync(join(directory, "host.key.pem"), join(directory, "real"));
        symlinkSync("real", join(directory, "host.key.pem"));
      },
    ],
    ["no key", () => writeFileSync(join(directory, "host.key.pem"), "hello")],
    [
      "a key of another kind",
      () => {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        rmSync(join(directory, "host.pub.pem"));
        writeFileSync(
          join(directory, "host.key.pem"),
          privateKey.export({ type: "pkcs8", format: "pem" }),
        );
      },
    ],
    ["an oversized file", () => writeFileSync(join(directory, "host.key.pem"), "x".repeat(5000))],
    [
      "a private half that is not that of the public half",
      () => rmSync(join(directory, "host.key.pem")),
    ],
  ])("refuses %s", async (_name, spoil) => {
    await loadOrCreateHostKey(directory);
    spoil();
    await expect(loadOrCreateHostKey(directory)).rejects.toMatchObject(refused);
  });
});

describe("loadPublicKey", () => {
  test("gives null where no run was ever sealed", async () => {
    expect(await loadPublicKey(directory)).toBeNull();
  });

  test("refuses a private key in the public one's place", async () => {
    await loadOrCreateHostKey(directory);
    writeFileSync(join(directory, "host.pub.pem"), readFileSync(join(directory, "host.key.pem")));
    await expect(loadPublicKey(directory)).rejects.toMatchObject(refused);
  });
});

describe("signHead", () => {
  const fields = {
    chain: "run-1",
    records: 3,
    head: "a".repeat(64),
    root: "c".repeat(64),
  };

  test("signs every field: a change of any is found", async () => {
    const key = await loadOrCreateHostKey(directory);
    const head = signHead(fields, key);
    expect(isSignedBy(head, key.publicKey)).toBe(true);
    const changes: Partial<SignedHead>[] = [
      { chain: "run-2" },
      { records: 2 },
      { head: "b".repeat(64) },
      { root: "b".repeat(64) },
      { v: 1 },
      { signature: `${head.signature.slice(2, 86)}AA==` },
      { signature: "" },
      { keyId: "0".repeat(16) },
    ];
    for (const change of changes) {
      expect(isSignedBy({ ...head, ...change }, key.publicKey)).toBe(false);
    }
  });

  test("is not believed by a key of another kind", async () => {
    const key = await loadOrCreateHostKey(directory);
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(isSignedBy(signHead(fields, key), publicKey)).toBe(false);
  });

  test("is not believed when it names another key or was made by another algorithm", async () => {
    const key = await loadOrCreateHostKey(directory);
    const misnamed = signHead(fields, { ...key, keyId: "0".repeat(16) });
    expect(isSignedBy(misnamed, key.publicKey)).toBe(false);
    const { privateKey, publicKey } = generateKeyPairSync("ed448");
    const other = signHead(fields, { keyId: keyIdOf(publicKey), privateKey, publicKey });
    expect(isSignedBy(other, publicKey)).toBe(false);
  });

  test("survives its file form", async () => {
    const head = signHead(fields, await loadOrCreateHostKey(directory));
    expect(parseHead(`${JSON.stringify(head)}\n`)).toEqual({ ok: true, value: head });
  });
});

describe("parseHead", () => {
  const head = {
    v: 2,
    chain: "run-1",
    records: 3,
    head: "a".repeat(64),
    root: "c".repeat(64),
    keyId: "0".repeat(16),
    algorithm: "ed25519",
    signature: `${"A".repeat(86)}==`,
  };

  test.each<[string, object, string]>([
    ["another algorithm", { algorithm: "none" }, '"algorithm" is missing or malformed'],
    ["no records", { records: 0 }, '"records" is missing or malformed'],
    ["a fraction", { records: 1.5 }, '"records" is missing or malformed'],
    ["a short signature", { signature: "AA==" }, '"signature" is missing or malformed'],
    ["an upper-case hash", { head: "A".repeat(64) }, '"head" is missing or malformed'],
    ["a surplus field", { publicKey: "mine" }, "it has a field that no head has"],
    ["another version", { v: 3 }, '"v" is missing or malformed'],
    ["a root in the first version", { v: 1 }, "it has a field that no head has"],
    ["no root", { root: undefined }, '"root" is missing or malformed'],
  ])("refuses %s", (_name, change, error) => {
    expect(parseHead(JSON.stringify({ ...head, ...change }))).toEqual({ ok: false, error });
  });

  test.each(["", "[]", "null", "{", '{"__proto__":{"v":1}}'])("refuses %j", (text) => {
    expect(parseHead(text).ok).toBe(false);
  });
});
