/** No byte of an image can differ unseen: not of a part, and not of the lock itself. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IMAGE_PARTS, type ImageLock, LOCK_FILE, lockText } from "./lock.ts";
import { closeImage, measureImage } from "./measured-image.ts";
import { withTree } from "./verity.ts";

const FILES = [...IMAGE_PARTS, LOCK_FILE] as const;
let directory: string;
let lock: ImageLock;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-measured-"));
  const bytes = (seed: string, count: number): Buffer =>
    createHash("shake128", { outputLength: count }).update(seed).digest();
  const root = withTree(bytes("root", 20_000));
  const parts = { kernel: bytes("kernel", 3_000), initrd: bytes("initrd", 500), root: root.image };
  const digests = { kernel: "", initrd: "", root: "" };
  for (const part of IMAGE_PARTS) {
    writeFileSync(join(directory, part), parts[part]);
    digests[part] = `sha256:${createHash("sha256").update(parts[part]).digest("hex")}`;
  }
  const versions = { kernel: "6.1.0", node: "26.0.0" };
  lock = { digests, verity: root.verity, versions, programs: ["/usr/bin/node"] };
  writeFileSync(join(directory, LOCK_FILE), lockText(lock));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function measured(): Promise<ImageLock> {
  const image = await measureImage(directory);
  closeImage(image);
  return image.lock;
}

test("an image as it was built is measured", async () => {
  expect(await measured()).toEqual(lock);
});

test("a flipped bit of any byte of any file refuses the image and names it", async () => {
  const places = fc.tuple(fc.constantFrom(...FILES), fc.integer({ min: 0, max: 99_999 }));
  await fc.assert(
    fc.asyncProperty(places, fc.integer({ min: 0, max: 7 }), async ([name, place], bit) => {
      const path = join(directory, name);
      const content = readFileSync(path);
      const altered = Buffer.from(content);
      const at = Math.floor((place / 100_000) * content.length);
      altered[at] = (altered[at] ?? 0) ^ (1 << bit);
      writeFileSync(path, altered);
      try {
        await expect(measured()).rejects.toMatchObject({
          code: "ISOLATION_UNAVAILABLE",
          why: expect.stringContaining(`"${name}"`),
        });
      } finally {
        writeFileSync(path, content);
      }
    }),
    { numRuns: 300 },
  );
  expect(await measured()).toEqual(lock);
});

test.each(FILES)("%s cut short or made longer by a byte refuses the image", async (name) => {
  const path = join(directory, name);
  const content = readFileSync(path);
  for (const changed of [content.subarray(0, -1), Buffer.concat([content, Buffer.of(10)])]) {
    writeFileSync(path, changed);
    await expect(measured()).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
  }
  writeFileSync(path, content);
});
