/**
 * Time and randomness that a config makes the same in every run.
 *
 * Both come from the number of the call and from nothing that was drawn before: a call that is answered from the record
 * (replay, resume) leaves no stream behind, and an attempt that is made again gives the same. Time is a logical clock:
 * its beginning, and a millisecond for each call. Random bytes are HKDF-SHA-256 of the seed, the plan, the step and the
 * call, each with its length before it.
 *
 * @module
 */
import { hkdfSync } from "node:crypto";
import type { AgentConfig } from "../config/index.ts";
import type { AdmittedCall } from "./gate-guard.ts";

export interface Sources {
  /** Milliseconds since the epoch. */
  nowMs(call: Pick<AdmittedCall, "number">): number;
  /** At most {@link RANDOM_BYTES_MAX} bytes. */
  randomBytes(call: Pick<AdmittedCall, "number" | "step">, length: number): Uint8Array;
}

export const RANDOM_BYTES_MAX = 1024;
const DOMAIN = "ccos.random.v1";

export interface RealSources {
  readonly nowMs: () => number;
  readonly randomBytes: (length: number) => Uint8Array;
}

/**
 * @param plan - Digest of the plan: two plans of one seed draw differently.
 * @param beganMs - When the run began, where the config names no beginning of its time.
 */
export function sourcesOf(
  { orchestrator: { determinism } }: AgentConfig,
  { plan, beganMs }: { readonly plan: string; readonly beganMs: number },
  real: RealSources,
): Sources {
  const { time, random, epoch, seed } = determinism;
  const beginMs = epoch === null ? beganMs : Date.parse(epoch);
  return {
    nowMs: time === "real" ? () => real.nowMs() : ({ number }) => beginMs + number,
    randomBytes:
      random === "real"
        ? (_call, length) => real.randomBytes(length)
        : ({ number, step }, length) =>
            drawn(seed ?? "", lengthed([plan, step ?? "", String(number)]), length),
  };
}

function drawn(seed: string, info: Uint8Array, length: number): Uint8Array {
  if (seed === "" || length > RANDOM_BYTES_MAX) throw new TypeError("A seed draws what is bounded");
  return new Uint8Array(hkdfSync("sha256", seed, DOMAIN, info, length));
}

/** Each text behind its length: no two lists of texts are the same bytes. */
function lengthed(texts: readonly string[]): Uint8Array {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text, "utf8");
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
