import { expect, test } from "vitest";
import { CrashGuard } from "./crash-guard.ts";

const LIMITS = { failuresMax: 4, windowMs: 1000, delayMs: 10, delayMsMax: 25 };
const delays = (guard: CrashGuard, times: readonly number[]): readonly (number | "stop")[] =>
  times.map((at) => {
    const next = guard.failed(at);
    return next.kind === "stop" ? "stop" : next.delayMs;
  });

test("waits twice as long each time up to a cap, then stops", () => {
  expect(delays(new CrashGuard(LIMITS), [0, 1, 2, 3])).toEqual([10, 20, 25, "stop"]);
});

test("forgets what is older than its window", () => {
  expect(delays(new CrashGuard(LIMITS), [0, 500, 1000, 1500, 2000])).toEqual([10, 20, 20, 20, 20]);
});

test("begins anew when it is reset", () => {
  const guard = new CrashGuard(LIMITS);
  delays(guard, [0, 1, 2]);
  guard.reset();
  expect(delays(guard, [3])).toEqual([10]);
});
