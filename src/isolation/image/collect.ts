/**
 * What goes into the root of an image, taken from this host: our Node and what else is asked for, each executable
 * with its loader and libraries. Links are resolved; nothing of the host's configuration comes along.
 *
 * @module
 */
import { posix } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { listDirectory, placeAt, readBounded, realPath } from "../../host/index.ts";
import type { Entry } from "./archive.ts";
import { elfNeeds } from "./elf.ts";

export const NODE_IN_IMAGE = "/usr/bin/node";
const LOCALE = "/usr/lib/locale/C.utf8";
const FILE_BYTES_MAX = 512 * 1024 * 1024;
const ENTRIES_MAX = 20_000;
/** Where the loader of a Debian-like system looks without its cache, in its order. */
const LIBRARY_DIRECTORIES = [
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
];
/** As on every merged system, whatever the host's is. */
const LINKS = ["bin", "sbin", "lib", "lib64"];

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const etc = (name: string, content: string): Entry => ({
  kind: "file",
  path: `/etc/${name}`,
  mode: 0o644,
  content: text(content),
});
const directory = (path: string): Entry => ({ kind: "directory", path, mode: 0o755 });

/** No shell, no device, nobody but the program's user. */
const BASE: readonly Entry[] = [
  ...["/ccos", "/work", "/mnt", "/tmp", "/run", "/dev", "/proc", "/usr/sbin", "/usr/lib64"].map(
    directory,
  ),
  ...LINKS.map((name): Entry => ({ kind: "link", path: `/${name}`, to: `usr/${name}` })),
  etc("passwd", "agent:x:1000:1000:agent:/work:/bin/sh\n"),
  etc("group", "agent:x:1000:\n"),
  etc("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
  etc("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
];

const PROGRAMS = ["perl", "python3", "sh", "cat", "env", "head", "ls", "sleep", "true"];

/** What programs other than plans want, as far as it is here: a shell, Python, and perl, which also attacks the wall. */
export function programPaths(): readonly string[] {
  const programs = PROGRAMS.map((name) => `/usr/bin/${name}`);
  const python = realPath("/usr/bin/python3");
  const libraries = [
    "/usr/lib/x86_64-linux-gnu/perl-base",
    ...(python === null ? [] : [`/usr/lib/${posix.basename(python)}`]),
  ];
  return [...programs, ...libraries].filter((path) => realPath(path) !== null);
}

/**
 * @param nodePath - The Node that becomes {@link NODE_IN_IMAGE}.
 * @param additions - Absolute paths of files and directories that keep their places.
 * @throws {CcosError} `INPUT_NOT_FOUND` for a path or a library that is not here, `LIMIT_EXCEEDED`… as read.
 */
export async function collectRoot(
  nodePath: string,
  additions: readonly string[],
): Promise<readonly Entry[]> {
  const found = new Map<string, Entry>();
  // What LANG of a program names.
  if (realPath(LOCALE) !== null) await take(LOCALE, LOCALE, found);
  await take(nodePath, NODE_IN_IMAGE, found);
  for (const path of additions) await take(path, path, found);
  return [...BASE, ...found.values()];
}

async function take(source: string, place: string, found: Map<string, Entry>): Promise<void> {
  const path = merged(place);
  if (found.has(path)) return;
  const real = realPath(source);
  const kind = real === null ? "absent" : placeAt(real).kind;
  if (real === null || kind === "absent") throw notFound(source);
  if (kind === "directory") {
    for (const name of [...(await listDirectory(real))].sort())
      await take(posix.join(real, name), posix.join(place, name), found);
    return;
  }
  if (kind === "file") await takeFile(real, path, found);
}

async function takeFile(source: string, path: string, found: Map<string, Entry>): Promise<void> {
  const content = await readBounded(source, FILE_BYTES_MAX);
  if (!content.ok) throw notFound(source);
  const place = placeAt(source);
  const mode = place.kind === "file" && place.executable ? 0o755 : 0o644;
  found.set(path, { kind: "file", path, mode, content: content.value });
  if (found.size > ENTRIES_MAX) throw tooMany();
  const { loader, libraries } = elfNeeds(content.value);
  if (loader !== null) await take(loader, loader, found);
  for (const name of libraries) await takeLibrary(name, source, found);
}

async function takeLibrary(name: string, by: string, found: Map<string, Entry>): Promise<void> {
  const own = posix.dirname(by);
  for (const place of [...LIBRARY_DIRECTORIES, own]) {
    const path = posix.join(place, name);
    if (realPath(path) !== null) return await take(path, path, found);
  }
  throw new CcosError("INPUT_NOT_FOUND", {
    what: `Cannot put "${by}" into the image`,
    why: `its library "${name}" is in none of ${LIBRARY_DIRECTORIES.join(", ")}`,
    fix: "Install the package that has the library",
  });
}

/** `/lib/x` is `/usr/lib/x` in the image. */
function merged(path: string): string {
  const first = path.split("/")[1] ?? "";
  return LINKS.includes(first) ? `/usr${path}` : path;
}

function notFound(path: string): CcosError {
  return new CcosError("INPUT_NOT_FOUND", {
    what: `Cannot put "${path}" into the image`,
    why: "it cannot be read here",
  });
}

function tooMany(): CcosError {
  return new CcosError("INPUT_UNREADABLE", {
    what: "Cannot build the image",
    why: `it would have more than ${ENTRIES_MAX} files`,
    fix: "Add fewer or smaller directories",
  });
}
