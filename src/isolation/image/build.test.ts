/**
 * An image from inputs of the test's own: reproducible, locked, and refused with a reason.
 *
 * Skipped without mksquashfs, unless REQUIRE_ISOLATION names a wall with a machine.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findExecutable, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { buildImage } from "./build.ts";
import { elfNeeds, moduleNeeds } from "./elf.ts";
import { IMAGE_PARTS, LOCK_FILE, lockText, parseLock } from "./lock.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const isRequired = (process.env["REQUIRE_ISOLATION"] ?? "").includes("microvm/");
const canSquash = findExecutable("mksquashfs", SYSTEM_DIRECTORIES) !== null || isRequired;
const gcc = findExecutable("gcc", SYSTEM_DIRECTORIES);

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-build-"));
  const modules = join(directory, "unpacked", "lib/modules/9.9-cloud/kernel/drivers");
  mkdirSync(join(directory, "unpacked", "boot"), { recursive: true });
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(directory, "unpacked", "boot", "vmlinuz-9.9-cloud"), "kernel");
  for (const [name, depends] of [
    ["virtio", ""],
    ["virtio_mmio", "virtio"],
    ["virtio_blk", "virtio"],
    ["dm-bufio", "dm-mod"],
    ["dm-mod", ""],
    ["dm-verity", "dm-mod,dm-bufio"],
    ["virtio-console", "virtio"],
    ["squashfs", ""],
    ["virtio_pci", "virtio"],
    ["vsock", ""],
    ["vmw_vsock_virtio_transport", "vsock"],
  ])
    writeFileSync(join(modules, `${name}.ko`), `\0license=x\0depends=${depends}\0name=${name}\0`);
  writeFileSync(join(directory, "tool"), "#!/bin/sh\n");
  chmodSync(join(directory, "tool"), 0o755);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const build = (out: string, change: Partial<Parameters<typeof buildImage>[0]> = {}) =>
  buildImage({
    out: join(directory, out),
    kernel: join(directory, "unpacked"),
    nodePath: "/bin/true",
    additions: [join(directory, "tool")],
    watch: { signal: new AbortController().signal, say: () => undefined },
    ...change,
  });

describe.skipIf(!canSquash)("buildImage", () => {
  test("two builds of the same inputs are the same bytes", async () => {
    const [first, second] = [await build("one"), await build("two")];
    expect(second).toEqual(first);
    for (const name of [...IMAGE_PARTS, LOCK_FILE])
      expect(readFileSync(join(directory, "two", name))).toEqual(
        readFileSync(join(directory, "one", name)),
      );
    expect(readdirSync(join(directory, "one")).sort()).toEqual([...IMAGE_PARTS, LOCK_FILE].sort());
  });

  test("the lock names what is executable, and changes with any input", async () => {
    const before = await build("three");
    expect(before.programs).toEqual(
      expect.arrayContaining(["/usr/bin/node", join(directory, "tool")]),
    );
    const after = await build("three", { additions: [] });
    expect(after.digests.root).not.toBe(before.digests.root);
    expect(after.digests.kernel).toBe(before.digests.kernel);
  });

  test("modules are loaded in the order of their needs", async () => {
    await build("four");
    const initrd = readFileSync(join(directory, "four", "initrd"), "latin1");
    const lists = [...initrd.matchAll(/modules(?:\.vsock)?\0+(virtio[\w.\n]+?)(?:\0|0707)/g)];
    expect(lists.map((each) => each[1]?.split("\n"))).toEqual(
      [
        "virtio virtio_mmio virtio_blk virtio_console dm_mod dm_bufio dm_verity squashfs",
        "virtio_pci vsock vmw_vsock_virtio_transport",
      ].map((names) => names.split(" ").map((name) => `${name}.ko`)),
    );
  });

  test.each([
    ["a kernel that is not there", { kernel: "/nonexistent" }, /neither a file nor a directory/],
    ["a directory without a kernel", { kernel: "/usr/share" }, /vmlinuz/],
    ["an addition that is not there", { additions: ["/nonexistent"] }, /cannot be read/],
  ])("refuses %s", async (_, change, why) => {
    await expect(build("five", change)).rejects.toMatchObject({
      code: "INPUT_NOT_FOUND",
      why: expect.stringMatching(why),
    });
  });
});

test("elfNeeds names the loader and the libraries of a program, and nothing of another file", () => {
  const { loader, libraries } = elfNeeds(readFileSync(process.execPath));
  expect(loader).toMatch(/^\/lib.*ld-linux/);
  expect(libraries).toContain("libc.so.6");
  const nothing = { loader: null, libraries: [] };
  expect(elfNeeds(new TextEncoder().encode("#!/bin/sh\n"))).toEqual(nothing);
  const cut = readFileSync(process.execPath).subarray(0, 80);
  expect(elfNeeds(cut)).toEqual(nothing);
});

test("moduleNeeds reads the list that a kernel module carries", () => {
  const text = new TextEncoder().encode("\0depends=virtio,virtio_ring\0");
  expect(moduleNeeds(text)).toEqual(["virtio", "virtio_ring"]);
  expect(moduleNeeds(new TextEncoder().encode("\0depends=\0"))).toEqual([]);
});

describe("parseLock", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const lock = {
    digests: { kernel: digest, initrd: digest, root: digest },
    verity: { rootHash: "b".repeat(64), salt: "0".repeat(64), dataBlocks: 277 },
    versions: { kernel: "6.1", node: "26.0.0" },
    programs: ["/usr/bin/node"],
  };

  test("reads what lockText wrote", () => {
    expect(parseLock(lockText(lock))).toEqual({ ok: true, value: lock });
  });

  test.each([
    ["no JSON", "{"],
    ["another version", lockText(lock).replace('"version": 2', '"version": 1')],
    ["a digest of another kind", lockText(lock).replace("sha256:", "sha1:")],
    ["no tree", lockText(lock).replace('"verity"', '"others"')],
    ["a tree without a name", lockText(lock).replace("bbbb", "bbb ")],
    ["a tree of nothing", lockText(lock).replace("277", "0")],
    ["no programs", lockText(lock).replace('"programs"', '"others"')],
  ])("refuses %s", (_, text) => {
    expect(parseLock(text).ok).toBe(false);
  });
});

/** The same compiler gives the same bytes; another one is not asked. */
const isPinned =
  gcc !== null &&
  execFileSync(gcc, ["-dumpfullversion"], { encoding: "latin1" }).trim() === "12.2.0";
test.runIf(isPinned)("process 1 and the probe of KVM are what their sources say", () => {
  execFileSync(process.execPath, ["scripts/microvm-programs.mjs", "--check"], { cwd: ROOT });
});
