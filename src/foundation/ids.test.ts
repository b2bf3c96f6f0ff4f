import { expect, test } from "vitest";
import { isRunId, newRunId } from "./ids.ts";

test("newRunId sorts by time and is a run id", () => {
  const random = new Uint8Array(16).fill(255);
  const earlier = newRunId(1_700_000_000_000, random);
  const later = newRunId(1_700_000_000_001, new Uint8Array(16));
  expect(earlier).toBe("run-01HF7YAT00ZZZZZZZZZZZZZZZZ");
  expect(earlier < later).toBe(true);
  expect(isRunId(earlier)).toBe(true);
});

test.each([
  "run-../../etc/passwd",
  "run-01HF7YAT00ZZZZZZZZZZZZZZZ",
  "last",
  "",
  "run-01HF7YAT00ZZZZZZZZZZZZZZZZ\n",
])("isRunId refuses %j", (text) => {
  expect(isRunId(text)).toBe(false);
});
