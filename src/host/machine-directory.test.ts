import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machineDirectory } from "./machine-directory.ts";

const ID = "0123456789abcdef".repeat(2);
const OTHER = "fedcba9876543210".repeat(2);
let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "ccos-machine-"));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function image(mode: number): string {
  const path = join(base, "image");
  writeFileSync(path, "content");
  chmodSync(path, mode);
  return path;
}

describe("machineDirectory", () => {
  test("is ours alone, and gone when it is removed, twice too", async () => {
    const directory = await machineDirectory(join(base, "vms"), ID);
    expect(statSync(directory.path).mode & 0o777).toBe(0o700);
    await directory.remove();
    await directory.remove();
    expect(existsSync(join(base, "vms", ID))).toBe(false);
  });

  test.each([0o444, 0o644])(
    "stages an image of mode %o, and says what lies there",
    async (mode) => {
      const from = image(mode);
      const directory = await machineDirectory(join(base, "vms"), ID);
      const digest = createHash("sha256").update("content").digest("hex");
      expect(await directory.stage(from, "root.img")).toBe(`sha256:${digest}`);
      const staged = statSync(join(directory.path, "root.img"));
      expect(staged.mode & 0o777).toBe(0o444);
      // A file that somebody may write is copied: what was measured cannot change under the machine.
      expect(staged.ino === statSync(from).ino).toBe(mode === 0o444 && staged.uid === 0);
    },
  );

  test("refuses to stage over what is there, or what is absent", async () => {
    const directory = await machineDirectory(join(base, "vms"), ID);
    await directory.stage(image(0o644), "a");
    await expect(directory.stage(join(base, "image"), "a")).rejects.toMatchObject({
      code: "IO_ERROR",
    });
    await expect(directory.stage(join(base, "none"), "b")).rejects.toMatchObject({
      code: "IO_ERROR",
    });
  });

  test("refuses a base that others may write, and a machine that is there already", async () => {
    mkdirSync(join(base, "open"));
    chmodSync(join(base, "open"), 0o777);
    await expect(machineDirectory(join(base, "open"), ID)).rejects.toMatchObject({
      code: "IO_ERROR",
    });
    await machineDirectory(join(base, "vms"), ID);
    await expect(machineDirectory(join(base, "vms"), ID)).rejects.toMatchObject({
      code: "IO_ERROR",
    });
  });

  test("sweeps what a dead maker left, and nothing of a living one or of a stranger", async () => {
    const vms = join(base, "vms");
    await machineDirectory(vms, ID);
    const dead = join(vms, "0".repeat(32));
    mkdirSync(join(dead, "root"), { recursive: true });
    // Our own pid, but started at another time: a reused number.
    writeFileSync(join(dead, "owner"), `${process.pid} 1`);
    mkdirSync(join(vms, "something"));
    const unsigned = join(vms, "1".repeat(32));
    mkdirSync(unsigned);
    await machineDirectory(vms, OTHER);
    expect([ID, OTHER, "something"].map((name) => existsSync(join(vms, name)))).toEqual([
      true,
      true,
      true,
    ]);
    expect(existsSync(unsigned)).toBe(true);
    expect(existsSync(dead)).toBe(false);
  });
});
