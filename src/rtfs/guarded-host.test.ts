import { describe, expect, test } from "vitest";
import { guardedHost, type Host, ResourceHandle, ScopedContext, type Value } from "./index.ts";

function recorder(): { host: Host; calls: string[] } {
  const calls: string[] = [];
  const host: Host = {
    call(capability, [first]) {
      calls.push(capability);
      return first ?? null;
    },
    step: (event, name) => void calls.push(`${event} ${name}`),
  };
  return { host, calls };
}

describe("guardedHost", () => {
  test.each([
    ["pure", [], false],
    ["pure", ["a"], false],
    ["controlled", [], false],
    ["controlled", ["b", "a.b"], false],
    ["controlled", ["a"], true],
    ["full", [], true],
  ] as const)("%s with %j: the call reaches the host: %s", (level, allow, isReached) => {
    const { host, calls } = recorder();
    const guarded = guardedHost(host, { level, allow });
    const call = (): Value => guarded.call("a", [1], null);
    if (isReached) expect(call()).toBe(1);
    else expect(call).toThrow(expect.objectContaining({ kind: "SecurityViolation" }));
    expect(calls).toEqual(isReached ? ["a"] : []);
  });

  test("steps pass at every level", () => {
    const { host, calls } = recorder();
    guardedHost(host, { level: "pure" }).step("enter", "s");
    expect(calls).toEqual(["enter s"]);
  });

  test("a released resource is refused, one whose release failed is not", () => {
    const { host, calls } = recorder();
    const [a, b] = [new ResourceHandle("resource://a"), new ResourceHandle("resource://b")];
    const failing: Host = {
      ...host,
      call(capability, args, metadata) {
        if (capability.endsWith("release") && args[0] === b) throw new Error("no");
        return host.call(capability, args, metadata);
      },
    };
    const guarded = guardedHost(failing, { level: "full" });
    guarded.call("use", [a], null);
    guarded.call("ccos.resource.release", [a], null);
    expect(() => guarded.call("use", [1, a], null)).toThrow(/was released/);
    expect(() => guarded.call("ccos.resource.release", [b], null)).toThrow("no");
    expect(guarded.call("use", [b], null)).toBe(b);
    expect(calls).toEqual(["use", "ccos.resource.release", "use"]);
  });

  test("has a context only when the host has one", () => {
    const { host } = recorder();
    const guarded = guardedHost(host, { level: "full" });
    expect(guarded.context?.("k")).toBeUndefined();
    expect(() => guarded.contextSet?.("k", 1)).toThrow(/no host that keeps/);
  });
});

describe("ScopedContext", () => {
  test("a step sees what is around it, and takes its own along", () => {
    const context = new ScopedContext(new Map([["a", 1]]));
    context.step("enter");
    context.set("a", 2);
    context.set("__proto__", 3);
    context.step("enter");
    expect([context.get("a"), context.get("__proto__"), context.get("b")]).toEqual([
      2,
      3,
      undefined,
    ]);
    context.step("fail");
    context.step("leave");
    expect([context.get("a"), context.get("__proto__")]).toEqual([1, undefined]);
  });

  test("what was given stays, whatever the steps do", () => {
    const context = new ScopedContext(new Map([["a", 1]]));
    context.step("leave");
    expect(context.get("a")).toBe(1);
  });
});
