/**
 * Where an image's kernel comes from: Debian's package, fetched and unpacked but never installed, Debian's sources
 * (kernel-source.ts), or a file that is given. Debian's drivers are modules; the ones a microVM needs go into its first root, in the order of their needs.
 *
 * @module
 */
import { posix } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import {
  findExecutable,
  listDirectory,
  placeAt,
  privateDirectory,
  readBounded,
  runTool,
  SYSTEM_DIRECTORIES,
} from "../../host/index.ts";
import { hasPvhEntry, moduleNeeds } from "./elf.ts";
import { type BuildWatch, buildKernel } from "./kernel-source.ts";

export interface KernelModule {
  readonly name: string;
  readonly content: Uint8Array;
  /** Only a machine behind vsock loads it. */
  readonly forVsock: boolean;
}

export interface Kernel {
  readonly version: string;
  readonly image: Uint8Array;
  /** In load order. Empty: all that is needed is built in. */
  readonly modules: readonly KernelModule[];
}

const PACKAGE = "linux-image-cloud-amd64";
/** What the machine of vm/ has: its bus, disks, ports, and what its root is checked by and read with. */
const NEEDED_MODULES = ["virtio_mmio", "virtio_blk", "virtio_console", "dm_verity", "squashfs"];
/** What Firecracker's and Cloud Hypervisor's machines have beside: vsock, and the other bus. */
const VSOCK_MODULES = ["virtio_pci", "vmw_vsock_virtio_transport"];
const KERNEL_BYTES_MAX = 256 * 1024 * 1024;
const MODULE_BYTES_MAX = 16 * 1024 * 1024;
const FETCH_MS_MAX = 300_000;

/**
 * @param from - `debian`, `source`, a directory that holds `boot` and `lib/modules` (an unpacked package, or `/`), or a
 *   kernel file that has every driver and dm-verity built in.
 * @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, `IO_ERROR`, `CANCELLED`.
 */
export async function loadKernel(from: string, watch: BuildWatch): Promise<Kernel> {
  if (from === "debian") return await fetchDebian();
  if (from === "source") return { ...(await buildKernel(watch)), modules: [] };
  const { kind } = placeAt(from);
  if (kind === "directory") return await fromDirectory(from);
  if (kind !== "file") throw missing(`"${from}"`, "it is neither a file nor a directory");
  const image = await readBounded(from, KERNEL_BYTES_MAX);
  if (!image.ok) throw missing(`"${from}"`, image.error);
  if (!canStart(image.value))
    throw missing(
      `"${from}"`,
      "it is no kernel: neither a bzImage nor an ELF file with a PVH entry",
    );
  return { version: posix.basename(from), image: image.value, modules: [] };
}

/** As the two forms that QEMU takes; the other monitors take the second only. */
function canStart(image: Uint8Array): boolean {
  const bzImage = new TextDecoder("latin1").decode(image.subarray(0x202, 0x206)) === "HdrS";
  return bzImage || hasPvhEntry(image);
}

/** apt verifies the package's signature; this user's rights are enough. */
async function fetchDebian(): Promise<Kernel> {
  const tool = (name: string): string => {
    const path = findExecutable(name, SYSTEM_DIRECTORIES);
    if (path !== null) return path;
    throw missing(`the package ${PACKAGE}`, `${name} is not installed`);
  };
  const room = await privateDirectory({ folders: ["unpacked"] }, undefined);
  const run = (...argv: readonly string[]): Promise<string> =>
    runTool({ argv, cwd: room.path, timeoutMs: FETCH_MS_MAX });
  try {
    const depends = await run(tool("apt-cache"), "depends", "--important", PACKAGE);
    const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (name === undefined) throw missing(`the package ${PACKAGE}`, "apt knows no such package");
    await run(tool("apt-get"), "download", name);
    const file = (await listDirectory(room.path)).find((each) => each.endsWith(".deb"));
    if (file === undefined) throw missing(`the package ${name}`, "apt fetched nothing");
    await run(tool("dpkg-deb"), "--extract", file, "unpacked");
    return await fromDirectory(posix.join(room.path, "unpacked"));
  } finally {
    room.remove();
  }
}

async function fromDirectory(directory: string): Promise<Kernel> {
  const names = await listDirectory(posix.join(directory, "boot"));
  const file = names
    .filter((name) => /^vmlinuz-.*cloud/.test(name))
    .sort()
    .at(-1);
  if (file === undefined) throw missing(`"${directory}"`, "its boot has no vmlinuz-*-cloud-*");
  const version = file.slice("vmlinuz-".length);
  const image = await readBounded(posix.join(directory, "boot", file), KERNEL_BYTES_MAX);
  if (!image.ok) throw missing(`"${file}"`, image.error);
  const home = posix.join(directory, "lib/modules", version, "kernel");
  return { version, image: image.value, modules: await modulesIn(home) };
}

async function modulesIn(home: string): Promise<readonly KernelModule[]> {
  const places = new Map<string, string>();
  await index(home, places);
  const loaded = new Map<string, KernelModule>();
  const load = async (wanted: string, forVsock: boolean): Promise<void> => {
    const name = wanted.replaceAll("-", "_");
    if (loaded.has(name)) return;
    const path = places.get(name);
    const content = path === undefined ? null : await readBounded(path, MODULE_BYTES_MAX);
    if (content?.ok !== true) throw missing(`the kernel module ${name}`, `not below "${home}"`);
    for (const need of moduleNeeds(content.value)) await load(need, forVsock);
    loaded.set(name, { name: `${name}.ko`, content: content.value, forVsock });
  };
  for (const name of NEEDED_MODULES) await load(name, false);
  for (const name of VSOCK_MODULES) await load(name, true);
  return [...loaded.values()];
}

async function index(directory: string, places: Map<string, string>): Promise<void> {
  for (const name of await listDirectory(directory)) {
    const path = posix.join(directory, name);
    if (name.endsWith(".ko")) places.set(name.slice(0, -3).replaceAll("-", "_"), path);
    else if (placeAt(path).kind === "directory") await index(path, places);
  }
}

function missing(what: string, why: string): CcosError {
  return new CcosError("INPUT_NOT_FOUND", {
    what: `Cannot take a kernel from ${what}`,
    why,
    fix: `Install apt and dpkg, or unpack Debian's ${PACKAGE} and name the directory with --kernel`,
  });
}
