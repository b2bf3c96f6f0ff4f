import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type ImageLock, LOCK_FILE, lockText } from "../image/lock.ts";
import { JAIL_FD } from "./jail.ts";
import { kindsIn, machinePorts } from "./machine-image.ts";
import { lackOf } from "./machine-ports.ts";
import { DEFAULT_MACHINE, limitsInside, machineMib } from "./machine-wish.ts";
import { SAMPLE_VERITY } from "./sample-vm.ts";

const MIB = 1024 * 1024;
const directory = mkdtempSync(join(tmpdir(), "ccos-ports-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const digest = (text: string): string =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** An image of these parts, locked. */
function lay(kernel: string, programs: readonly string[] = []): ImageLock {
  const parts = { kernel, initrd: "initrd", root: "root" };
  for (const [name, content] of Object.entries(parts))
    writeFileSync(join(directory, name), content);
  const lock: ImageLock = {
    digests: { kernel: digest(kernel), initrd: digest("initrd"), root: digest("root") },
    verity: SAMPLE_VERITY,
    versions: { kernel: "6.1-test", node: "26.0.0" },
    programs,
  };
  writeFileSync(join(directory, LOCK_FILE), lockText(lock));
  return lock;
}

const ports = (change: Partial<typeof DEFAULT_MACHINE> = {}) =>
  machinePorts({
    imageDir: directory,
    stateDir: directory,
    machine: { ...DEFAULT_MACHINE, ...change },
  });

beforeEach(() => void lay("\x7fELF kernel"));

describe("machinePorts", () => {
  test("gives the image of a directory: its parts, digests, tree, and a port for each descriptor", async () => {
    const lock = lay("\x7fELF kernel");
    const image = await ports().image();
    expect(image).toMatchObject({
      ok: true,
      value: {
        version: expect.stringMatching(/^kernel 6\.1-test, image [0-9a-f]{12}\.[0-9a-f.]{25}$/),
        images: { kernel: join(directory, "kernel"), verity: SAMPLE_VERITY, store: null },
        digests: new Map(Object.entries(lock.digests)),
        // In the order in which process 1 calls.
        ports: new Map([
          [JAIL_FD.init, 1024],
          [0, 1025],
          [1, 1026],
          [2, 1027],
          [3, 1028],
          [JAIL_FD.doors, 1029],
        ]),
      },
    });
  });

  test("says why there is none", async () => {
    const nowhere = { imageDir: join(directory, "none"), stateDir: directory };
    const absent = machinePorts({ ...nowhere, machine: DEFAULT_MACHINE });
    expect(await lackOf(absent)).toContainEqual(
      expect.stringMatching(/^an image: "image\.lock\.json" is absent in ".*none"$/),
    );
    const other = await ports({ expectRoot: digest("another") }).image();
    expect(other).toMatchObject({ ok: false, error: expect.stringContaining("another root") });
    lay("MZ, a bzImage");
    expect(await ports().image()).toMatchObject({
      ok: false,
      error: expect.stringContaining("no ELF file"),
    });
  });

  test("what it measured is what it gives; an altered part is refused", async () => {
    const measured = ports();
    await measured.attest();
    expect(await measured.image()).toMatchObject({ ok: true });
    lay("\x7fELF another");
    expect(await measured.image()).toEqual({
      ok: false,
      error: "it was replaced since it was measured",
    });
    writeFileSync(join(directory, "root"), "altered");
    await expect(ports().attest()).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
  });
});

test("programs other than plans need an image that can be attacked", () => {
  expect([...kindsIn(directory)]).toEqual(["rtfs"]);
  lay("\x7fELF kernel", ["/usr/bin/perl"]);
  expect([...kindsIn(directory)]).toEqual(["rtfs", "external", "script"]);
});

describe("a machine's memory", () => {
  const limits = { wallMs: 1, cpuMs: 1, pidsMax: 1, outputBytes: 1, diskBytes: 1 };
  const given = { ...limits, memoryBytes: 256 * MIB };

  test("is the program's and room for a kernel; or the config's, of which the program has what is left", () => {
    expect(machineMib(limitsInside(given, DEFAULT_MACHINE), DEFAULT_MACHINE)).toBe(256 + 160);
    const wish = { ...DEFAULT_MACHINE, memoryMib: 200 };
    expect(limitsInside(given, wish).memoryBytes).toBe((200 - 96) * MIB);
    expect(machineMib(limitsInside(given, wish), wish)).toBe(200);
  });

  test("is refused where nothing would boot", () => {
    const small = { ...DEFAULT_MACHINE, memoryMib: 191 };
    expect(() => limitsInside(given, small)).toThrow(/machine of 191 MiB/);
  });
});
