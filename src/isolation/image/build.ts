/**
 * `ccos image build`: the parts of a microVM's image, each made of named inputs alone, and the lock that names them.
 *
 * Read in this order: buildImage, initrdOf, squash. The root is a squashfs that nobody can write, with its verity tree
 * behind it; the first root holds process 1 and the kernel's modules. The same inputs give the same bytes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { gunzipSync } from "node:zlib";
import { CcosError } from "../../foundation/errors.ts";
import {
  ensurePrivateDir,
  findExecutable,
  readBounded,
  removeFile,
  runTool,
  SYSTEM_DIRECTORIES,
  writeAtomic,
} from "../../host/index.ts";
import { cpioOf, type Entry, tarOf } from "./archive.ts";
import { collectRoot } from "./collect.ts";
import { INIT_PROGRAM } from "./init-program.ts";
import { type Kernel, loadKernel } from "./kernel.ts";
import type { BuildWatch } from "./kernel-source.ts";
import { type ImageLock, LOCK_FILE, lockText } from "./lock.ts";
import { withTree } from "./verity.ts";

export interface ImagePlan {
  /** Directory; made when it is not there. */
  readonly out: string;
  /** See loadKernel. */
  readonly kernel: string;
  readonly nodePath: string;
  /** What goes in beside Node. */
  readonly additions: readonly string[];
  readonly watch: BuildWatch;
}

const SQUASH_MS_MAX = 600_000;
const ROOT_BYTES_MAX = 2 * 1024 * 1024 * 1024;
const FILE_MODE = 0o600;

/** @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, `IO_ERROR`: what could not be read, run or written. */
export async function buildImage(plan: ImagePlan): Promise<ImageLock> {
  const [kernel, entries] = [
    await loadKernel(plan.kernel, plan.watch),
    await collectRoot(plan.nodePath, plan.additions),
  ];
  await ensurePrivateDir(plan.out);
  const write = async (name: string, content: Uint8Array): Promise<string> => {
    await writeAtomic(posix.join(plan.out, name), content, FILE_MODE);
    return `sha256:${createHash("sha256").update(content).digest("hex")}`;
  };
  const root = withTree(await squash(entries, plan.out));
  const digests = {
    kernel: await write("kernel", kernel.image),
    initrd: await write("initrd", cpioOf(initrdOf(kernel))),
    root: await write("root", root.image),
  };
  const versions = { kernel: kernel.version, node: process.versions.node };
  const { verity } = root;
  const lock = { digests, verity, versions, programs: programsOf(entries) };
  await write(LOCK_FILE, new TextEncoder().encode(lockText(lock)));
  return lock;
}

function programsOf(entries: readonly Entry[]): readonly string[] {
  return entries
    .filter((entry) => entry.kind === "file" && (entry.mode & 0o111) !== 0)
    .map((entry) => entry.path)
    .sort();
}

/** Process 1, the modules it loads, and the places it mounts at. */
function initrdOf({ modules }: Kernel): readonly Entry[] {
  const file = (path: string, mode: number, content: Uint8Array): Entry => ({
    kind: "file",
    path,
    mode,
    content,
  });
  const list = (forVsock: boolean): Uint8Array => {
    const chosen = modules.filter((each) => each.forVsock === forVsock);
    return new TextEncoder().encode(chosen.map(({ name }) => name).join("\n"));
  };
  return [
    ...["/dev", "/proc", "/sys", "/root"].map(
      (path): Entry => ({ kind: "directory", path, mode: 0o755 }),
    ),
    { kind: "device", path: "/dev/console", mode: 0o600, major: 5, minor: 1 },
    file("/init", 0o755, gunzipSync(Buffer.from(INIT_PROGRAM, "base64"))),
    file("/modules", 0o644, list(false)),
    file("/modules.vsock", 0o644, list(true)),
    ...modules.map(({ name, content }) => file(`/lib/${name}`, 0o644, content)),
  ];
}

/** lz4, because the guest unpacks on an emulated processor; one thread and no times, because bytes must not differ. */
const SQUASH_OPTIONS = [
  "-tar -comp lz4 -b 128K -noappend -no-progress -quiet -all-root -no-xattrs -no-exports",
  "-reproducible -mkfs-time 0 -all-time 0 -processors 1",
].flatMap((line) => line.split(" "));

/** @param directory - Private: mksquashfs works in it. @throws {CcosError} `INPUT_NOT_FOUND` without mksquashfs. */
export async function squash(entries: readonly Entry[], directory: string): Promise<Uint8Array> {
  const tool = findExecutable("mksquashfs", SYSTEM_DIRECTORIES);
  if (tool === null) {
    throw new CcosError("INPUT_NOT_FOUND", {
      what: "Cannot make the root of the image",
      why: "mksquashfs is not installed",
      fix: "apt install squashfs-tools",
    });
  }
  const name = "root.new";
  const argv = [tool, "-", name, ...SQUASH_OPTIONS];
  await runTool({ argv, cwd: directory, input: tarOf(entries), timeoutMs: SQUASH_MS_MAX });
  const path = posix.join(directory, name);
  const image = await readBounded(path, ROOT_BYTES_MAX);
  await removeFile(path);
  if (image.ok) return image.value;
  throw new CcosError("INPUT_UNREADABLE", { what: `Cannot read "${path}"`, why: image.error });
}
