/** The guest as a process: what it says over descriptor 3, and how it ends. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { encodeFrame, FrameReader } from "../src/foundation/framing.ts";
import {
  type GuestMessage,
  type HostMessage,
  parseGuestMessage,
} from "../src/foundation/protocol.ts";

const HELLO: HostMessage = {
  type: "hello",
  version: 1,
  session: "00".repeat(32),
  image: "sha256:x",
};

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly messages: readonly GuestMessage[];
}

type Answer = (message: GuestMessage, send: (frame: object | Uint8Array) => void) => void;

type Modules = Extract<HostMessage, { type: "execute" }>["modules"];

function execute(source: string, fuel = 1_000_000, modules: Modules = []): HostMessage {
  const program = { source, file: "plan.rtfs", modules, args: [] };
  return { type: "execute", id: 1, ...program, fuel, depthMax: 5000 };
}

/** Start a guest, send `first`, answer what it says. */
function converse(
  first: readonly (HostMessage | Uint8Array)[],
  answer: Answer = () => undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ["--stack-size=3900", join(import.meta.dirname, "rtfs-guest.ts")],
      { stdio: ["ignore", "pipe", "pipe", "pipe"] },
    );
    const channel = child.stdio[3] as Duplex;
    const reader = new FrameReader();
    const messages: GuestMessage[] = [];
    let output = "";
    const send = (frame: object | Uint8Array): void =>
      void channel.write(frame instanceof Uint8Array ? frame : encodeFrame(frame));
    channel.on("data", (chunk: Uint8Array) => {
      const frames = reader.push(chunk);
      if (!frames.ok) return reject(new Error(frames.error));
      for (const frame of frames.value) {
        const message = parseGuestMessage(frame);
        if (!message.ok) return reject(new Error(message.error));
        messages.push(message.value);
        answer(message.value, send);
        if (message.value.type === "result") channel.end();
      }
    });
    channel.on("error", () => undefined);
    child.stdout?.on("data", (chunk) => (output += String(chunk)));
    child.stderr?.on("data", (chunk) => (output += String(chunk)));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, output, messages }));
    for (const frame of first) send(frame);
    if (first.length === 0) channel.end();
  });
}

describe("the RTFS guest", () => {
  test("echoes hello, tells steps and calls in order, gives the result and ends with 0", async () => {
    const ended = await converse(
      [HELLO, execute('(step "s" (+ 1 (call :a.b {:x 1})))')],
      (message, send) => {
        if (message.type === "call") send({ type: "result", id: message.id, ok: true, value: 41 });
      },
    );
    expect(ended).toEqual({
      status: 0,
      output: "",
      messages: [
        { ...HELLO, type: "ready" },
        { type: "step", event: "enter", name: "s" },
        {
          type: "call",
          id: 1,
          capability: "a.b",
          args: [{ $t: "map", v: [[{ $t: "kw", v: "x" }, 1]] }],
        },
        { type: "step", event: "leave", name: "s" },
        { type: "result", ok: true, value: 42 },
      ],
    });
  });

  test("links the modules that came with the program, and knows no others", async () => {
    const tax = { name: "lib.tax", file: "lib/tax.rtfs", source: "(defn f [x]\n  (/ x 0))" };
    const program = execute("(import lib.tax :as tax) (tax/f 1)", 1_000, [tax]);
    const { messages } = await converse([HELLO, program]);
    expect(messages.at(-1)).toMatchObject({
      error: { kind: "DivisionByZero", place: "lib/tax.rtfs:2:3" },
    });
    const lacking = await converse([HELLO, execute("(import lib.text) 1", 1_000, [tax])]);
    expect(lacking.messages.at(-1)).toMatchObject({ error: { code: "PARSE_ERROR" } });
  });

  test("a host error keeps its kind and code, with the place of the call", async () => {
    const error = {
      kind: "SecurityViolation",
      code: "EGRESS_DENIED",
      message: "no",
      retryable: false,
    };
    const { messages } = await converse(
      [HELLO, execute("(let [x 1]\n  (call :x))")],
      (message, send) => {
        if (message.type === "call") send({ type: "result", id: message.id, ok: false, error });
      },
    );
    expect(messages.at(-1)).toEqual({
      type: "result",
      ok: false,
      error: { ...error, place: "plan.rtfs:2:3" },
    });
  });

  test("keeps the plan's context for the step that set it, and tells the host nothing of it", async () => {
    const source =
      '(step "s" (context/set :k 4)) (step "t" (context/set :k 5) [@k (context/get "j")])';
    const { messages } = await converse([HELLO, execute(source)]);
    expect(messages.filter(({ type }) => type === "call")).toEqual([]);
    expect(messages.at(-1)).toEqual({ type: "result", ok: true, value: [5, null] });
    const after = await converse([HELLO, execute('(step "s" (context/set :k 4)) @k')]);
    expect(after.messages.at(-1)).toEqual({ type: "result", ok: true, value: null });
  });

  test.each([
    ["(+ 1", "ParseError", "PARSE_ERROR", "plan.rtfs:1:1"],
    ["(foo)", "ParseError", "PARSE_ERROR", "plan.rtfs:1:2"],
    ["(/ 1 0)", "DivisionByZero", "PROGRAM_ERROR", "plan.rtfs:1:1"],
    ["(fn [] 1)", "TypeError", "PROGRAM_ERROR", null],
    ["(defn f [n] (f n)) (f 1)", "FuelExhausted", "PROGRAM_ERROR", "plan.rtfs:1:13"],
    ["(defn f [n] (+ 1 (f n))) (f 1)", "StackOverflow", "PROGRAM_ERROR", "plan.rtfs:1:18"],
  ])("%s ends as %s", async (source, kind, code, place) => {
    const { status, messages, output } = await converse([HELLO, execute(source)]);
    expect(messages.at(-1)).toMatchObject({
      type: "result",
      ok: false,
      error: { kind, code, place },
    });
    expect([status, output]).toEqual([0, ""]);
  });

  test("nests 5 000 calls that are not in tail position", async () => {
    const source = "(defn d [n] (if (= n 0) 0 (+ 1 (d (- n 1))))) (d 4990)";
    const { messages } = await converse([HELLO, execute(source)]);
    expect(messages.at(-1)).toEqual({ type: "result", ok: true, value: 4990 });
  });

  test.each<[string, readonly (HostMessage | Uint8Array)[]]>([
    ["no hello", []],
    ["another version", [{ ...HELLO, version: 2 } as HostMessage]],
    ["execute before hello", [execute("1")]],
    ["a second hello", [HELLO, HELLO]],
    ["a frame over the limit", [Uint8Array.from([255, 255, 255, 255])]],
    ["a frame that is no JSON", [Uint8Array.from([0, 0, 0, 1, 120])]],
  ])("ends with 70 on %s, silently on stdout", async (_name, frames) => {
    const { status, output } = await converse(frames);
    expect([status, output]).toEqual([70, ""]);
  });

  test("a malformed answer ends it with 70; the program cannot catch that", async () => {
    const { status, messages } = await converse(
      [HELLO, execute("(try (call :x) (catch _ e :caught))")],
      (message, send) => {
        if (message.type === "call")
          send({ type: "result", id: message.id, ok: true, value: { $t: "nonsense", v: 1 } });
      },
    );
    expect(status).toBe(70);
    expect(messages.at(-1)).toMatchObject({
      type: "result",
      ok: false,
      error: { kind: "InternalError" },
    });
  });

  test("an answer to another call ends it with 70", async () => {
    const { status } = await converse([HELLO, execute("(call :x)")], (message, send) => {
      if (message.type === "call") send({ type: "result", id: 99, ok: true, value: 1 });
    });
    expect(status).toBe(70);
  });

  test("arguments that are too large or too deep are errors of the program, and the channel goes on", async () => {
    const source =
      "(defn nest [n v] (if (= n 0) v (nest (- n 1) [v]))) [(try (call :x (nest 300 1)) (catch e (:type e))) (call :y 1)]";
    const { messages } = await converse([HELLO, execute(source)], (message, send) => {
      if (message.type === "call") send({ type: "result", id: message.id, ok: true, value: 7 });
    });
    expect(messages.at(-1)).toEqual({
      type: "result",
      ok: true,
      value: [{ $t: "kw", v: "limit-exceeded" }, 7],
    });
  });
});
