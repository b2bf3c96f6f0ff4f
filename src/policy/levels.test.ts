import { expect, test } from "vitest";
import { levelDefaults, NAMED_POLICIES } from "./levels.ts";

test("levelDefaults holds the limits of each level", () => {
  expect(levelDefaults("pure").limits).toEqual({ wallMs: 1000, memoryBytes: 16_777_216 });
  expect(levelDefaults("controlled").limits).toEqual({ wallMs: 5000, memoryBytes: 67_108_864 });
  expect(levelDefaults("full").limits).toEqual({ wallMs: null, memoryBytes: null });
  expect(levelDefaults("controlled").isolated).toBe(true);
});

test("NAMED_POLICIES grants exactly the listed capabilities", () => {
  const granted = [...NAMED_POLICIES].map(([name, preset]) => [
    name,
    preset.policy.allow.map((rule) => rule.pattern.replace("ccos.", "")),
  ]);
  const json = ["data.parse-json", "data.serialize-json"];
  expect(granted).toEqual([
    ["user_code", ["io.log", ...json]],
    [
      "system_management",
      [
        "io.log",
        "io.print",
        "io.println",
        "io.file-exists",
        ...json,
        "system.current-time",
        "system.current-timestamp-ms",
      ],
    ],
    ["data_processing", ["io.log", ...json, "network.http-fetch", "echo", "math.add", "ask-human"]],
    [
      "agent_coordination",
      [
        "io.log",
        "agent.discover-agents",
        "agent.task-coordination",
        "agent.ask-human",
        "agent.discover-and-assess-agents",
        "agent.establish-system-baseline",
      ],
    ],
    [
      "file_operations",
      [
        "io.log",
        "io.file-exists",
        "io.open-file",
        "io.read-line",
        "io.write-line",
        "io.close-file",
      ],
    ],
    ["test_capabilities", ["echo", "math.add", "ask-human", "io.log", ...json]],
  ]);
  expect(NAMED_POLICIES.get("file_operations")?.limits).toEqual({
    wallMs: 10_000,
    memoryBytes: 33_554_432,
  });
  expect(NAMED_POLICIES.get("__proto__")).toBe(undefined);
});
