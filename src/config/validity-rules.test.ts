import { expect, test } from "vitest";
import { loadConfig } from "./index.ts";

test.each([
  ["2026-02-28T08:00:00Z", true],
  ["2028-02-29T23:30:00-05:00", true],
  ["2026-02-29T08:00:00Z", false],
  ["2026-02-30T08:00:00Z", false],
  ["2026-04-31T08:00:00+02:00", false],
  ["2026-13-01T08:00:00Z", false],
])("a validity until %s is one: %s", (until, isMoment) => {
  const source = `(agent.config :agent-id "agent.a" :validity {:until "${until}"})`;
  const { findings } = loadConfig(source, { file: "a.rtfs" });
  expect(findings.some(({ code }) => code === "INVALID_VALIDITY")).toBe(!isMoment);
});
