/** Each finding code: the smallest change of a clean config that yields it, alone, at its path and line. */
import { describe, expect, test } from "vitest";
import { FINDING_CODES } from "../foundation/finding-codes.ts";
import { CASES as OTHER_CASES, swap } from "./finding-cases.ts";
import { FLOW_CASES } from "./flow-cases.ts";
import { GOVERNANCE_CASES } from "./governance-cases.ts";
import { SETTINGS_CASES } from "./settings-cases.ts";
import { DIGEST, MICROVM } from "./sample-config.ts";
import { loadConfig } from "./index.ts";

const CASES = [...OTHER_CASES, ...GOVERNANCE_CASES];

describe("loadConfig finds each code alone, at its path and line", () => {
  test.each([...CASES, ...FLOW_CASES])(
    "$code at $path",
    ({ code, path, line, source, production = false }) => {
      const { findings, valid } = loadConfig(source, { file: "a.rtfs", production });
      const seen = findings.map((each) => ({
        code: each.code,
        path: each.path,
        line: each.span?.line,
      }));
      expect(seen).toEqual([{ code, path, line }]);
      expect(valid).toBe(findings[0]?.severity === "warning");
      expect(findings[0]?.message).not.toBe("");
    },
  );

  test("the fixture itself is clean, in production too", () => {
    expect(loadConfig(MICROVM, { file: "a.rtfs" }).findings).toEqual([]);
    expect(loadConfig(MICROVM, { file: "a.rtfs", production: true }).findings).toEqual([]);
  });

  test("every code of the table has a case", () => {
    const covered = new Set([...CASES, ...FLOW_CASES, ...SETTINGS_CASES].map((each) => each.code));
    expect(Object.keys(FINDING_CODES).filter((code) => !covered.has(code))).toEqual([]);
  });
});

describe("bounds that are legal on both ends", () => {
  test.each([
    ["cid 4294967294", swap(":cid 3", ":cid 4294967294")],
    ["32 vCPUs warn only", swap(":vcpus 1", ":vcpus 32")],
    ["64 MiB", swap(":mem_mb 256", ":mem_mb 64")],
    ["an exponent float as integer", swap(":mem_mb 256", ":mem_mb 2.56e2")],
    ["a policy-resolved digest", swap(`"sha256:${DIGEST}"`, ":policy-resolved")],
    ["a root image without :ro", swap(":ro true", "")],
    [
      "mTLS without a certificate on a network that is off",
      "(agent.config :network {:enabled false :egress {:mtls true}})",
    ],
    ["snake and kebab spelling", swap(":mem_mb", ":mem-mb").replace("agent-id", "agent_id")],
  ])("%s", (_name, source) => {
    expect(loadConfig(source, { file: "a.rtfs" }).valid).toBe(true);
  });
});
