/**
 * What the machine's wall has beyond the contract of every wall: an image that cannot be altered, a monitor in a
 * jail, an end that is only believed when it was said, a boot beside a busy host.
 *
 * Skipped where QEMU or an image (CCOS_IMAGE) is missing, unless REQUIRE_ISOLATION names the wall.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testImage } from "../../../test/contract/image.ts";
import { distinct, type Draw, drawOnce, SOURCES } from "../../../test/soak/clones.ts";
import { processesNaming } from "../../host/index.ts";
import { cpioOf } from "../image/archive.ts";
import { IMAGE_PARTS, type ImageLock, LOCK_FILE, lockText, parseLock } from "../image/lock.ts";
import type { IsolationProvider, SandboxProgram, SandboxSpec } from "../provider.ts";
import { DEFAULT_MACHINE } from "../vm/machine-wish.ts";
import { createQemu } from "./qemu.ts";

const NAME = "microvm/qemu";
const MIB = 1024 * 1024;
const BLOCK_BYTES = 4_096;
const NEVER = new AbortController().signal;
const stateDir = mkdtempSync(join(tmpdir(), "ccos-qemu-"));
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));
const given = testImage().imageDir ?? "/nonexistent";
const probe = await createQemu({ stateDir, imageDir: given, machine: DEFAULT_MACHINE }).probe();
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes(NAME);

const SPEC: SandboxSpec = {
  limits: {
    wallMs: 30_000,
    cpuMs: 30_000,
    memoryBytes: 256 * MIB,
    pidsMax: 64,
    outputBytes: MIB,
    diskBytes: 4 * MIB,
  },
  files: [],
  binds: [],
  environment: {},
  sockets: false,
};

function guest(source: string): SandboxProgram {
  const content = new TextEncoder().encode(source);
  return {
    kind: "rtfs",
    guest: { path: "/ccos/guest.cjs", content, executable: false },
    beside: [],
    stackKiB: 984,
  };
}

/** A copy of the image, which a test may damage. */
function copyOfImage(): string {
  const directory = mkdtempSync(join(tmpdir(), "ccos-image-"));
  for (const name of [...IMAGE_PARTS, LOCK_FILE])
    copyFileSync(join(given, name), join(directory, name));
  return directory;
}

function flipByte(path: string, at: number): void {
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  closeSync(file);
}

/** Put another part into an image and its lock, as someone who may write both would. */
function replacePart(directory: string, part: "initrd" | "root", content: Uint8Array): void {
  writeFileSync(join(directory, part), content);
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  changeLock(directory, (lock) => ({ ...lock, digests: { ...lock.digests, [part]: digest } }));
}

/** The block of the topmost level, which every read comes by, and a digest for it that fits. */
function flipInTree(directory: string): void {
  const content = readFileSync(join(directory, "root"));
  const at = (lockOf(directory).verity.dataBlocks + 1) * BLOCK_BYTES;
  content[at] = (content[at] ?? 0) ^ 1;
  replacePart(directory, "root", content);
}

/** In place: the same file, which a machine has open. */
function alterEveryBlock(path: string, blocks: number): void {
  const file = openSync(path, "r+");
  for (let block = 0; block < blocks; block++)
    writeSync(file, Buffer.from("altered"), 0, 7, block * BLOCK_BYTES + 128);
  closeSync(file);
}

function lockOf(directory: string): ImageLock {
  const lock = parseLock(readFileSync(join(directory, LOCK_FILE), "utf8"));
  if (!lock.ok) throw new Error(lock.error);
  return lock.value;
}

function changeLock(directory: string, change: (lock: ImageLock) => ImageLock): void {
  writeFileSync(join(directory, LOCK_FILE), lockText(change(lockOf(directory))));
}

async function start(provider: IsolationProvider, program = guest("0"), spec = SPEC) {
  const session = await provider.open(spec);
  try {
    const execution = await session.execute(program, NEVER);
    execution.stdin.end();
    execution.stdout.resume();
    execution.stderr.resume();
    return { session, execution };
  } catch (cause) {
    await session.close();
    throw cause;
  }
}

describe.skipIf(probe.kind === "missing" && !required)(
  `${NAME} beyond the contract`,
  { timeout: 180_000 },
  () => {
    const provider = createQemu({ stateDir, imageDir: given, machine: DEFAULT_MACHINE });
    let copy: string;
    let copied: IsolationProvider;

    beforeAll(() => {
      copy = copyOfImage();
      copied = createQemu({ stateDir, imageDir: copy, machine: DEFAULT_MACHINE });
    });
    afterAll(() => rmSync(copy, { recursive: true, force: true }));

    test.each(IMAGE_PARTS)(
      "one flipped bit of %s refuses the boot and the record",
      async (part) => {
        const path = join(copy, part);
        for (const at of [0, statSync(path).size >> 1, statSync(path).size - 1]) {
          flipByte(path, at);
          const refusal = {
            code: "ISOLATION_UNAVAILABLE",
            why: expect.stringContaining(`"${part}"`),
          };
          await expect(start(copied)).rejects.toMatchObject(refusal);
          await expect(copied.machine?.attest(SPEC)).rejects.toMatchObject(refusal);
          flipByte(path, at);
        }
        await expect(copied.machine?.attest(SPEC)).resolves.toMatchObject({ image: {} });
      },
    );

    test("an image that was replaced after it was recorded is not booted, lock or no lock", async () => {
      const replaced = copyOfImage();
      try {
        const recorded = createQemu({ stateDir, imageDir: replaced, machine: DEFAULT_MACHINE });
        await recorded.machine?.attest(SPEC);
        replacePart(replaced, "initrd", cpioOf([]));
        await expect(start(recorded)).rejects.toMatchObject({
          code: "ISOLATION_UNAVAILABLE",
          why: "the image was replaced since",
        });
      } finally {
        rmSync(replaced, { recursive: true, force: true });
      }
    });

    test("a root that is not the one the config expects is refused", async () => {
      const expectRoot = `sha256:${"0".repeat(64)}`;
      const other = createQemu({
        stateDir,
        imageDir: given,
        machine: { ...DEFAULT_MACHINE, expectRoot },
      });
      await expect(other.machine?.attest(SPEC)).rejects.toMatchObject({
        code: "ISOLATION_UNAVAILABLE",
      });
    });

    test("a machine too small for its kernel is refused before it boots", async () => {
      const machine = { ...DEFAULT_MACHINE, memoryMib: 191 };
      const small = createQemu({ stateDir, imageDir: given, machine });
      await expect(start(small)).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
    });

    test("a machine that ends without a word is a crash, whatever its status", async () => {
      const mute = copyOfImage();
      try {
        // No process 1: the kernel panics, and QEMU ends with status 0.
        replacePart(mute, "initrd", cpioOf([]));
        const options = { stateDir, imageDir: mute, machine: DEFAULT_MACHINE };
        const { session, execution } = await start(createQemu({ ...options, templates: false }));
        await expect(execution.ending).rejects.toMatchObject({ code: "PROVIDER_CRASHED" });
        await session.close();
        await expect(start(createQemu(options))).rejects.toMatchObject({
          code: "PROVIDER_CRASHED",
          what: "Cannot make a template of the machine",
        });
      } finally {
        rmSync(mute, { recursive: true, force: true });
      }
    });

    test("bytes that change after the image was measured end the machine before they are read", async () => {
      const altered = copyOfImage();
      try {
        const provider = createQemu({ stateDir, imageDir: altered, machine: DEFAULT_MACHINE });
        const reader = guest(`
          const fs = require("node:fs");
          fs.writeSync(1, "running ");
          fs.readSync(0, Buffer.alloc(1));
          const node = fs.openSync("/usr/bin/node");
          const piece = Buffer.alloc(65536);
          for (let at = 0; fs.readSync(node, piece, 0, piece.length, at) > 0; at += piece.length);
          fs.writeSync(1, "read");
        `);
        const session = await provider.open(SPEC);
        const execution = await session.execute(reader, NEVER);
        let said = "";
        const running = new Promise((resolve) => execution.stdout.once("data", resolve));
        execution.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
        execution.stderr.resume();
        await running;
        alterEveryBlock(join(altered, "root"), lockOf(altered).verity.dataBlocks);
        execution.stdin.end("g");
        await expect(execution.ending).rejects.toMatchObject({ code: "PROVIDER_CRASHED" });
        expect(said).toBe("running ");
        await session.close();
      } finally {
        rmSync(altered, { recursive: true, force: true });
      }
    });

    test.each([
      ["a tree with a flipped bit", (at: string) => flipInTree(at)],
      [
        "another root hash",
        (at: string) =>
          changeLock(at, (lock) => ({
            ...lock,
            verity: { ...lock.verity, rootHash: "0".repeat(64) },
          })),
      ],
    ])("%s is never mounted, whatever the lock says", async (_, damage) => {
      const damaged = copyOfImage();
      try {
        damage(damaged);
        // Its template is what would mount it first.
        const provider = createQemu({ stateDir, imageDir: damaged, machine: DEFAULT_MACHINE });
        await expect(start(provider)).rejects.toMatchObject({
          code: "PROVIDER_CRASHED",
          why: expect.stringContaining("panic"),
        });
      } finally {
        rmSync(damaged, { recursive: true, force: true });
      }
    });

    test("QEMU has one capability at most, no way to more, a filter, and a network of its own", async () => {
      const label = "jailed-monitor";
      const { session } = await start(provider, guest("setTimeout(() => {}, 60000)"), {
        ...SPEC,
        label,
      });
      try {
        const pid = await jailed(label);
        const status = readFileSync(`/proc/${pid}/status`, "latin1");
        const field = (name: string): string =>
          new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "";
        expect([field("NoNewPrivs"), field("Seccomp")]).toEqual(["1", "2"]);
        // CAP_SYS_CHROOT over its own user namespace
        expect(BigInt(`0x${field("CapEff")}`) & ~(1n << 18n)).toBe(0n);
        expect(BigInt(`0x${field("CapBnd")}`) & ~(1n << 18n)).toBe(0n);
        expect(field("Uid")).not.toBe("0");
        for (const kind of ["net", "user", "mnt", "ipc", "uts"])
          expect(readlinkSync(`/proc/${pid}/ns/${kind}`)).not.toBe(
            readlinkSync(`/proc/self/ns/${kind}`),
          );
        expect(readlinkSync(`/proc/${pid}/root`)).toMatch(/fdinfo$/);
      } finally {
        await session.close();
      }
      expect(await processesNaming(label)).toEqual([]);
    });

    test("no two machines from one template draw the same randomness, and each has the host's time", async () => {
      const CLONES = 5;
      const before = Date.now();
      const drawn: Draw[] = [];
      for (let clone = 0; clone < CLONES; clone++) drawn.push(await drawOnce(provider, SPEC));
      const after = Date.now();
      expect(distinct(drawn)).toEqual(Object.fromEntries(SOURCES.map((name) => [name, CLONES])));
      for (const { ms } of drawn) {
        expect(ms).toBeGreaterThan(before - 1_000);
        expect(ms).toBeLessThan(after + 1_000);
      }
      const facts = await provider.machine?.attest(SPEC);
      expect(facts?.["template"]).toMatch(/^sha256:[0-9a-f]{64}$/);
    });

    test("a template with one flipped bit is refused; one that was exchanged after it was recorded too", async () => {
      const own = mkdtempSync(join(tmpdir(), "ccos-qemu-"));
      try {
        cpSync(join(stateDir, "templates"), join(own, "templates"), { recursive: true });
        cpSync(join(stateDir, "walls"), join(own, "walls"), { recursive: true });
        const options = { stateDir: own, imageDir: given, machine: DEFAULT_MACHINE };
        const fresh = createQemu(options);
        await fresh.machine?.attest(SPEC);
        for (const name of readdirSync(join(own, "templates"))) {
          const path = join(own, "templates", name);
          chmodSync(path, 0o600);
          flipByte(path, statSync(path).size >> 1);
        }
        const refusal = { code: "ISOLATION_UNAVAILABLE", why: expect.stringContaining("changed") };
        await expect(start(fresh)).rejects.toMatchObject(refusal);
        await expect(createQemu(options).machine?.attest(SPEC)).rejects.toMatchObject(refusal);
        for (const name of readdirSync(join(own, "templates"))) {
          const path = join(own, "templates", name);
          const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
          renameSync(path, join(own, "templates", `${name.split(".")[0]}.${digest}`));
        }
        await expect(start(fresh)).rejects.toMatchObject({
          why: "the template was replaced since",
        });
      } finally {
        rmSync(own, { recursive: true, force: true });
      }
    });

    test("it boots beside two programs that keep both processors busy", async () => {
      const burners: ChildProcess[] = [1, 2].map(() =>
        spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }),
      );
      try {
        const booting = createQemu({
          stateDir,
          imageDir: given,
          machine: DEFAULT_MACHINE,
          templates: false,
        });
        const { session, execution } = await start(booting, guest("process.exitCode = 5"));
        expect(await execution.ending).toEqual({ kind: "exited", status: 5 });
        await session.close();
      } finally {
        for (const burner of burners) burner.kill("SIGKILL");
      }
    });
  },
);

/** The monitor, once it has put its filter on, which is the last it does before the guest. */
async function jailed(label: string): Promise<number> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    for (const pid of await processesNaming(label)) {
      const isFiltered = /^Seccomp:\s*2$/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
      if (isFiltered && readlinkSync(`/proc/${pid}/root`) !== "/") return pid;
    }
    await pause(20);
  }
  throw new Error("no monitor was seen in its jail");
}
