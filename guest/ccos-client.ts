/**
 * `ccos` for scripts in JavaScript: calls of capabilities over the control channel, the same on Node behind a process
 * wall and inside the QuickJS engine of the wasm wall.
 *
 *     const page = ccos.call("ccos.network.http-fetch", { url: "https://api.example.com/", method: "GET" });
 *     console.log(page.status, ccos.args);
 *
 * A refusal is a `ccos.CapabilityError` with the host's code: the program may go on. A call waits for its answer.
 *
 * @module
 */
import type { WireError } from "../src/foundation/protocol.ts";
import { readSome } from "./io/blocking.ts";
import { CallChannel } from "./io/channel.ts";
import { scriptToWire, wireToScript } from "./io/wire-values.ts";

/** The host's answer to a call that it refused or that failed. */
class CapabilityError extends Error {
  readonly kind: string;
  readonly code: string;
  readonly retryable: boolean;

  constructor({ kind, code, message, retryable }: WireError) {
    super(`${code}: ${message}`);
    this.name = "CapabilityError";
    this.kind = kind;
    this.code = code;
    this.retryable = retryable;
  }
}

const channel = new CallChannel(process.env["CCOS_SESSION"] ?? "");

/** The capability's result. @throws {CapabilityError} when it is denied or fails. */
function call(capability: string, ...args: readonly unknown[]): unknown {
  const answer = channel.call(
    capability,
    args.map((arg) => scriptToWire(arg)),
  );
  if (!answer.ok) throw new CapabilityError(answer.error);
  return wireToScript(answer.value);
}

const INPUT_CHUNK_BYTES = 64 * 1024;

/** All of standard input, as text. */
function input(): string {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(INPUT_CHUNK_BYTES);
    const count = readSome(0, chunk, 0, chunk.length);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
  }
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return new TextDecoder().decode(whole);
}

Object.defineProperty(globalThis, "ccos", {
  value: Object.freeze({ call, input, args: process.argv.slice(2), CapabilityError }),
});
