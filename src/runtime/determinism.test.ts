import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../config/index.ts";
import { type Sources, sourcesOf } from "./determinism.ts";

const PLAN = `sha256:${"a".repeat(64)}`;
const REAL = { nowMs: () => 77, randomBytes: (length: number) => new Uint8Array(length).fill(9) };

function sources(fields: string, plan: string = PLAN): Sources {
  const source = `(agent.config :orchestrator {:determinism {${fields}}})`;
  const { config, valid } = loadConfig(source, { file: "a" });
  if (config === null || !valid) throw new Error(source);
  return sourcesOf(config, { plan, beganMs: 5000 }, REAL);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** HKDF as RFC 5869 writes it. */
function hkdf(seed: string, info: Buffer, length: number): string {
  const key = createHmac("sha256", "ccos.random.v1").update(seed).digest();
  let [all, last] = [Buffer.alloc(0), Buffer.alloc(0)];
  for (let block = 1; all.length < length; block++) {
    last = createHmac("sha256", key)
      .update(last)
      .update(info)
      .update(Buffer.from([block]))
      .digest();
    all = Buffer.concat([all, last]);
  }
  return all.subarray(0, length).toString("hex");
}

describe("sourcesOf", () => {
  test("takes the host's where nothing is asked", () => {
    const real = sources("");
    expect(real.nowMs({ number: 3 })).toBe(77);
    expect(hex(real.randomBytes({ number: 3, step: null }, 2))).toBe("0909");
  });

  test("time begins where the config says, or with the run, and goes on with each call", () => {
    expect(sources(":time :deterministic").nowMs({ number: 3 })).toBe(5003);
    const begun = sources(':time :deterministic :epoch "2026-01-01T00:00:00Z"');
    expect(begun.nowMs({ number: 1 })).toBe(Date.UTC(2026, 0, 1) + 1);
  });

  test("what is drawn is HKDF of seed, plan, step and call, each with its length", () => {
    const drawn = sources(':random :deterministic :seed "s"');
    const lengthed = (text: string): Buffer => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(text.length);
      return Buffer.concat([length, Buffer.from(text)]);
    };
    const info = Buffer.concat([lengthed(PLAN), lengthed("step"), lengthed("12")]);
    expect(hex(drawn.randomBytes({ number: 12, step: "step" }, 100))).toBe(hkdf("s", info, 100));
  });

  test("another seed, plan, step or call draws otherwise, and no two of them are one", () => {
    const drawn = new Set<string>();
    let count = 0;
    for (const seed of ["s", "t"])
      for (const plan of [PLAN, `sha256:${"b".repeat(64)}`])
        for (const step of [null, "1", "11"])
          for (const number of [1, 11, 111]) {
            count++;
            const from = sources(`:random :deterministic :seed "${seed}"`, plan);
            drawn.add(hex(from.randomBytes({ number, step }, 16)));
          }
    expect(drawn.size).toBe(count);
  });
});
