/**
 * What process 1 of a microVM says on its port: that the program runs, how it ended and what came out, or why not.
 *
 * The port is process 1's alone, yet nothing on it is trusted further than the program is: a status is what a program
 * may say of itself, and the counts only say how long to wait for its last output.
 *
 * @module
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ProcessEnd, SpawnedProcess } from "../../host/index.ts";
import { signalName } from "../../host/index.ts";
import { JAIL_FD } from "./jail.ts";

export interface GuestReport {
  /** The program runs. Never when it does not. */
  readonly up: Promise<void>;
  /** Listen; when the program ended, take its last output and let the machine power off. */
  follow(process: SpawnedProcess): void;
  /** The program's input ends after so many bytes: a port has no end of its own. */
  endInput(process: SpawnedProcess, bytes: number): void;
  /** Null: it did not say. */
  ended(): ProcessEnd | null;
  /** Its kernel killed something of the program for memory. */
  outOfMemory(): boolean;
  /** The reason it gave for not starting; empty: none. */
  complaint(): string;
}

const BYTES_MAX = 4_096;
/** For output that was told of and does not come: then the machine ends without it. */
const DRAIN_MS_MAX = 2_000;

export function guestReport(): GuestReport {
  let told = "";
  const up = Promise.withResolvers<void>();
  const ended = (): RegExpExecArray | null => /^end (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(told);
  let draining = false;
  return {
    up: up.promise,
    follow: (process) => {
      const port = process.duplex(JAIL_FD.init);
      port?.on("error", () => undefined);
      port?.on("data", (chunk: Buffer) => {
        if (told.length < BYTES_MAX) told += chunk.toString("latin1");
        if (/^up$/m.test(told)) up.resolve();
        const [, , , ...counts] = ended() ?? [];
        if (counts.length === 0 || draining) return;
        draining = true;
        void drained(process, counts.map(Number)).then(() => port.write(message("o", 0)));
      });
    },
    endInput: (process, bytes) => void process.writable(JAIL_FD.init)?.write(message("i", bytes)),
    ended: () => decoded(Number(ended()?.[1] ?? Number.NaN)),
    outOfMemory: () => Number(ended()?.[2] ?? 0) > 0,
    complaint: () => /^fail (.*) \d+$/m.exec(told)?.[1]?.slice(0, 200) ?? "",
  };
}

/** What process 1 hears after it was told to go: a letter and a number. */
function message(letter: "i" | "o", count: number): Uint8Array {
  const bytes = Buffer.alloc(9, letter, "latin1");
  bytes.writeBigUInt64LE(BigInt(count), 1);
  return bytes;
}

async function drained(process: SpawnedProcess, counts: readonly number[]): Promise<void> {
  const ports = [JAIL_FD.out, JAIL_FD.error, JAIL_FD.channel].map((fd) => process.duplex(fd));
  const deadline = Date.now() + DRAIN_MS_MAX;
  for (let waitMs = 1; Date.now() < deadline; waitMs = Math.min(waitMs * 2, 20)) {
    const missing = ports.some(
      (port, at) => port !== null && !port.destroyed && bytesRead(port) < (counts[at] ?? 0),
    );
    if (!missing) return;
    // Its program is dead: what is left of its output is little and waits for no reader.
    for (const port of ports.slice(0, 2)) port?.resume();
    await pause(waitMs);
  }
}

function bytesRead(port: object): number {
  return "bytesRead" in port && typeof port.bytesRead === "number" ? port.bytesRead : 0;
}

/** As wait(2) packs it. */
function decoded(status: number): ProcessEnd | null {
  if (Number.isNaN(status)) return null;
  const signal = signalName(status & 0x7f);
  return signal === null ? { kind: "exited", status: status >> 8 } : { kind: "signaled", signal };
}
