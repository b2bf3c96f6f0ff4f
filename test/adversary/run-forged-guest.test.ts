/**
 * Attacks the host with a guest that owns its end of the channel: hostile values, claims after the end, floods.
 *
 * Whatever comes, the run has an ending in its chain, its books balance, and nothing is executed that was said
 * after the conversation was over.
 */
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../src/foundation/framing.ts";
import type { Executed } from "../../src/runtime/gate-guard.ts";
import { GuestLink } from "../../src/runtime/guest-link.ts";
import { attack } from "./forged-guest.ts";

/** A frame around JSON text as the forger wrote it. */
function frame(text: string): Uint8Array {
  const body = Buffer.from(text, "utf8");
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length);
  return Buffer.concat([header, body]);
}

const echo = (args: string, id = 1): Uint8Array =>
  frame(`{"type":"call","id":${id},"capability":"ccos.echo","args":${args}}`);
const DONE = frame('{"type":"result","ok":true,"value":3}');
const result = (value: string): Uint8Array => frame(`{"type":"result","ok":true,"value":${value}}`);
const failed = (error: string): Uint8Array =>
  frame(`{"type":"result","ok":false,"error":{${error}}}`);
const FAILURE = '"kind":"K","code":"C","message":"m","retryable":false';
const nest = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

describe("the conversation's end is the end", () => {
  test.each<[string, Uint8Array]>([
    ["the result", DONE],
    ["a violation", frame('{"type":"step","event":"enter","name":"admin"}')],
    ["a second greeting", frame('{"type":"ready","version":1,"session":"","image":""}')],
  ])("a call that follows %s in the same write is not executed", async (_title, end) => {
    const { executed, records, books } = await attack({
      bytes: Buffer.concat([end, echo('["late"]')]),
    });
    expect(executed).toEqual([]);
    expect(records.filter(({ type }) => type.startsWith("Call"))).toEqual([]);
    expect(books.balanced).toBe(true);
  });
});

describe("the program that is shipped", () => {
  test("has the modules that were judged with it, each once, and no other text", async () => {
    const module = (name: string, source: string) => ({ name, file: `${name}.rtfs`, source });
    const tax = module("tax", "(defn total [x] (call :ccos.math.add x 19))");
    const evil = module("evil", '(def x (call :ccos.system.get-env "HOME"))');
    const plan = '(import tax) (step "sum" (tax/total 100))';
    const { execute, records } = await attack({ bytes: DONE, plan, modules: [evil, tax] });
    expect(execute?.["modules"]).toEqual([tax]);
    expect(records[0]?.data["modules"]).toMatchObject([{ name: "tax" }]);
  });
});

describe("a call that the config grants and the plan does not have", () => {
  const config = `:features [:network :fs]
    :network {:enabled true :egress {:via :proxy :rules [{:host "*.example.com" :methods [:GET :POST]}]}}
    :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}
                   :http {:enabled true}}`;
  const plan = `
    (match (count args)
      0 ^{:effects [[:fs {:paths ["/workspace/in"] :modes [:read]}]]}
        (step "read" (call :ccos.io.read-file "/workspace/in/a"))
      1 (step "fetch"
          (if (= arg0 1)
            (call :ccos.network.http-fetch {:url "https://api.example.com/v1" :method "GET"})
            (call :ccos.network.http-fetch {:url "https://other.example.com/v1" :method "POST"})))
      _ (step "any" (call :ccos.io.write-file (str "/workspace/" arg0) "text")))`;
  const asks = (step: string, capability: string, args: string): Uint8Array =>
    Buffer.concat([
      frame(`{"type":"step","event":"enter","name":"${step}"}`),
      frame(`{"type":"call","id":1,"capability":"${capability}","args":${args}}`),
    ]);
  const fetch = (fields: string): string => `[{"$t":"map","v":[${fields}]}]`;
  const GET = '[{"$t":"kw","v":"method"},"GET"]';
  const url = (text: string): string => `[{"$t":"kw","v":"url"},"${text}"]`;

  test.each<[string, string, string, string]>([
    ["the literal path", "read", "ccos.io.read-file", '["/workspace/in/a"]'],
    [
      "the literal host",
      "fetch",
      "ccos.network.http-fetch",
      fetch(`${url("https://api.example.com/v1")},${GET}`),
    ],
    ["any granted path, where it is computed", "any", "ccos.io.write-file", '["/workspace/b","x"]'],
  ])("%s is served", async (_title, step, capability, args) => {
    const { executed } = await attack({
      config,
      plan,
      bytes: asks(step, capability, args),
      then: DONE,
    });
    expect(executed).toEqual([capability]);
  });

  test.each<[string, string, string, string]>([
    ["another path under the annotation", "read", "ccos.io.read-file", '["/workspace/in/b"]'],
    ["a path beyond the annotation", "read", "ccos.io.read-file", '["/workspace/secret"]'],
    [
      "another host",
      "fetch",
      "ccos.network.http-fetch",
      fetch(`${url("https://evil.example.com/v1")},${GET}`),
    ],
    [
      "the host of one call with the method of another",
      "fetch",
      "ccos.network.http-fetch",
      fetch(`${url("https://api.example.com/v1")},${GET.replace("GET", "POST")}`),
    ],
  ])("%s is denied, by the plan, and recorded", async (_title, step, capability, args) => {
    const { executed, records, answers, books } = await attack({
      config,
      plan,
      bytes: asks(step, capability, args),
      then: DONE,
    });
    expect(executed).toEqual([]);
    expect(answers).toMatchObject([
      { ok: false, error: { kind: "SecurityViolation", code: "EFFECT_DENIED" } },
    ]);
    expect(records).toContainEqual(
      expect.objectContaining({
        type: "CallDenied",
        data: expect.objectContaining({ code: "EFFECT_DENIED", rule: `plan.steps["${step}"]` }),
      }),
    );
    expect(books.balanced).toBe(true);
  });

  test("a denial of the policy stays the policy's", async () => {
    const bytes = asks("read", "ccos.io.read-file", '["/etc/passwd"]');
    const { answers } = await attack({ config, plan, bytes, then: DONE });
    expect(answers).toMatchObject([{ error: { code: "FILE_DENIED" } }]);
  });
});

describe("a hostile ending is recorded as an ending", () => {
  test.each<[string, Uint8Array]>([
    ["a result with a lone surrogate", result('"\\ud800"')],
    ["a result with a key that is a lone surrogate", result('{"\\ud800":1}')],
    ["a result that is no number of this world", result("1e999")],
    ["a result nested 200 000 deep", result(nest(200_000))],
    ["a result with a prototype's key", result('{"__proto__":{"ok":true}}')],
    ["a failure without a place", failed(FAILURE)],
    ["a failure whose place is a deep value", failed(`${FAILURE},"place":${nest(200_000)}`)],
    ["a failure whose place is a lone surrogate", failed(`${FAILURE},"place":"\\udfff"`)],
    [
      "a failure whose kind is a lone surrogate",
      failed('"kind":"\\ud800","code":"C","message":"m","retryable":false,"place":null'),
    ],
    [
      "a step named with a lone surrogate",
      frame('{"type":"step","event":"enter","name":"\\ud800"}'),
    ],
    [
      "a capability named with a lone surrogate",
      frame('{"type":"call","id":1,"capability":"\\ud800","args":[]}'),
    ],
    ["a field named with a lone surrogate", frame('{"type":"step","\\ud800":1}')],
    ["a type named with a lone surrogate", frame('{"type":"\\ud800"}')],
  ])("%s", async (_title, bytes) => {
    const { records, books } = await attack({ bytes });
    expect(records.at(-1)?.type).toMatch(/^Run(Failed|Completed)$/);
    expect(books.balanced).toBe(true);
  });

  test("a failure's place of 8 MiB does not become a record of 8 MiB", async () => {
    const { records } = await attack({
      bytes: failed(`${FAILURE},"place":"${"x".repeat(8 << 20)}"`),
    });
    expect(records.at(-1)?.type).toBe("RunFailed");
    expect(JSON.stringify(records.at(-1)).length).toBeLessThan(10_000);
  });
});

describe("hostile arguments are refused or served, and never end the host", () => {
  test.each<[string, string]>([
    ["a lone surrogate", '["\\ud800"]'],
    ["a number of no world", "[1e999]"],
    ["200 000 arrays in each other", `[${nest(200_000)}]`],
    ["a prototype's key", '[{"__proto__":{"polluted":true}}]'],
    ["a tag that no value has", '[{"$nonsense":1}]'],
    ["no arguments", "[]"],
    ["8 MiB of text", `["${"x".repeat(8 << 20)}"]`],
  ])("%s", async (_title, args) => {
    const { outcome, answers, records, books } = await attack({ bytes: echo(args), then: DONE });
    expect(outcome).toEqual({ kind: "value", value: 3 });
    expect(answers).toHaveLength(1);
    expect(books.balanced).toBe(true);
    expect(records.at(-1)?.type).toBe("RunCompleted");
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("an answer that is over a frame's limit is an error for the guest, not the host's end", async () => {
    const value: Executed = { ok: true, value: "\u0001".repeat(4 << 20), facts: {} };
    const { outcome, answers, books } = await attack({ bytes: echo('["a"]'), value, then: DONE });
    expect(answers).toMatchObject([{ id: 1, ok: false, error: { code: "LIMIT_RESPONSE" } }]);
    expect(outcome).toEqual({ kind: "value", value: 3 });
    expect(books.balanced).toBe(true);
  });

  test("what is said before the program came ends the run, and nothing of it is executed", async () => {
    const { outcome, executed, books } = await attack({ early: echo('["a"]'), bytes: DONE });
    expect(outcome).toMatchObject({ kind: "failed", code: "PROTOCOL_VIOLATION" });
    expect([executed, books.balanced]).toEqual([[], true]);
  });

  test("calls that go on after limits.calls end the run with a bounded chain", async () => {
    const { outcome, records, books } = await attack({
      bytes: echo('["a"]'),
      then: echo('["a"]'),
      config: ":limits {:calls 5}",
    });
    expect(outcome).toMatchObject({ kind: "failed", code: "PROTOCOL_VIOLATION" });
    expect(records.filter(({ type }) => type === "CallCompleted")).toHaveLength(5);
    expect(records.length).toBeLessThan(2_000);
    expect(books.balanced).toBe(true);
  });

  test("a guest that reads no answer is not read either: what waits for it is bounded", async () => {
    const readable = new PassThrough();
    const writable = new PassThrough();
    let answered = 0;
    const link = new GuestLink(
      { readable, writable },
      { session: "", tellsSession: false, image: "" },
    );
    const conversation = link.converse(
      { execute: null, callsInFlightMax: 64 },
      {
        onMessage: (_message, send) => {
          answered++;
          send({ type: "result", id: 1, ok: true, value: "x".repeat(1 << 20) });
          return null;
        },
      },
    );
    readable.write(encodeFrame({ type: "ready", version: 1, session: "", image: "" }));
    for (let calls = 0; calls < 200; calls++) {
      readable.write(echo('["a"]'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(answered).toBeLessThan(20);
    readable.destroy();
    expect(await conversation).toEqual({ kind: "closed" });
  });
});
