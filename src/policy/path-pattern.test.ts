import { expect, test } from "vitest";
import { matchPath, matchPaths, parsePathPattern } from "./path-pattern.ts";

test.each([
  ["/v1/users", "/v1/users", true],
  ["/v1/users", "/v1/users?id=1", true],
  ["/v1/users", "/v1/users/", false],
  ["/v1/users", "/v1/users2", false],
  ["/v1/*", "/v1/users/7", true],
  ["/v1/*", "/v1/", true],
  ["/v1/*", "/v1", false],
  ["/v1/*", "/v10/users", false],
  ["/*", "/", true],
  ["/*", "/anything/at/all?x", true],
  ["/v1/*", "/v1/%2e%2e/admin", false],
  ["/v1/*", "/v1/..%2fadmin", false],
  ["/v1/*", "/v1/a%2Fb", false],
  ["/v1/*", "/v1/%252e%252e/admin", false],
  ["/v1/*", "/v1/%25252fadmin", false],
  ["/v1/*", "/v1/%5cadmin", false],
  ["/v1/*", "/v1/a%00", false],
  ["/v1/*", "/v1/..;/admin", false],
  ["/v1/*", "/v1/.;x/admin", false],
  ["/v1/*", "/v1/../admin", false],
  ["/v1/*", "/v1/.", false],
  ["/v1/*", "/v1/a?next=%2f..%2f", true],
  ["/V1/*", "/v1/a", false],
  ["/v*/a", "/v*/a", false],
  ["", "/", false],
  ["*", "/", false],
  ["/v1/*", "v1/a", false],
  ["/v1/*", "/v1/a\nb", false],
])("matchPath of %s on %j is %s", (pattern, path, expected) => {
  expect(matchPath(pattern, path)).toBe(expected);
});

test("matchPaths of no patterns covers every path, of some patterns any of theirs", () => {
  expect(matchPaths([], "/a%2fb")).toBe(true);
  expect(matchPaths(["/a", "/b"], "/b")).toBe(true);
  expect(matchPaths(["/a", "/b"], "/c")).toBe(false);
});

test.each([
  ["/v1/users", { path: "/v1/users", prefix: false }],
  ["/v1/*", { path: "/v1/", prefix: true }],
  ["/*", { path: "/", prefix: true }],
])("parsePathPattern reads %s", (text, pattern) => {
  expect(parsePathPattern(text)).toEqual({ ok: true, value: pattern });
});

test.each([
  ["v1", "start with /"],
  ["", "start with /"],
  ["*", "start with /"],
  ["/a?b", "query"],
  ["/a#b", "query"],
  ["/a/*/b", "at the end"],
  ["/a*", "at the end"],
  ["/a/**", "at the end"],
  ["/a/../b", '"/b"'],
  ["/a/./*", '"/a/*"'],
  ["/a/%2e/b", "encoded"],
  ["/a%2fb", "encoded"],
  ["/é", '"/%C3%A9"'],
  ["/a b", '"/a%20b"'],
  [`/${"a".repeat(1024)}`, "1024"],
])("parsePathPattern refuses %j and says %s", (text, reason) => {
  const parsed = parsePathPattern(text);
  expect(parsed.ok ? "accepted" : parsed.error).toContain(reason);
});
