import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { storedExecutable } from "./executable-store.ts";

const room = mkdtempSync(join(tmpdir(), "ccos-store-"));
afterAll(() => rmSync(room, { recursive: true }));
let number = 0;
const program = (content: string): string => {
  const path = join(room, `program-${number++}`);
  writeFileSync(path, content, { mode: 0o700 });
  return path;
};

describe.runIf(process.getuid?.() === 0)("storedExecutable", () => {
  test("keeps one copy of a content, for everybody to run and nobody to write", async () => {
    chmodSync(room, 0o755);
    const store = join(room, "store");
    const copy = await storedExecutable(program("same"), store);
    expect(await storedExecutable(program("same"), store)).toBe(copy);
    expect(await storedExecutable(program("other"), store)).not.toBe(copy);
    expect(readFileSync(copy, "utf8")).toBe("same");
    expect(statSync(copy).mode & 0o777).toBe(0o555);
    expect(statSync(copy).uid).toBe(0);
  });

  test("does not take a copy that others could have written", async () => {
    const store = join(room, "store-2");
    const source = program("content");
    const copy = await storedExecutable(source, store);
    writeFileSync(copy, "planted");
    chmodSync(copy, 0o777);
    const again = "./executable-store.ts?again";
    const { storedExecutable: afresh } = (await import(again)) as {
      storedExecutable: typeof storedExecutable;
    };
    expect(readFileSync(await afresh(source, store), "utf8")).toBe("content");
  });

  test("refuses a store that is not root's alone", async () => {
    const open = join(room, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    await expect(storedExecutable(program("x"), join(open, "store"))).rejects.toMatchObject({
      code: "ISOLATION_UNAVAILABLE",
    });
  });
});
