/**
 * Declared variables, the clock and sleeping. What the clock said is a fact of the record, taken
 * from there by a replay.
 *
 * @module
 */
import { ok } from "../../../foundation/result.ts";
import { defineCapability, done, invalid } from "../../define.ts";
import type { Capability } from "../../types.ts";

/** Longest sleep in one call, milliseconds. */
const SLEEP_MS_MAX = 60_000;
/** Longest variable name, characters; POSIX sets no limit, the kernel's is far above. */
const NAME_LENGTH_MAX = 256;

const getEnv: Capability = defineCapability({
  id: "ccos.system.get-env",
  summary: "The agent's declared variable, or nil; a secret gives its placeholder",
  effects: [],
  parameters: [{ name: "name", type: ":string" }],
  output: "[:union :string :nil]",
  access([name]) {
    if (typeof name !== "string") return invalid("[0]", "expected a string");
    if (name === "" || name.length > NAME_LENGTH_MAX) {
      return invalid("[0]", `a name has 1 to ${NAME_LENGTH_MAX} characters`);
    }
    return ok({ kind: "environment", name });
  },
  invoke: ([name], ports) => Promise.resolve(done(ports.environment(name as string) ?? null)),
});

const currentTime: Capability = defineCapability({
  id: "ccos.system.current-time",
  summary: "Whole seconds since the Unix epoch",
  effects: ["clock"],
  parameters: [],
  output: ":int",
  invoke: (_bound, ports) => Promise.resolve(done(Math.floor(ports.nowMs() / 1000))),
});

const currentTimestampMs: Capability = defineCapability({
  id: "ccos.system.current-timestamp-ms",
  summary: "Whole milliseconds since the Unix epoch",
  effects: ["clock"],
  parameters: [],
  output: ":int",
  invoke: (_bound, ports) => Promise.resolve(done(Math.floor(ports.nowMs()))),
});

const sleepMs: Capability = defineCapability({
  id: "ccos.system.sleep-ms",
  summary: "Waits 0 to 60 000 milliseconds",
  effects: ["clock"],
  parameters: [{ name: "ms", type: ":int" }],
  output: ":nil",
  access([ms]) {
    if (typeof ms !== "number" || !Number.isInteger(ms) || ms < 0 || ms > SLEEP_MS_MAX) {
      return invalid("[0]", `expected an integer from 0 to ${SLEEP_MS_MAX}`);
    }
    return ok(null);
  },
  async invoke([ms], ports, signal) {
    await ports.sleep(ms as number, signal);
    return done(null);
  },
});

/** Most random bytes of one call. */
const RANDOM_BYTES_MAX = 1024;

const randomHex: Capability = defineCapability({
  id: "ccos.system.random-hex",
  summary: "1 to 1024 random bytes as hexadecimal text",
  effects: ["random"],
  parameters: [{ name: "bytes", type: ":int" }],
  output: ":string",
  access([bytes]) {
    const count = typeof bytes === "number" && Number.isInteger(bytes) ? bytes : 0;
    if (count >= 1 && count <= RANDOM_BYTES_MAX) return ok(null);
    return invalid("[0]", `expected an integer from 1 to ${RANDOM_BYTES_MAX}`);
  },
  invoke: ([bytes], ports) =>
    Promise.resolve(done(Buffer.from(ports.randomBytes(bytes as number)).toString("hex"))),
});

export const SYSTEM: readonly Capability[] = [
  getEnv,
  currentTime,
  currentTimestampMs,
  randomHex,
  sleepMs,
];
