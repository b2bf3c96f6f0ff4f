/**
 * The host's side of a guest's vsock where the monitor keeps it in Unix sockets (Firecracker, Cloud Hypervisor).
 *
 * To a guest's port: connect to the monitor's socket, say `CONNECT PORT`, be answered `OK PORT`. From a guest: it
 * connects to cid 2, and the monitor connects to `SOCKET_PORT`, where listenUnix listens.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { err, ok, type Result } from "../foundation/result.ts";
import { codeOf } from "./network.ts";

/** Longest answer that is read, its newline included. */
const ANSWER_BYTES_MAX = 32;
/** Longest path that the kernel takes as a socket's name. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** Where the host listens for a guest that connects to `port`. */
export function guestSocket(socket: string, port: number): string {
  return `${socket}_${port}`;
}

/**
 * A connection to a port of the guest.
 *
 * @param socket - The monitor's own socket.
 * @returns The stream behind the answer, or why there is none: the system's code, `EREFUSED` when nobody listens
 *   in the guest, `EPROTO` for an answer that is none.
 * @throws The signal's reason when it was aborted.
 */
export async function dialGuest(
  socket: string,
  port: number,
  signal: AbortSignal,
): Promise<Result<Duplex, string>> {
  signal.throwIfAborted();
  const peer = connect({ path: socket, allowHalfOpen: true });
  const onAbort = (): void => void peer.destroy(new Error("aborted"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    peer.write(`CONNECT ${port}\n`);
    const refusal = await answered(peer);
    signal.throwIfAborted();
    if (refusal === null) return ok(peer);
    peer.destroy();
    return err(refusal);
  } catch (cause) {
    peer.destroy();
    signal.throwIfAborted();
    return err(codeOf(cause));
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** @returns Null when the guest answered; what came behind the answer is put back. */
async function answered(peer: Socket): Promise<string | null> {
  const waiting = Promise.withResolvers<string | null>();
  let seen = Buffer.alloc(0);
  const onReadable = (): void => {
    for (let chunk = peer.read(); chunk !== null; chunk = peer.read()) {
      seen = Buffer.concat([seen, chunk as Buffer]);
      const end = seen.indexOf(0x0a);
      if (end < 0 && seen.length < ANSWER_BYTES_MAX) continue;
      const line = seen.subarray(0, Math.max(end, 0)).toString("latin1");
      const isAnswer = end < ANSWER_BYTES_MAX && /^OK [0-9]{1,10}$/.test(line);
      peer.off("readable", onReadable);
      if (isAnswer && end + 1 < seen.length) peer.unshift(seen.subarray(end + 1));
      waiting.resolve(isAnswer ? null : "EPROTO");
      return;
    }
  };
  peer.on("readable", onReadable);
  peer.once("end", () => waiting.resolve("EREFUSED"));
  peer.once("close", () => waiting.resolve("EREFUSED"));
  // Whoever uses the stream later sees its end.
  peer.on("error", waiting.reject);
  return await waiting.promise;
}
