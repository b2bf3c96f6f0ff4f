/**
 * A guest's kernel built from Debian's source package, with nothing in it that a guest does not need, and no module.
 *
 * Read in this order: buildKernel, configure, compile. The sources are what apt unpacked below /usr/src; nothing is fetched. Time, user,
 * host and number of the build are fixed, so that one compiler gives the same bytes each time. The result is an ELF file with
 * the entry that QEMU, Firecracker and Cloud Hypervisor jump to (PVH).
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { posix } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import {
  findExecutable,
  listDirectory,
  placeAt,
  privateDirectory,
  readBounded,
  replaceContent,
  runTool,
  SYSTEM_DIRECTORIES,
  type ToolRun,
} from "../../host/index.ts";
import { hasPvhEntry } from "./elf.ts";
import { disobeyed, KERNEL_CONFIG } from "./kernel-config.ts";

/** Who waits for a build. */
export interface BuildWatch {
  /** Ends it; nothing is left. */
  readonly signal: AbortSignal;
  /** A line for people, now and then. */
  say(line: string): void;
}

export interface KernelSources {
  /** Directory that holds `linux-source-VERSION.tar.xz`. */
  readonly sources: string;
  /** Where tools are looked for. */
  readonly directories: readonly string[];
  /** A file that the header package brings. */
  readonly elfHeader: string;
}

const DEBIAN: KernelSources = {
  sources: "/usr/src",
  directories: SYSTEM_DIRECTORIES,
  elfHeader: "/usr/include/gelf.h",
};
/** Each tool by the package that has it. */
const TOOLS = {
  make: "make",
  gcc: "gcc",
  ld: "binutils",
  strip: "binutils",
  flex: "flex",
  bison: "bison",
  bc: "bc",
  tar: "tar",
  xz: "xz-utils",
} as const;
type Tool = keyof typeof TOOLS;

const UNPACK_MS_MAX = 600_000;
const CONFIGURE_MS_MAX = 300_000;
const COMPILE_MS_MAX = 3 * 3_600_000;
const KERNEL_BYTES_MAX = 256 * 1024 * 1024;
const CONFIG_BYTES_MAX = 4 * 1024 * 1024;
/** Of make's lines, one for each file. */
const LINES_BETWEEN_WORDS = 250;
const STRIPPED = "vmlinux.stripped";

/** What else would differ from one build to the next. */
const FIXED: Readonly<Record<string, string>> = {
  KBUILD_BUILD_TIMESTAMP: "Thu Jan  1 00:00:00 UTC 1970",
  KBUILD_BUILD_USER: "ccos",
  KBUILD_BUILD_HOST: "ccos",
  KBUILD_BUILD_VERSION: "1",
};

/**
 * Takes minutes and some 2 GB of the temporary directory.
 *
 * @returns The version as the kernel says it, and its bytes.
 * @throws {CcosError} `INPUT_NOT_FOUND` for sources or tools that are not here, or sources that do not obey our
 *   configuration; `IO_ERROR` for a step that failed; `CANCELLED`.
 */
export async function buildKernel(
  watch: BuildWatch,
  from: KernelSources = DEBIAN,
): Promise<{ readonly version: string; readonly image: Uint8Array }> {
  const tools = findTools(from);
  const archive = await newestSources(from.sources);
  const room = await privateDirectory({}, undefined);
  try {
    watch.say(`kernel: unpacking ${archive}`);
    const shared = { cwd: room.path, env: FIXED, signal: watch.signal };
    await runTool({
      ...shared,
      argv: [tools.tar, "--extract", "--xz", "--file", archive],
      timeoutMs: UNPACK_MS_MAX,
    });
    const [name] = await listDirectory(room.path);
    if (name === undefined) throw unusable(`"${archive}" is empty`);
    const run = { ...shared, cwd: posix.join(room.path, name) };
    await configure(run, tools.make);
    return await compile(run, tools, watch);
  } finally {
    room.remove();
  }
}

/** All that is missing is named at once. */
function findTools({ directories, elfHeader }: KernelSources): Readonly<Record<Tool, string>> {
  const found = new Map<string, string>();
  const packages = new Set<string>();
  for (const [tool, from] of Object.entries(TOOLS)) {
    const path = findExecutable(tool, directories);
    if (path === null) packages.add(from);
    else found.set(tool, path);
  }
  if (placeAt(elfHeader).kind !== "file") packages.add("libelf-dev");
  if (packages.size === 0) return Object.fromEntries(found) as Record<Tool, string>;
  throw missing(`it needs ${[...packages].join(", ")}`, `apt install ${[...packages].join(" ")}`);
}

async function newestSources(directory: string): Promise<string> {
  const names = placeAt(directory).kind === "directory" ? await listDirectory(directory) : [];
  const found = names
    .map((name) => /^linux-source-(\d+)\.(\d+)\.tar\.xz$/.exec(name))
    .filter((match) => match !== null)
    .sort((left, right) => Number(left[1]) - Number(right[1]) || Number(left[2]) - Number(right[2]))
    .at(-1)?.[0];
  if (found !== undefined) return posix.join(directory, found);
  throw missing(`"${directory}" has no linux-source-*.tar.xz`, "apt install linux-source-6.1");
}

type Step = Pick<ToolRun, "cwd" | "env" | "signal">;

/** The smallest kernel, then ours on top of it. Of two settings of one name the later one counts. */
async function configure(run: Step, make: string): Promise<void> {
  const timeoutMs = CONFIGURE_MS_MAX;
  const path = posix.join(run.cwd, ".config");
  await runTool({ ...run, argv: [make, "-s", "tinyconfig"], timeoutMs });
  const smallest = await configAt(path);
  await replaceContent(path, new TextEncoder().encode([smallest, ...KERNEL_CONFIG, ""].join("\n")));
  await runTool({ ...run, argv: [make, "-s", "olddefconfig"], timeoutMs });
  const strays = disobeyed(await configAt(path));
  if (strays.length > 0) throw unusable(`they do not obey ${strays.join(", ")}`);
}

async function configAt(path: string): Promise<string> {
  const config = await readBounded(path, CONFIG_BYTES_MAX);
  if (config.ok) return new TextDecoder().decode(config.value);
  throw unusable(`"${path}" is ${config.error}`);
}

async function compile(
  run: Step,
  tools: Readonly<Record<Tool, string>>,
  watch: BuildWatch,
): Promise<{ readonly version: string; readonly image: Uint8Array }> {
  let lines = 0;
  const heard = (text: string): void => {
    const before = Math.floor(lines / LINES_BETWEEN_WORDS);
    lines += text.split("\n").length - 1;
    if (Math.floor(lines / LINES_BETWEEN_WORDS) > before) watch.say(`kernel: ${lines} files`);
  };
  watch.say("kernel: compiling");
  const argv = [tools.make, `-j${availableParallelism()}`, "vmlinux"];
  await runTool({ ...run, argv, timeoutMs: COMPILE_MS_MAX, heard });
  // Before that, it does not have our part of the name.
  const release = [tools.make, "-s", "kernelrelease"];
  const version = (await runTool({ ...run, argv: release, timeoutMs: CONFIGURE_MS_MAX })).trim();
  const strip = [tools.strip, "--strip-all", "-o", STRIPPED, "vmlinux"];
  await runTool({ ...run, argv: strip, timeoutMs: CONFIGURE_MS_MAX });
  const image = await readBounded(posix.join(run.cwd, STRIPPED), KERNEL_BYTES_MAX);
  if (!image.ok) throw unusable(`what they make is ${image.error}`);
  if (!hasPvhEntry(image.value)) throw unusable("what they make has no entry for a monitor (PVH)");
  return { version, image: image.value };
}

function missing(why: string, fix: string): CcosError {
  return new CcosError("INPUT_NOT_FOUND", { what: "Cannot build a kernel", why, fix });
}

function unusable(why: string): CcosError {
  return new CcosError("INPUT_NOT_FOUND", {
    what: "Cannot build a kernel from these sources",
    why,
    fix: "Use Debian's package linux-source-6.1",
  });
}
