/**
 * An image as it is handed to a machine: every part measured through the opening that is handed on, and compared with
 * the lock before anything boots. A byte that differs anywhere refuses the boot.
 *
 * @module
 */
import { posix } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { closeDescriptors, type MeasuredFile, measureFile, readBounded } from "../../host/index.ts";
import {
  IMAGE_PARTS,
  type ImageLock,
  type ImagePart,
  LOCK_BYTES_MAX,
  LOCK_FILE,
  parseLock,
} from "./lock.ts";

export interface MeasuredImage {
  readonly lock: ImageLock;
  /** Open for reading; closed by {@link closeImage}. */
  readonly parts: Readonly<Record<ImagePart, MeasuredFile>>;
}

const PART_BYTES_MAX = 2 * 1024 * 1024 * 1024;

/** @throws {CcosError} `ISOLATION_UNAVAILABLE`: there is no image, or its lock is unreadable. */
export async function readLock(directory: string): Promise<ImageLock> {
  const path = posix.join(directory, LOCK_FILE);
  const bytes = await readBounded(path, LOCK_BYTES_MAX);
  if (!bytes.ok) throw refused(directory, `"${LOCK_FILE}" is ${bytes.error}`);
  const lock = parseLock(new TextDecoder().decode(bytes.value));
  if (lock.ok) return lock.value;
  throw refused(directory, `"${LOCK_FILE}": ${lock.error}`);
}

/**
 * Open and measure every part.
 *
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` naming the part that is absent or is not what the lock says.
 */
export async function measureImage(directory: string): Promise<MeasuredImage> {
  const lock = await readLock(directory);
  const opened: MeasuredFile[] = [];
  try {
    const [kernel, initrd, root] = IMAGE_PARTS.map((part) => {
      // The root is read as it is needed; the other two are small and loaded whole.
      const how = { bytesMax: PART_BYTES_MAX, keep: part !== "root" };
      const measured = measureFile(posix.join(directory, part), how);
      if (!measured.ok) throw refused(directory, `"${part}": ${measured.error}`);
      opened.push(measured.value);
      if (measured.value.digest !== lock.digests[part])
        throw altered(directory, part, lock, measured.value);
      return measured.value;
    });
    if (kernel === undefined || initrd === undefined || root === undefined)
      throw new TypeError("An image has three parts");
    return { lock, parts: { kernel, initrd, root } };
  } catch (error) {
    closeDescriptors(opened.map((each) => each.descriptor));
    throw error;
  }
}

export function closeImage({ parts }: MeasuredImage): void {
  closeDescriptors(IMAGE_PARTS.map((part) => parts[part].descriptor));
}

function altered(
  directory: string,
  part: ImagePart,
  lock: ImageLock,
  found: MeasuredFile,
): CcosError {
  return refused(directory, `"${part}" is ${found.digest}, its lock says ${lock.digests[part]}`);
}

function refused(directory: string, why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot boot the image "${directory}"`,
    why,
    fix: "Build it: `ccos image build`",
  });
}
