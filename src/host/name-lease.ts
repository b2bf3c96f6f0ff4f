/**
 * Names that one process of this host has at a time: users of walls, directories that are worked in.
 *
 * A lease is an abstract Unix socket that we listen on: taken atomically, released by the kernel when we
 * die however we die, no file to clean up. Names are told apart per network namespace.
 *
 * @module
 */
import { statSync } from "node:fs";
import { createServer } from "node:net";

export interface NameLease {
  release(): void;
}

/** @returns Null when another process has it, or we have it already. */
export function claimName(name: string): Promise<NameLease | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen({ path: `\0ccos-${name}` }, () => {
      server.unref();
      resolve({ release: () => server.close() });
    });
  });
}

/** The right to work in a directory, whatever name leads to it. @returns Null when somebody else has it. */
export function lockDirectory(path: string): Promise<NameLease | null> {
  const { dev, ino } = statSync(path);
  return claimName(`directory-${dev}-${ino}`);
}
