/**
 * Templates: what a machine's memory is when process 1 waits for its first record. No program, key, secret or
 * randomness has been told to it; each machine that goes on from there is poured new entropy first.
 *
 * Read in this order: templateKey, openTemplate, keepTemplate; make-template.ts makes one. One file each below `templates` in the state directory, named by
 * what the machine is and by its own digest, so that one that was changed is not what its name says and is refused.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import {
  changedMs,
  closeDescriptors,
  ensurePrivateDir,
  listDirectory,
  measureFile,
  realPath,
  removeFile,
  writeAtomic,
} from "../../host/index.ts";

export interface Template {
  /** Open for reading; closed by closeDescriptors. What was measured is what it reads. */
  readonly descriptor: number;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
}

export const TEMPLATE_BYTES_MAX: number = 1024 * 1024 * 1024;
const KEPT_MAX = 6;
const MODE = 0o400;
const VERSION = 1;

/** All that a machine is made of: two machines may share a template exactly when this is the same. */
export interface TemplateOf {
  readonly bootId: string;
  /** Identity of QEMU's file. */
  readonly qemu: string;
  /** Digests of the image's parts and drives. */
  readonly parts: readonly string[];
  /** QEMU's arguments, without what differs from run to run. */
  readonly line: readonly string[];
}

export function templateKey({ bootId, qemu, parts, line }: TemplateOf): string {
  const whole = JSON.stringify([VERSION, bootId, qemu, parts, line]);
  return createHash("sha256").update(whole).digest("hex").slice(0, 32);
}

/**
 * @param wished - Digest of the one to take where two supervisors made one each. Null: any.
 * @returns Null when none is kept.
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` when it is not what its name says.
 */
export async function openTemplate(
  stateDir: string,
  key: string,
  wished: string | null,
): Promise<Template | null> {
  const directory = directoryIn(stateDir);
  const names = (await listDirectory(directory)).filter((name) => name.startsWith(`${key}.`));
  const exact = wished === null ? "" : nameOf(key, wished);
  const name = names.includes(exact) ? exact : names.sort()[0];
  if (name === undefined) return null;
  const path = join(directory, name);
  const measured = measureFile(path, { bytesMax: TEMPLATE_BYTES_MAX, keep: false });
  if (!measured.ok) {
    if (realPath(path) === null) return null;
    throw refused(path, measured.error);
  }
  const { descriptor, digest } = measured.value;
  if (nameOf(key, digest) === name) return { descriptor, digest };
  closeDescriptors([descriptor]);
  throw refused(path, `its digest is ${digest}`);
}

/** Keep a new one; the oldest make room. */
export async function keepTemplate(
  stateDir: string,
  key: string,
  content: Uint8Array,
): Promise<void> {
  const directory = directoryIn(stateDir);
  await ensurePrivateDir(stateDir);
  await ensurePrivateDir(directory);
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  await writeAtomic(join(directory, nameOf(key, digest)), content, MODE);
  const kept = (await listDirectory(directory))
    .map((name) => join(directory, name))
    .map((path) => ({ path, ms: changedMs(path) ?? 0 }))
    .sort((left, right) => right.ms - left.ms);
  for (const { path } of kept.slice(KEPT_MAX)) await removeFile(path);
}

function nameOf(key: string, digest: string): string {
  return `${key}.${digest.slice("sha256:".length)}`;
}

function directoryIn(stateDir: string): string {
  return join(stateDir, "templates");
}

function refused(path: string, why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot restore the template "${path}"`,
    why: `it was changed: ${why}`,
    fix: `Remove it: \`rm ${path}\`; the next run makes another`,
  });
}
