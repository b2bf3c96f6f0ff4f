/** The tree against `veritysetup`'s own bytes: one recorded, more where it is installed. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findExecutable, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { verityWord, withTree } from "./verity.ts";

const BLOCK = 4_096;
const isRequired = (process.env["REQUIRE_ISOLATION"] ?? "").includes("microvm/");
const veritysetup = findExecutable("veritysetup", SYSTEM_DIRECTORIES);

/** Bytes that are not alike, the same ones every time. */
function sample(bytes: number): Uint8Array {
  return createHash("shake128", { outputLength: bytes }).update("ccos").digest();
}

test("is, byte for byte, what veritysetup 2.6.1 made of the same blocks", () => {
  const { image, verity } = withTree(sample(300 * BLOCK));
  expect(verity).toEqual({
    rootHash: "6c34ae075679fb960a3b84fc580a0f32535b7147c505e8991eef8ab7fbd8ad7d",
    salt: "00".repeat(32),
    dataBlocks: 300,
  });
  expect(image.length).toBe((300 + 1 + 1 + 3) * BLOCK);
  expect(createHash("sha256").update(image).digest("hex")).toBe(
    "edc97de9d9695c9791d0d25b6e64de410f9c932f303059d994b7db20b08e3929",
  );
});

test.runIf(veritysetup !== null || isRequired).each([1, 2, 128, 129, 128 * 128 + 1])(
  "%i blocks: the bytes of the veritysetup that is installed",
  (blocks) => {
    const directory = mkdtempSync(join(tmpdir(), "ccos-verity-"));
    try {
      const path = join(directory, "image");
      const data = sample(blocks * BLOCK);
      writeFileSync(path, data);
      const said = execFileSync(
        veritysetup ?? "",
        [
          ["format", path, path, `--hash-offset=${blocks * BLOCK}`, `--data-blocks=${blocks}`],
          ["--data-block-size=4096", "--hash-block-size=4096", "--hash=sha256"],
          [`--salt=${"00".repeat(32)}`, "--uuid=00000000-0000-0000-0000-000000000001"],
        ].flat(),
        { encoding: "latin1" },
      );
      const { image, verity } = withTree(data);
      expect(/Root hash:\s*(\S+)/.exec(said)?.[1]).toBe(verity.rootHash);
      expect(Buffer.compare(readFileSync(path), image)).toBe(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

test("data that ends within a block is filled up with zeros", () => {
  const bytes = sample(BLOCK + 100);
  const filled = new Uint8Array(2 * BLOCK);
  filled.set(bytes);
  expect(withTree(bytes)).toEqual(withTree(filled));
});

test("every byte of the data counts for the name of the tree", () => {
  const data = sample(130 * BLOCK);
  const before = withTree(data).verity.rootHash;
  for (const at of [0, BLOCK, 129 * BLOCK, data.length - 1]) {
    data[at] = (data[at] ?? 0) ^ 1;
    expect(withTree(data).verity.rootHash).not.toBe(before);
    data[at] ^= 1;
  }
});

test("process 1 finds a drive's tree by the name of the drive", () => {
  const { verity } = withTree(sample(BLOCK));
  expect(verityWord("vda", verity)).toBe(`ccos.vda=1:${verity.rootHash}:${verity.salt}`);
});
