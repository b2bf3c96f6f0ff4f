/** Who has a file open for writing, as /proc tells it. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Whether any process that we may look into holds `path` open for writing, this one included. A
 * process of another user cannot be seen; files of ours are 0600, so such a process is root's.
 *
 * @returns Also true when /proc cannot be read: then nobody can say.
 */
export async function hasWriter(path: string): Promise<boolean> {
  const target = await stat(path, { bigint: true });
  const names = await readdir("/proc").catch(() => null);
  if (names === null) return true;
  for (const pid of names.filter((name) => /^[0-9]+$/.test(name))) {
    for (const fd of await listOrNone(join("/proc", pid, "fd"))) {
      const open = await stat(join("/proc", pid, "fd", fd), { bigint: true }).catch(() => null);
      if (open === null || open.ino !== target.ino || open.dev !== target.dev) continue;
      if (await mayWrite(join("/proc", pid, "fdinfo", fd))) return true;
    }
  }
  return false;
}

/** Processes end while one looks, and other users' are closed to us. */
async function listOrNone(directory: string): Promise<readonly string[]> {
  return await readdir(directory).catch(() => []);
}

async function mayWrite(fdinfo: string): Promise<boolean> {
  const text = await readFile(fdinfo, "utf8").catch(() => null);
  const flags = text === null ? null : /^flags:\s*([0-7]+)$/m.exec(text);
  // Gone since the look at fd: its writer is gone too. The access mode is the two lowest bits.
  return text !== null && (flags === null || (Number.parseInt(flags[1]!, 8) & 3) !== 0);
}
