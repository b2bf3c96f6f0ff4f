/**
 * Private directories for walls, and the sweep of those whose maker was killed.
 *
 * @module
 */
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
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
  remove(): Promise<void>;
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

/**
 * A new directory that only we, and `reader` when given, may enter; the reader may change nothing in it.
 *
 * @param folders - Empty directories to make in it, relative.
 * @param reader - A group; giving one takes root.
 */
export async function privateDirectory(
  files: readonly PrivateFile[],
  folders: readonly string[],
  reader: number | undefined,
): Promise<PrivateDirectory> {
  const parent = realPath(tmpdir()) ?? "/tmp";
  swept ??= sweep(parent);
  await swept;
  const path = await mkdtemp(join(parent, `${PREFIX}${process.pid}-`));
  const remove = async (): Promise<void> => await rm(path, { recursive: true, force: true });
  try {
    const made = new Set<string>();
    for (const folder of [...folders, ...files.map((file) => dirname(file.path))]) {
      for (let at = folder; at !== "."; at = dirname(at)) made.add(at);
    }
    for (const folder of [...made].sort()) await mkdir(join(path, folder), { mode: 0o700 });
    for (const file of files)
      await writeFile(join(path, file.path), file.content, { flag: "wx", mode: 0o600 });
    for (const file of files)
      await show(join(path, file.path), file.executable ? 0o550 : 0o440, reader);
    if (reader !== undefined)
      for (const folder of [".", ...made]) await show(join(path, folder), 0o750, reader);
    return { path, remove };
  } catch (cause) {
    await remove();
    throw cause;
  }
}

async function show(path: string, mode: number, reader: number | undefined): Promise<void> {
  if (reader !== undefined) await chown(path, process.geteuid?.() ?? 0, reader);
  await chmod(path, mode);
}
