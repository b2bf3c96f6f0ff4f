/**
 * The directories that a config shows a program, as a second drive of its machine: a squashfs, which nobody inside can
 * write, not even its kernel. The same content gives the same bytes, whose digest is in the run's first record.
 *
 * Regular files, directories and symbolic links, which lead nowhere but inside the machine; anything else is refused.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import {
  anonymousFile,
  listDirectory,
  placeAt,
  privateDirectory,
  readContained,
} from "../../host/index.ts";
import type { Entry } from "../image/archive.ts";
import { squash } from "../image/build.ts";
import type { SandboxBind } from "../provider.ts";

export interface StoreDrive {
  /** Of memory, open for reading; closed by closeDescriptors. */
  readonly descriptor: number;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
}

/** Where the drive is mounted; its directories are named below it. */
export const STORE_PLACE = "/mnt";
const BYTES_MAX = 256 * 1024 * 1024;
const ENTRIES_MAX = 20_000;
const DEPTH_MAX = 32;

/**
 * @param binds - Of a spec; those of sockets are not its business.
 * @returns Null when no directory is shown.
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` for a directory that cannot be put on a drive.
 */
export async function makeStoreDrive(binds: readonly SandboxBind[]): Promise<StoreDrive | null> {
  const directories = binds.filter((bind) => bind.kind === "directory");
  if (directories.length === 0) return null;
  const taken: Taken = { entries: [], bytes: 0 };
  for (const { source, target } of directories) {
    if (posix.dirname(target) !== STORE_PLACE || placeAt(source).kind !== "directory")
      throw refused(source, `it is no directory, or not shown in ${STORE_PLACE}`);
    await take(source, ".", target.slice(STORE_PLACE.length), taken);
  }
  const room = await privateDirectory({}, undefined);
  try {
    const content = await squash(taken.entries, room.path);
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    return { descriptor: anonymousFile(content, 0o444), digest };
  } finally {
    room.remove();
  }
}

interface Taken {
  readonly entries: Entry[];
  bytes: number;
}

async function take(root: string, below: string, path: string, taken: Taken): Promise<void> {
  const place = placeAt(posix.join(root, below));
  if (taken.entries.length >= ENTRIES_MAX) throw refused(root, `over ${ENTRIES_MAX} names`);
  if (below.split("/").length > DEPTH_MAX) throw refused(root, `over ${DEPTH_MAX} levels`);
  switch (place.kind) {
    case "directory":
      taken.entries.push({ kind: "directory", path, mode: 0o755 });
      for (const name of [...(await listDirectory(posix.join(root, below)))].sort())
        await take(root, posix.join(below, name), posix.join(path, name), taken);
      return;
    case "symlink":
      taken.entries.push({ kind: "link", path, to: place.to });
      return;
    case "file": {
      const content = readContained(root, below, BYTES_MAX - taken.bytes);
      if (!content.ok) throw refused(root, `"${below}" is ${content.error}`);
      taken.bytes += content.value.length;
      const mode = place.executable ? 0o555 : 0o444;
      taken.entries.push({ kind: "file", path, mode, content: content.value });
      return;
    }
    case "absent":
    case "other":
    case "socket":
      throw refused(root, `"${below}" is neither a file nor a directory`);
  }
}

function refused(path: string, why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot show "${path}" in a machine`,
    why,
    fix: "Mount a smaller directory of plain files",
  });
}
