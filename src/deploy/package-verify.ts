/**
 * Whether a directory is a package, byte for byte; and what it runs.
 *
 * Read in this order: Trust, verifyPackage, copyPackage, packagedInputs. The lock is believed because of its signature or of its
 * digest, everything else because of the lock. A file or directory too many is as wrong as one too few.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { keyIdOf } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import {
  ensurePrivateDir,
  listTree,
  makeParents,
  measureInPieces,
  readBounded,
  writeBelow,
} from "../host/index.ts";
import type { RunInputs, StagedContent } from "../runtime/index.ts";
import {
  CONFIG_NAME,
  FILES_MAX,
  isSignatureOf,
  LOCK_BYTES_MAX,
  LOCK_NAME,
  type PackageLock,
  parseLock,
  SIGNATURE_NAME,
} from "./package-lock.ts";
import { digestOfBytes, PART_BYTES_MAX } from "./package-make.ts";

/** Why a lock is believed: a key that must have signed it, or the digest it must have. */
export type Trust =
  | { readonly kind: "key"; readonly key: KeyObject }
  | { readonly kind: "digest"; readonly digest: string };

export interface VerifiedPackage {
  readonly root: string;
  readonly lock: PackageLock;
  /** Of the lock's bytes: names the whole package. */
  readonly digest: string;
}

const SIGNATURE_BYTES_MAX = 256;
/** Directories count too. */
const ENTRIES_MAX = FILES_MAX * 4;

/** @throws {CcosError} `PACKAGE_UNTRUSTED`: who vouches for it did not; `PACKAGE_INVALID` naming the file. */
export async function verifyPackage(root: string, trust: Trust): Promise<VerifiedPackage> {
  const { lock, digest } = await believedLock(root, trust);
  await refuseStrangers(root, lock);
  for (const file of lock.files) {
    const measured = await measureInPieces(join(root, file.path), PART_BYTES_MAX);
    refuseChanged(root, file, measured);
  }
  return { root, lock, digest };
}

/**
 * A verified copy: what was measured on the way is what stands there.
 *
 * @param to - A directory that does not exist.
 * @throws {CcosError} as {@link verifyPackage}; `IO_ERROR`.
 */
export async function copyPackage(
  root: string,
  to: string,
  trust: Trust,
): Promise<VerifiedPackage> {
  const { lock, digest, bytes, signature } = await believedLock(root, trust);
  await refuseStrangers(root, lock);
  await ensurePrivateDir(to);
  for (const file of lock.files) {
    await makeParents(to, file.path);
    const target = join(to, file.path);
    refuseChanged(root, file, await measureInPieces(join(root, file.path), PART_BYTES_MAX, target));
  }
  await writeBelow(to, LOCK_NAME, bytes);
  await writeBelow(to, SIGNATURE_NAME, signature);
  return { root: to, lock, digest };
}

interface BelievedLock {
  readonly lock: PackageLock;
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

async function believedLock(root: string, trust: Trust): Promise<BelievedLock> {
  const bytes = await readPart(root, LOCK_NAME, LOCK_BYTES_MAX);
  const signature = await readPart(root, SIGNATURE_NAME, SIGNATURE_BYTES_MAX);
  const digest = digestOfBytes(bytes);
  if (trust.kind === "digest" && trust.digest !== digest)
    throw untrusted(root, `"${LOCK_NAME}" is ${digest}, not ${trust.digest}`);
  const text = Buffer.from(signature).toString("latin1");
  if (trust.kind === "key" && !isSignatureOf(text, bytes, trust.key))
    throw untrusted(
      root,
      `"${SIGNATURE_NAME}": key ${keyIdOf(trust.key)} did not sign "${LOCK_NAME}"`,
    );
  const lock = parseLock(bytes);
  if (!lock.ok) throw invalid(root, LOCK_NAME, lock.error);
  return { lock: lock.value, digest, bytes, signature };
}

async function readPart(root: string, name: string, bytesMax: number): Promise<Uint8Array> {
  const content = await readBounded(join(root, name), bytesMax);
  if (content.ok) return content.value;
  throw invalid(root, name, `it is ${content.error}`);
}

/** Every entry is a file of the lock, a directory above one, the lock or its signature. */
async function refuseStrangers(root: string, lock: PackageLock): Promise<void> {
  const listed = await listTree(root, ENTRIES_MAX);
  if (!listed.ok) throw invalid(root, ".", listed.error);
  const files = new Set([LOCK_NAME, SIGNATURE_NAME, ...lock.files.map(({ path }) => path)]);
  const folders = new Set([...files].flatMap(foldersAbove));
  for (const { path, kind } of listed.value) {
    if (kind === "other") throw invalid(root, path, "it is neither a file nor a directory");
    if (!(kind === "file" ? files : folders).has(path))
      throw invalid(root, path, "the lock does not name it");
  }
}

function foldersAbove(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

function refuseChanged(
  root: string,
  file: PackageLock["files"][number],
  measured: Awaited<ReturnType<typeof measureInPieces>>,
): void {
  if (!measured.ok) throw invalid(root, file.path, measured.error);
  const { digest, bytes } = measured.value;
  if (digest !== file.digest || bytes !== file.bytes)
    throw invalid(root, file.path, `it is ${digest}, the lock says ${file.digest}`);
}

/** A run of what is packaged, its files read and held to the lock once more. */
export async function packagedInputs({ root, lock }: VerifiedPackage): Promise<{
  readonly inputs: RunInputs;
  readonly staged: readonly StagedContent[];
}> {
  const read = (path: string): Promise<Uint8Array> => readLocked(root, lock, path);
  const text = async (path: string): Promise<string> =>
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await read(path));
  const config = {
    configFile: join(root, CONFIG_NAME),
    configSource: await text(CONFIG_NAME),
    production: false,
  };
  const { program } = lock;
  if (program.kind === "plan") {
    const modules: RunInputs["modules"][number][] = [];
    for (const { name, file } of program.modules)
      modules.push({ name, file: join(root, file), source: await text(file) });
    const planSource = await text(program.file);
    const planFile = join(root, program.file);
    const inputs = { ...config, planFile, planSource, modules, command: null, staged: [] };
    return { inputs, staged: [] };
  }
  const staged: StagedContent[] = [];
  for (const { path, file } of program.staged) staged.push({ path, content: await read(file) });
  const digests = program.staged.map(({ path, digest }) => ({ path, digest }));
  const inputs = {
    ...config,
    planFile: null,
    planSource: null,
    modules: [],
    command: program.argv,
    staged: digests,
    ...(program.program === null ? {} : { program: program.program }),
  };
  return { inputs, staged };
}

async function readLocked(root: string, lock: PackageLock, path: string): Promise<Uint8Array> {
  const file = lock.files.find((each) => each.path === path);
  if (file === undefined) throw invalid(root, path, "the lock does not name it");
  const content = await readPart(root, path, file.bytes);
  const digest = digestOfBytes(content);
  if (digest === file.digest) return content;
  throw invalid(root, path, `it is ${digest}, the lock says ${file.digest}`);
}

export function invalid(root: string, file: string, why: string): CcosError {
  return new CcosError("PACKAGE_INVALID", {
    what: `Cannot use the package "${root}"`,
    why: `"${file}": ${why}`,
    fix: "Make it again: `ccos package`",
    details: { file },
  });
}

function untrusted(root: string, why: string): CcosError {
  return new CcosError("PACKAGE_UNTRUSTED", {
    what: `Cannot believe the package "${root}"`,
    why,
    fix: "Name the key of the host that made it: --key FILE",
  });
}
