import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

const KEYS = ["network", "agent-id", "cid", "nic", "plan", "via"];

test.each([
  ["netwrok", "network"],
  ["networks", "network"],
  ["agent-idd", "agent-id"],
  ["agentid", "agent-id"],
  ["cdi", "cid"],
  ["pln", "plan"],
  ["zzzzzz", null],
  ["", null],
  ["x".repeat(65), null],
])("nearest(%s) is %s", (name, meant) => {
  expect(nearest(name, KEYS)).toBe(meant);
});

test("nearest takes the first of two that are equally near", () => {
  expect(nearest("cix", ["cia", "cib"])).toBe("cia");
});
