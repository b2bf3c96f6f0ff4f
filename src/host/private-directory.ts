/**
 * Private directories for walls, and the sweep of those whose maker was killed.
 *
 * Made and removed without waiting: some forty small calls, each of which would cost more in the pool of threads.
 *
 * @module
 */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { lstat, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { realPath } from "./places.ts";
import { processFacts } from "./process-tree.ts";

export interface PrivateFile {
  /** Relative, plain components only; parents are made. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable: boolean;
}

export interface PrivateDirectory {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Idempotent. */
  remove(): void;
}

const PREFIX = "ccos-wall-";
let swept: Promise<void> | null = null;

/** Remove what makers that are dead left behind: once in the life of a process. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = Number(/^ccos-wall-([1-9][0-9]{0,9})-[A-Za-z0-9]{6}$/.exec(name)?.[1] ?? "0");
    if (pid === 0 || processFacts(pid) !== null) continue;
    const path = join(parent, name);
    const found = await lstat(path).catch(() => null);
    if (found?.isDirectory() === true && found.uid === process.geteuid?.()) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

export interface DirectoryContent {
  readonly files?: readonly PrivateFile[];
  /** Empty directories, relative. */
  readonly folders?: readonly string[];
  /** Symbolic links, relative; never followed here. */
  readonly links?: readonly { readonly path: string; readonly to: string }[];
  /** Folders that the reader may write. */
  readonly writable?: readonly string[];
}

/**
 * A new directory that only we, and `reader` when given, may enter; the reader may change nothing in it
 * but `writable`. Inside everything is readable: the directory itself bars the way.
 *
 * @param reader - A user whose group has the same number; giving one takes root.
 */
export async function privateDirectory(
  content: DirectoryContent,
  reader: number | undefined,
): Promise<PrivateDirectory> {
  const { files = [], folders = [], links = [], writable = [] } = content;
  const parent = realPath(tmpdir()) ?? "/tmp";
  swept ??= sweep(parent);
  await swept;
  const path = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  try {
    const made = new Set<string>();
    const inner = [...files, ...links].map((each) => dirname(each.path));
    for (const folder of [...folders, ...writable, ...inner]) {
      for (let at = folder; at !== "."; at = dirname(at)) made.add(at);
    }
    for (const folder of [...made].sort()) {
      mkdirSync(join(path, folder));
      chmodSync(join(path, folder), 0o755);
    }
    for (const { path: name, content: bytes, executable } of files) {
      writeFileSync(join(path, name), bytes, { flag: "wx", mode: 0o600 });
      chmodSync(join(path, name), executable ? 0o555 : 0o444);
    }
    for (const link of links) symlinkSync(link.to, join(path, link.path));
    if (reader !== undefined) {
      for (const folder of writable) chownSync(join(path, folder), reader, reader);
      chownSync(path, process.geteuid?.() ?? 0, reader);
      chmodSync(path, 0o750);
    }
    return { path, remove };
  } catch (cause) {
    remove();
    throw cause;
  }
}
