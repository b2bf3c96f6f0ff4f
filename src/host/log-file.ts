/**
 * Files of fixed-size or line-shaped entries that only grow: read at offsets at once, without a trip to another thread.
 *
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";

export interface LogFile {
  readonly size: number;
  /** @returns The bytes there, fewer where the file ends before. */
  read(offset: number, length: number): Buffer;
  /** All of `bytes`, durable when it returns. */
  append(bytes: Uint8Array): void;
  /** Forget what stands from `size` on. */
  cut(size: number): void;
  close(): void;
}

const FLAGS = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * @param mode - `read` of a file that is there; `append` makes it, 0600, when it is not.
 * @throws The system's error; an `Error` for what is no regular file.
 */
export function openLogFile(path: string, mode: "read" | "append"): LogFile {
  const access =
    mode === "read"
      ? constants.O_RDONLY
      : constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_DSYNC;
  const file = openSync(path, FLAGS | access, 0o600);
  const facts = fstatSync(file);
  if (!facts.isFile()) {
    closeSync(file);
    throw new Error(`"${path}" is not a regular file`);
  }
  let { size } = facts;
  return {
    get size() {
      return size;
    },
    read: (offset, length) => readAt(file, offset, length),
    append: (bytes) => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(file, bytes, done, bytes.length - done);
      }
      size += bytes.length;
    },
    cut: (to) => {
      ftruncateSync(file, to);
      size = to;
    },
    close: () => closeSync(file),
  };
}

function readAt(file: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = readSync(file, buffer, done, length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return buffer.subarray(0, done);
}
