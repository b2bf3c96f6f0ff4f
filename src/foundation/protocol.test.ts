import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "./json.ts";
import { parseGuestMessage, parseHostMessage } from "./protocol.ts";

describe("parseGuestMessage", () => {
  test.each<[string, JsonValue, string]>([
    ["an unknown type", { type: "exec", argv: ["sh"] }, 'no message is called "exec"'],
    ["a type from the prototype", { type: "constructor" }, 'no message is called "constructor"'],
    ["__proto__ as a type", { type: "__proto__" }, 'no message is called "__proto__"'],
    [
      "a surplus field",
      { type: "call", id: 1, capability: "a", args: [], rule: "x" },
      'call has no field "rule"',
    ],
    [
      "a missing field",
      { type: "call", id: 1, args: [] },
      "call.capability is missing or malformed",
    ],
    [
      "a negative id",
      { type: "call", id: -1, capability: "a", args: [] },
      "call.id is missing or malformed",
    ],
    [
      "an id that is no integer",
      { type: "call", id: 1.5, capability: "a", args: [] },
      "call.id is missing or malformed",
    ],
    [
      "an over-long capability",
      { type: "call", id: 1, capability: "a".repeat(257), args: [] },
      "call.capability is missing or malformed",
    ],
    ["an array", [], "a frame is a JSON object"],
    [
      "an invented step event",
      { type: "step", event: "skip", name: "a" },
      "step.event is missing or malformed",
    ],
    [
      "a result that is neither",
      { type: "result", ok: 1, value: 1 },
      "result.ok is missing or malformed",
    ],
  ])("refuses %s", (_name, frame, reason) => {
    expect(parseGuestMessage(frame)).toEqual({ ok: false, error: reason });
  });

  test("takes each message of the closed set", () => {
    const error = {
      kind: "TypeError",
      code: "PROGRAM_ERROR",
      message: "no",
      retryable: false,
      place: null,
    };
    const messages: JsonValue[] = [
      { type: "ready", version: 1, session: "s", image: "i" },
      { type: "step", event: "enter", name: "a" },
      { type: "call", id: 0, capability: "ccos.echo", args: [1] },
      { type: "result", ok: true, value: null },
      { type: "result", ok: false, error },
      { type: "log", level: "info", text: "x" },
      { type: "metric", name: "m", value: 1 },
      { type: "event", name: "e", data: {} },
    ];
    for (const message of messages)
      expect(parseGuestMessage(message)).toEqual({ ok: true, value: message });
  });

  test("never throws on any JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed = parseGuestMessage(value as JsonValue);
        expect(typeof parsed.ok).toBe("boolean");
      }),
    );
  });
});

describe("parseHostMessage", () => {
  test("refuses a guest's message sent the wrong way", () => {
    expect(parseHostMessage({ type: "call", id: 1, capability: "a", args: [] }).ok).toBe(false);
  });

  const execute = (modules: JsonValue): JsonValue => {
    const plan = { source: "1", file: "p.rtfs", modules, args: [], fuel: 1, depthMax: 1 };
    return { type: "execute", id: 1, ...plan };
  };
  const module = (name: string): JsonValue => ({ name, file: "a.rtfs", source: "" });

  test("takes a program with its modules", () => {
    const message = execute([module("a"), module("__proto__")]);
    expect(parseHostMessage(message)).toEqual({ ok: true, value: message });
  });

  test.each<[string, JsonValue]>([
    ["no list", { a: "" }],
    ["a text without a name", [{ file: "a", source: "" }]],
    ["a text that is none", [{ name: "a", file: "a", source: 1 }]],
    ["a surplus field", [{ name: "a", file: "a", source: "", digest: "" }]],
    ["a name twice", [module("a"), module("b"), module("a")]],
    ["too many", Array.from({ length: 257 }, (_, at) => module(`m${at}`))],
    ["an absent text", [null]],
  ])("refuses modules with %s", (_name, modules) => {
    const error = "execute.modules is missing or malformed";
    expect(parseHostMessage(execute(modules))).toEqual({ ok: false, error });
  });

  test("wants an id on a result", () => {
    expect(parseHostMessage({ type: "result", ok: true, value: 1 })).toEqual({
      ok: false,
      error: "result.id is missing or malformed",
    });
  });
});
