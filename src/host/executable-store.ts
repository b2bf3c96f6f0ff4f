/**
 * Copies of executables where every user may run them and only root may change them.
 *
 * The Node that runs us may lie below a private home, where a wall's own user cannot reach it. A copy is
 * made once for each content and checked by digest; a later start only compares the source's identity
 * with the note beside the copy.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { CcosError } from "../foundation/errors.ts";

const STORE_DIRECTORY = "/var/lib/ccos/store";

const settled = new Map<string, Promise<string>>();

/**
 * @param source - A regular file, all symbolic links followed.
 * @returns The copy's path, readable and executable for everybody.
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` when the store is not root's alone or cannot be written.
 */
export function storedExecutable(source: string, store: string = STORE_DIRECTORY): Promise<string> {
  const key = `${store}\0${source}`;
  const known = settled.get(key);
  if (known !== undefined) return known;
  const made = stored(source, store);
  settled.set(key, made);
  made.catch(() => settled.delete(key));
  return made;
}

async function stored(source: string, store: string): Promise<string> {
  try {
    await mkdir(store, { recursive: true, mode: 0o755 });
    await refuseForeign(store);
    const found = await stat(source);
    const identity = [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(":");
    const note = join(store, `${createHash("sha256").update(identity).digest("hex")}.of`);
    const copy = await noted(note, store);
    if (copy !== null) return copy;
    const digest = await digestOf(source);
    await copyIn(source, { store, digest });
    await writeFile(note, digest, { mode: 0o644 });
    return join(store, digest, "program");
  } catch (cause) {
    if (cause instanceof CcosError) throw cause;
    throw refusal(source, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The copy that a note of an earlier start names, when it still stands untouched. */
async function noted(note: string, store: string): Promise<string | null> {
  const digest = await readFile(note, "latin1").catch(() => "");
  if (!/^[0-9a-f]{64}$/.test(digest)) return null;
  const copy = join(store, digest, "program");
  const found = await lstat(copy).catch(() => null);
  const isOurs = found !== null && found.isFile() && found.uid === 0 && (found.mode & 0o022) === 0;
  return isOurs && (found.mode & 0o005) === 0o005 ? copy : null;
}

async function copyIn(source: string, target: { store: string; digest: string }): Promise<void> {
  const temporary = join(target.store, `${target.digest}.${process.pid}`);
  const directory = join(target.store, target.digest);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { mode: 0o755 });
  await copyFile(source, join(temporary, "program"));
  await chmod(join(temporary, "program"), 0o555);
  const copied = await digestOf(join(temporary, "program"));
  if (copied !== target.digest) throw refusal(source, "it changed while it was copied", undefined);
  await rm(directory, { recursive: true, force: true });
  await rename(temporary, directory);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** Every directory down to the store belongs to root and is writable for nobody else. */
async function refuseForeign(store: string): Promise<void> {
  for (let at = store; ; at = dirname(at)) {
    const found = await lstat(at);
    const isSticky = (found.mode & 0o1000) !== 0;
    if (!found.isDirectory() || found.uid !== 0 || ((found.mode & 0o022) !== 0 && !isSticky)) {
      throw refusal(at, "it is not root's alone", undefined);
    }
    if (at === "/") return;
  }
}

function refusal(path: string, why: string, cause: unknown): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot keep a copy of "${path}" for walls`,
    why,
    fix: `Make ${STORE_DIRECTORY} writable for root only, or install Node where every user may run it`,
    cause,
  });
}
