import { expect, test } from "vitest";
import {
  canonicalCapability,
  matchCapability,
  parseCapabilityPattern,
} from "./capability-pattern.ts";

test.each([
  ["ccos.echo", "ccos.echo", null],
  [":ccos.echo", "ccos.echo", null],
  ["ccos.echo@1.2.3", "ccos.echo", "1.2.3"],
  ["ccos.echo@1.2.3-rc.1", "ccos.echo", "1.2.3-rc.1"],
  [":com.x:v2.1.0", "com.x", "2.1.0"],
  [":com.x:v2.1.0-beta.1", "com.x", "2.1.0-beta.1"],
  [":com.acme.database:v1.query", "com.acme.database.query", "1"],
  [":com.acme:v1", "com.acme", "1"],
  ["mcp.git-hub.list-issues", "mcp.git-hub.list-issues", null],
])("canonicalCapability reads %s", (text, id, version) => {
  expect(canonicalCapability(text)).toEqual({ ok: true, value: { id, version } });
});

test.each([
  ["", "not a capability id"],
  [":", "not a capability id"],
  ["::a", "not a version"],
  ["a..b", "not a capability id"],
  [".a", "not a capability id"],
  ["a.", "not a capability id"],
  ["-a", "not a capability id"],
  ["a-", "not a capability id"],
  ["a_b", "not a capability id"],
  ["a b", "not a capability id"],
  ["ccos.échos", "not a capability id"],
  ["ccos.*", "not a capability id"],
  ["__proto__", "not a capability id"],
  ["CCOS.Echo", '"ccos.echo"'],
  ["a@1", "semantic version"],
  ["a@", "semantic version"],
  ["a@1.2.3@4", "semantic version"],
  ["a@01.2.3", "semantic version"],
  ["a:2.1.0", "not a version"],
  ["a:v", "not a version"],
  ["a:v1:b", "not a version"],
  ["a:v1.b c", "not a capability id"],
  ["a".repeat(257), "256"],
])("canonicalCapability refuses %j and says %s", (text, reason) => {
  const parsed = canonicalCapability(text);
  expect(parsed.ok ? "accepted" : parsed.error).toContain(reason);
});

test.each([
  ["ccos.io.log", "ccos.io.log", true],
  ["ccos.io.log", "ccos.io.log2", false],
  ["ccos.io.*", "ccos.io.log", true],
  ["ccos.io.*", "ccos.io.file.open", true],
  ["ccos.io.*", "ccos.io", false],
  ["ccos.io.*", "ccos.iox.log", false],
  ["ccos.io*", "ccos.io.log", false],
  ["*.log", "ccos.io.log", false],
  ["*", "ccos.io.log", true],
  ["*", "ccos.io.log@1.0.0", false],
  ["ccos.*", "CCOS.io", false],
  [".*", "a.b", false],
  ["ccos.*", "ccos.", false],
  ["ccos.*", "ccos.io@1.0.0", false],
  ["a..*", "a..b", false],
  ["", "", false],
])("matchCapability of %j on %j is %s", (pattern, capability, expected) => {
  expect(matchCapability(pattern, capability)).toBe(expected);
});

test("parseCapabilityPattern tells exact, prefix and any apart, and refuses the rest", () => {
  expect(parseCapabilityPattern("a.b")).toEqual({ ok: true, value: { kind: "exact", id: "a.b" } });
  expect(parseCapabilityPattern("a.*")).toEqual({ ok: true, value: { kind: "prefix", id: "a" } });
  expect(parseCapabilityPattern("*")).toEqual({ ok: true, value: { kind: "any", id: "" } });
  for (const text of ["", ".*", "a.*.b", "a*", "*.a", "**", "A.b", "a@1.0.0", ":a"]) {
    expect(parseCapabilityPattern(text).ok).toBe(false);
  }
});
