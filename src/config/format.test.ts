import { expect, test } from "vitest";
import { findingsToJson, formatFindings, loadConfig } from "./index.ts";

const { findings } = loadConfig(
  '(agent.config\n  :agent-idd "x"\n  :capabilities {:fs {:enabled true}})',
  {
    file: "dir/a.rtfs",
  },
);

test("formatFindings gives place, severity, code, path, message and fix", () => {
  expect(formatFindings(findings, { color: false })).toBe(
    [
      "dir/a.rtfs:2:3: error UNKNOWN_FIELD agent-idd",
      "    agent-idd is not a key of the schema",
      "    fix: Did you mean :agent-id?",
      "dir/a.rtfs:3:23: warning FEATURE_NOT_DECLARED capabilities.fs.enabled",
      "    :features does not have :fs",
      "    fix: Add the flag to :features",
    ].join("\n"),
  );
});

test("formatFindings colours only when asked, and gives no text for no finding", () => {
  expect(formatFindings(findings, { color: true })).toContain("\u001b[31merror\u001b[0m");
  expect(formatFindings([], { color: true })).toBe("");
});

test("findingsToJson keeps every part under stable keys", () => {
  expect(findingsToJson(findings.slice(0, 1))).toEqual([
    {
      code: "UNKNOWN_FIELD",
      severity: "error",
      path: "agent-idd",
      message: "agent-idd is not a key of the schema",
      suggestion: "Did you mean :agent-id?",
      place: { file: "dir/a.rtfs", start: 16, end: 26, line: 2, column: 3 },
    },
  ]);
});
