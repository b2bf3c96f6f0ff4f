/**
 * A monitor's process that has its guest's descriptors: what is written to 0 reaches the program in the machine, 1 and 2
 * are its output, 3 its channel. They are there before the guest is, and are connected when it calls.
 *
 * @module
 */
import { type Duplex, duplexPair } from "node:stream";
import type { SpawnedProcess } from "../../host/index.ts";

export interface GuestProcess extends SpawnedProcess {
  /** The guest called for this descriptor. Once: a second call is cut. */
  attach(descriptor: number, stream: Duplex): void;
  /** The last that the monitor itself said, one printable line. */
  lastWords(): string;
}

interface Line {
  /** Who launched has this end; the guest is connected to the other one. As a socket it counts what came. */
  readonly near: Duplex & { bytesRead: number };
  readonly far: Duplex;
  attached: boolean;
}

const WORDS_LENGTH_MAX = 300;

/** @param descriptors - Those that the guest has; of the monitor's own none is seen any more. */
export function guestProcess(
  monitor: SpawnedProcess,
  descriptors: readonly number[],
): GuestProcess {
  const lines = new Map(descriptors.map((each) => [each, lineOf()]));
  const stream = (descriptor: number): Duplex | null => lines.get(descriptor)?.near ?? null;
  let said = "";
  for (const own of [1, 2])
    monitor.readable(own)?.on("data", (chunk: Buffer) => {
      said = `${said}${chunk.toString("latin1")}`.slice(-WORDS_LENGTH_MAX);
    });
  // Nobody writes to it.
  for (const own of [0, 3]) monitor.duplex(own)?.destroy();
  void monitor.exited.then(() => {
    for (const { attached, far } of lines.values()) if (!attached) finish(far);
  });
  return {
    ...monitor,
    readable: stream,
    writable: stream,
    duplex: stream,
    attach: (descriptor, guest) => {
      const line = lines.get(descriptor);
      if (line === undefined || line.attached) {
        guest.destroy();
        return;
      }
      line.attached = true;
      guest.on("error", () => guest.destroy());
      guest.once("close", () => finish(line.far));
      guest.on("data", (chunk: Buffer) => {
        line.near.bytesRead += chunk.length;
      });
      guest.pipe(line.far);
      line.far.pipe(guest);
    },
    lastWords: () => said.replaceAll(/[^\x20-\x7e]+/g, " ").trim(),
  };
}

/** The other end sees the end of what came; what it still sends goes nowhere. */
function finish(far: Duplex): void {
  far.end();
  far.resume();
}

function lineOf(): Line {
  const [near, far] = duplexPair({ allowHalfOpen: false });
  for (const end of [near, far]) end.on("error", () => undefined);
  return { near: Object.assign(near, { bytesRead: 0 }), far, attached: false };
}
