import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTrial, trialId } from "./request.ts";

describe("parseTrial", () => {
  test("never throws, whatever the JSON is", () => {
    const keys = fc.constantFrom(
      "id",
      "source",
      "level",
      "allow",
      "compat",
      "strict",
      "stubs",
      "before",
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(keys, fc.jsonValue())), (json) => {
        const parsed = parseTrial(json);
        if (parsed.ok) expect(Array.isArray(parsed.value.request.texts)).toBe(true);
        else expect(parsed.error).not.toBe("");
      }),
    );
  });

  test.each([
    [{ source: "1", level: "root" }, '"level"'],
    [{ source: "1", level: 1 }, '"level"'],
    [{ source: "1", allow: "x" }, '"allow"'],
    [{ source: "1", allow: [""] }, '"allow"'],
    [{ source: "1", compat: true }, '"compat"'],
    [{ source: "1", strict: "yes" }, '"strict"'],
    [{ source: "1", stubs: [] }, '"stubs"'],
    [{ source: "1", stubs: { a: { returns: 1 } } }, 'stub of "a"'],
    [{ source: "1", stubs: { a: { returns: "1", echo: "all" } } }, 'stub of "a"'],
    [{ source: "1", stubs: { a: { returns: "1 2" } } }, "not one value"],
    [{ source: "1", stubs: { a: { returns: "(" } } }, "does not read"],
    [{ source: "1", stubs: { a: { fails: "lower case" } } }, 'stub of "a"'],
    [{ source: "1", id: {} }, '"id"'],
    [{ source: 1 }, '"source"'],
    [[], "object"],
    [null, "object"],
  ])("refuses %j and names the field", (json, named) => {
    const parsed = parseTrial(json);
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? "" : parsed.error).toContain(named);
  });

  test("false and null are absent", () => {
    const parsed = parseTrial({
      source: "1",
      compat: false,
      level: null,
      allow: null,
      stubs: null,
    });
    expect(parsed.ok && parsed.value.request.rights.level).toBe("pure");
    expect(parsed.ok && parsed.value.request.compat).toBe(null);
  });

  test("names of the object prototype are plain ids", () => {
    const json: unknown = JSON.parse(
      '{"source":"1","stubs":{"__proto__":{"returns":"1"},"constructor":{"echo":"all"}}}',
    );
    const parsed = parseTrial(json);
    const stubs = parsed.ok ? [...parsed.value.request.rights.stubs.keys()] : [];
    expect(stubs).toEqual(["__proto__", "constructor"]);
  });

  test("tells the keys that nobody reads", () => {
    const parsed = parseTrial({ source: "1", levle: "full" });
    expect(parsed.ok && parsed.value.unknown).toEqual(["levle"]);
  });
});

test("trialId gives back plain ids only", () => {
  expect([1, "a", true, null, {}, [], undefined].map((id) => trialId({ id }))).toEqual([
    1,
    "a",
    true,
    null,
    null,
    null,
    null,
  ]);
  expect(trialId({ id: "x".repeat(2000) })).toBe(null);
  expect(trialId("nothing")).toBe(null);
});
