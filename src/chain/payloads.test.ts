import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JsonValue } from "../foundation/json.ts";
import { continuePayloads, openPayloads, type PayloadStore } from "./payloads.ts";
import { digestOf } from "./record.ts";

let directory = "";
let path = "";
let keyPath = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-payloads-"));
  path = join(directory, "payloads.bin");
  keyPath = join(directory, "payload.key");
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function keep(store: PayloadStore, value: JsonValue): string {
  const digest = digestOf(value);
  store.put(digest, new TextEncoder().encode(JSON.stringify(value)));
  return digest;
}

async function textOf(digest: string): Promise<string | null> {
  const store = await openPayloads(path, keyPath);
  try {
    const bytes = await store.get(digest);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  } finally {
    await store.close();
  }
}

/** One store with values in `groups`, each group synced; the digests in order. */
async function written(groups: readonly (readonly JsonValue[])[]): Promise<string[]> {
  const store = await openPayloads(path, keyPath);
  const digests: string[] = [];
  for (const group of groups) {
    for (const value of group) digests.push(keep(store, value));
    await store.sync();
  }
  await store.close();
  return digests;
}

describe("openPayloads", () => {
  test("gives back each text as it was given, over many syncs, private on disk", async () => {
    const digests = await written([
      [{ b: "secret text", a: 1 }, "two"],
      [],
      ["x".repeat(5_000_000), null],
      [[3]],
    ]);
    expect(await textOf(digests[0]!)).toBe('{"b":"secret text","a":1}');
    expect(await textOf(digests[1]!)).toBe('"two"');
    expect((await textOf(digests[2]!))?.length).toBe(5_000_002);
    expect(await textOf(digests[3]!)).toBe("null");
    expect(await textOf(digests[4]!)).toBe("[3]");
    expect(await textOf(digestOf("never kept"))).toBeNull();
    expect(readFileSync(path).includes("secret text")).toBe(false);
    for (const file of [path, keyPath]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("touches no disk before there is something to keep", async () => {
    const store = await openPayloads(path, keyPath);
    await store.sync();
    expect(await store.get(digestOf(1))).toBeNull();
    await store.close();
    expect(existsSync(path) || existsSync(keyPath)).toBe(false);
  });

  test("close keeps what was put and not yet synced", async () => {
    const store = await openPayloads(path, keyPath);
    const digest = keep(store, [1]);
    await store.close();
    expect(await textOf(digest)).toBe("[1]");
  });

  test("gives a payload of the run under way", async () => {
    const store = await openPayloads(path, keyPath);
    const digest = keep(store, [1]);
    expect(Buffer.from((await store.get(digest))!).toString()).toBe("[1]");
    await store.close();
  });

  test("keeps the bytes as they were when put, not as they are changed to", async () => {
    const store = await openPayloads(path, keyPath);
    const bytes = new TextEncoder().encode("[1]");
    store.put(digestOf([1]), bytes);
    bytes[1] = 0x32;
    await store.close();
    expect(await textOf(digestOf([1]))).toBe("[1]");
  });

  test("after erase nothing can be read or kept, and the key is gone", async () => {
    const [digest] = await written([["x"]]);
    const store = await openPayloads(path, keyPath);
    await store.erase();
    expect(await store.get(digest!)).toBeNull();
    expect(existsSync(keyPath)).toBe(false);
    expect(await textOf(digest!)).toBeNull();
  });

  test("erase during a run fails the run's next result closed", async () => {
    const store = await openPayloads(path, keyPath);
    keep(store, 1);
    await store.erase();
    expect(() => keep(store, 2)).toThrow(expect.objectContaining({ code: "CHAIN_UNWRITABLE" }));
    await expect(store.sync()).rejects.toMatchObject({ code: "CHAIN_UNWRITABLE" });
  });

  test("refuses a payload over 64 MiB and over 128 MiB unsynced", async () => {
    const store = await openPayloads(path, keyPath);
    const digest = (count: number): string => `sha256:${String(count).padStart(64, "0")}`;
    const large = new Uint8Array(64 * 1024 * 1024 + 1);
    const unwritable = expect.objectContaining({ code: "CHAIN_UNWRITABLE" });
    expect(() => store.put(digest(1), large)).toThrow(unwritable);
    store.put(digest(2), large.subarray(1));
    store.put(digest(3), large.subarray(1));
    expect(() => store.put(digest(4), large.subarray(0, 1))).toThrow(unwritable);
  });

  test("refuses a name that is no digest", async () => {
    const store = await openPayloads(path, keyPath);
    expect(() => store.put("../key", new Uint8Array())).toThrow(TypeError);
  });

  test("a past run's store keeps nothing new", async () => {
    await written([["x"]]);
    const store = await openPayloads(path, keyPath);
    expect(() => keep(store, 2)).toThrow(expect.objectContaining({ code: "CHAIN_UNWRITABLE" }));
    await store.close();
  });

  test("text that does not have the digest it was kept under is not given", async () => {
    const store = await openPayloads(path, keyPath);
    store.put(digestOf("said"), new TextEncoder().encode('"other"'));
    await store.close();
    await expect(textOf(digestOf("said"))).rejects.toMatchObject({ code: "CHAIN_INTEGRITY" });
  });

  test("a block cut by a crash hides only itself", async () => {
    const digests = await written([["first"], ["other"]]);
    truncateSync(path, statSync(path).size - 3);
    expect(await textOf(digests[0]!)).toBe('"first"');
    expect(await textOf(digests[1]!)).toBeNull();
  });

  test("every changed byte of a block is found, and blocks before it stay readable", async () => {
    const digests = await written([["first"], ["other"]]);
    const whole = readFileSync(path);
    const second = whole.length - (whole.length - 17) / 2;
    for (let at = Math.ceil(second) + 5; at < whole.length; at += 7) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1;
      writeFileSync(path, changed);
      expect(await textOf(digests[0]!)).toBe('"first"');
      await expect(textOf(digests[1]!)).rejects.toMatchObject({ code: "CHAIN_INTEGRITY" });
    }
  });

  test("blocks cannot be swapped or dropped before others", async () => {
    const digests = await written([["aaaaa"], ["bbbbb"]]);
    const whole = readFileSync(path);
    const length = (whole.length - 17) / 2;
    const [first, second] = [whole.subarray(17, 17 + length), whole.subarray(17 + length)];
    for (const blocks of [[second, first], [second]]) {
      writeFileSync(path, Buffer.concat([whole.subarray(0, 17), ...blocks]));
      await expect(textOf(digests[1]!)).rejects.toMatchObject({ code: "CHAIN_INTEGRITY" });
    }
  });

  test.each<[string, () => void, string]>([
    ["a key that others can read", () => chmodSync(keyPath, 0o644), "INPUT_UNREADABLE"],
    ["a key of another length", () => truncateSync(keyPath, 31), "INPUT_UNREADABLE"],
    [
      "a file of another kind",
      () => writeFileSync(path, "hello world, hello world"),
      "CHAIN_INTEGRITY",
    ],
  ])("refuses %s", async (_name, spoil, code) => {
    await written([["x"]]);
    spoil();
    await expect(openPayloads(path, keyPath)).rejects.toMatchObject({ code });
  });

  test("does not write over a key or a file that stands there", async () => {
    const store = await openPayloads(path, keyPath);
    keep(store, 1);
    writeFileSync(keyPath, "x".repeat(32), { mode: 0o600 });
    await expect(store.sync()).rejects.toMatchObject({ code: "CHAIN_UNWRITABLE" });
    expect(readFileSync(keyPath, "utf8")).toBe("x".repeat(32));
  });
});

describe("continuePayloads", () => {
  const sizeNow = (): number => statSync(path).size;

  test("keeps what was there, drops a cut block, and goes on behind it", async () => {
    const first = await written([["one"], ["two"]]);
    const whole = sizeNow();
    await continued(["three"]);
    const bytes = readFileSync(path);
    for (const size of [bytes.length - 1, whole + 5, whole + 3, whole]) {
      writeFileSync(path, bytes.subarray(0, size));
      const added = await continued([`after ${size}`]);
      expect(await Promise.all([...first, ...added].map(textOf))).toEqual([
        '"one"',
        '"two"',
        `"after ${size}"`,
      ]);
    }
  });

  async function continued(values: readonly JsonValue[]): Promise<string[]> {
    const store = await continuePayloads(path, keyPath, true);
    const digests = values.map((value) => keep(store, value));
    await store.close();
    return digests;
  }

  test("begins anew where nothing was kept, and refuses where something was", async () => {
    writeFileSync(keyPath, new Uint8Array(32), { mode: 0o600 });
    await expect(continuePayloads(path, keyPath, true)).rejects.toMatchObject({
      code: "CHAIN_INTEGRITY",
    });
    expect(existsSync(keyPath)).toBe(true);
    const store = await continuePayloads(path, keyPath, false);
    const digest = keep(store, "first");
    await store.close();
    expect(await textOf(digest)).toBe('"first"');
  });

  test("refuses an erased key and a changed block, and leaves them", async () => {
    await written([["one"], ["two"]]);
    const key = readFileSync(keyPath);
    rmSync(keyPath);
    await expect(continuePayloads(path, keyPath, true)).rejects.toThrow(/its key is erased/);
    writeFileSync(keyPath, key, { mode: 0o600 });
    const bytes = readFileSync(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await expect(continuePayloads(path, keyPath, true)).rejects.toThrow(/block 0 does not decrypt/);
    expect(readFileSync(path)).toEqual(bytes);
  });
});
