/**
 * Programs that attack the engine they run in, each beside a twin that does the allowed thing.
 *
 * What the engine must hold by itself: its memory, its stack, its host functions, the channel. The wall around it holds
 * the rest (test/contract/isolation.test.ts measures both).
 *
 * @module
 */
import { describe, expect, test } from "vitest";
import type { Ending } from "../../src/isolation/index.ts";
import { assemble, call, constant, type Import, type Parts, SPIN } from "../wasm/assemble.ts";
import { module, runInWall, script, wasmWall } from "../wasm/run-in-wall.ts";

const wall = wasmWall();
const probe = await wall.probe();
const isRequired = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes(wall.name);
const suite = describe.skipIf(probe.kind === "missing" && !isRequired);

const MIB = 1024 * 1024;
const EXITED: Ending = { kind: "exited", status: 0 };
const FAILED: Ending = { kind: "exited", status: 1 };
const TIMEOUT: Ending = { kind: "killed", by: "timeout" };

/** Prints what the program's own handler catches. */
const caught = (attack: string): string =>
  `try { ${attack}; console.log("through") } catch (error) { console.log(String(error)) }`;

suite("a script in the engine", () => {
  test.each<[string, string, string]>([
    ["arrays that double", "let a = [1]; for (;;) a = a.concat(a)", "[1].concat([1])"],
    [
      "typed arrays",
      "const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1))",
      "new Uint8Array(1 << 20).fill(1)",
    ],
    ["one huge buffer", "new ArrayBuffer(2 ** 31 - 1)", "new ArrayBuffer(2 ** 20)"],
    [
      "a buffer that is resized",
      "new ArrayBuffer(1, { maxByteLength: 2 ** 31 - 1 }).resize(2 ** 31 - 1)",
      "new ArrayBuffer(1, { maxByteLength: 64 }).resize(64)",
    ],
    [
      "strings that double",
      'const all = []; for (let s = "x"; ; ) { s += s; all.push(s + 1); }',
      '"x".repeat(1e6)',
    ],
    ["objects", "let o = null; for (;;) o = { o, a: [1, 2] }", "({ a: [1, 2] })"],
  ])("%s get no more memory than the wall has", async (_name, attack, twin) => {
    const limits = { memoryBytes: 96 * MIB };
    const { ending, out } = await runInWall(wall, script(caught(attack)), { limits });
    const isEnded = ending.kind === "killed" && ending.by === "memory";
    expect(isEnded || /^InternalError: (out of memory|string too long)\n$/.test(out), out).toBe(
      true,
    );
    expect((await runInWall(wall, script(twin), { limits })).ending).toEqual(EXITED);
  });

  test.each<[string, string, string]>([
    ["a loop", "for (;;);", "for (let i = 0; i < 1e5; i++);"],
    ["a regular expression", '/^(a|aa)+$/.test("a".repeat(1e5) + "b")', "/^(a|aa)+$/.test('aa')"],
    ["a promise that never ends", "const f = () => Promise.resolve().then(f); f()", "await 1"],
    ["a timer that never ends", "const f = () => setTimeout(f, 0); f()", "setTimeout(() => {}, 5)"],
    [
      "a promise that nobody keeps",
      "await new Promise(() => setTimeout(() => {}, 1e9))",
      "await 0",
    ],
  ])("%s ends at the deadline", async (_name, attack, twin) => {
    const { ending } = await runInWall(wall, script(attack), { limits: { wallMs: 1_500 } });
    expect(ending).toEqual(TIMEOUT);
    expect((await runInWall(wall, script(twin))).ending).toEqual(EXITED);
  });

  test.each<[string, string]>([
    ["calls", "(function f() { f(); })()"],
    ["constructors", "class A { constructor() { new A(); } } new A()"],
    ["a proxy of itself", "new Proxy({}, { get: (_, key, self) => self[key] }).x"],
    ["nested arrays as text", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; String(a)"],
    ["nested JSON", 'JSON.parse("[".repeat(1e5))'],
    ["nested code", '(0, eval)("(".repeat(1e5))'],
  ])("%s that nest too deep end the program or are caught by it", async (_name, attack) => {
    const { ending, out, error } = await runInWall(wall, script(caught(attack)));
    const isCaught = ending.kind === "exited" && ending.status === 0 && !out.startsWith("through");
    const isUncaught = ending.kind === "exited" && ending.status === 1;
    expect(isCaught || (isUncaught && error.startsWith("Uncaught ")), out + error).toBe(true);
  });

  test("finds one world from wherever it looks, and nothing of Node", async () => {
    const { ending, out } = await runInWall(wall, script(WORLDS));
    const [worlds, names, error] = out.trim().split("\n");
    expect(JSON.parse(worlds ?? "")).toEqual(Array.from({ length: 6 }, () => true));
    expect(names).toBe("argv,env,exit,exitCode");
    expect(error).not.toMatch(/vm\.cjs|file:|node:|\/ccos\/vm/);
    expect(ending).toEqual(EXITED);
  });

  test.each<[string, string]>([
    ["a descriptor that is not its own", "fs.readSync(5, new Uint8Array(1))"],
    ["to write to its input", 'fs.writeSync(0, "x")'],
    ["an object for a descriptor", "fs.readSync({ valueOf: () => 5 }, new Uint8Array(1))"],
    ["bytes that are none", "fs.writeSync(1, { subarray: () => ({ length: 1e9 }) })"],
    ["a module of Node", 'require("node:child_process")'],
    ["an import", 'await import("node:fs")'],
  ])("is refused %s, and goes on", async (_name, attack) => {
    const { out, ending } = await runInWall(
      wall,
      script(`const fs = require("node:fs"); ${caught(attack)}`),
    );
    expect(out).toMatch(/^(Error|ReferenceError|TypeError): /);
    expect(ending).toEqual(EXITED);
  });

  test("an uncaught error and a rejection that nobody handles are its status and its stderr", async () => {
    const thrown = await runInWall(wall, script('throw new TypeError("no")'));
    expect([thrown.ending, thrown.error]).toEqual([
      FAILED,
      expect.stringMatching(/^Uncaught TypeError: no\n/),
    ]);
    const rejected = await runInWall(wall, script('Promise.reject(new Error("late"))'));
    expect([rejected.ending, rejected.error]).toEqual([
      FAILED,
      expect.stringMatching(/^Uncaught Error: late\n/),
    ]);
    const handled = await runInWall(
      wall,
      script("Promise.reject(1).catch(() => console.log('ok'))"),
    );
    expect([handled.ending, handled.out]).toEqual([EXITED, "ok\n"]);
  });

  test("has its arguments, its environment, its input and its status, and no other's", async () => {
    const source =
      'console.log(JSON.stringify([ccos.args, Object.keys(process.env), process.env.GREETING, ccos.input(), "ü😀"])); process.exitCode = 7';
    const part = { environment: { GREETING: "hello" } };
    const { out, ending } = await runInWall(wall, script(source, ["a", "-b"]), part);
    expect(JSON.parse(out)).toEqual([["a", "-b"], ["GREETING"], "hello", "", "ü😀"]);
    expect(ending).toEqual({ kind: "exited", status: 7 });
  });

  test("calls over the channel, and values keep their kind both ways", async () => {
    const source = `
      const got = ccos.call("a.b", 1, 1.5, 2n ** 60n, "x", null, [true], { k: -0 });
      console.log(JSON.stringify(got), Object.getPrototypeOf(got) === null);
      try { ccos.call("c.d") } catch (error) { console.log(error instanceof ccos.CapabilityError, error.code) }`;
    const answers = [
      {
        ok: true,
        value: {
          $t: "map",
          v: [
            [
              { $t: "kw", v: "__proto__" },
              { $t: "float", v: "2" },
            ],
          ],
        },
      },
      {
        ok: false,
        error: {
          kind: "SecurityViolation",
          code: "EGRESS_DENIED",
          message: "no",
          retryable: false,
        },
      },
    ];
    const answer = ({ id }: { id: number }) => ({ type: "result", id, ...answers[id - 1] });
    const { out, frames } = await runInWall(wall, script(source), { answer });
    expect(out).toBe('{"__proto__":2} true\ntrue EGRESS_DENIED\n');
    expect(frames).toEqual([
      { type: "ready", version: 1, session: "", image: "" },
      {
        type: "call",
        id: 1,
        capability: "a.b",
        args: [
          1,
          1.5,
          { $t: "int", v: "1152921504606846976" },
          "x",
          null,
          [true],
          { $t: "map", v: [["k", { $t: "float", v: "-0" }]] },
        ],
      },
      { type: "call", id: 2, capability: "c.d", args: [] },
    ]);
  });
});

/** Every way to a global object that a host function could have left open. */
const WORLDS = `
  const fs = require("node:fs");
  const failed = (run) => { try { run(); } catch (error) { return error; } };
  const fromHost = failed(() => fs.readSync(99, new Uint8Array(1)));
  const bytes = new TextEncoder().encode("x");
  const worlds = [
    () => (0, eval)("this"),
    () => require.constructor("return this")(),
    () => fromHost.constructor.constructor("return this")(),
    () => bytes.constructor.constructor("return this")(),
    () => console.log.constructor("return this")(),
    () => ccos.call.constructor("return this")(),
  ];
  console.log(JSON.stringify(worlds.map((world) => world() === globalThis)));
  console.log(Object.keys(process).sort().join());
  console.log(String(fromHost.stack).replaceAll("\\n", " "));`;

const WRITE: Import = { name: "write", parameters: ["i32", "i32"], results: [] };
const CALL: Import = { name: "call", parameters: ["i32", "i32"], results: ["i32"] };
const RESULT: Import = { name: "result", parameters: ["i32", "i32"], results: [] };
const ANSWER: Import = { name: "answer", parameters: ["i32"], results: [] };

async function ended(parts: Parts | Uint8Array, args: readonly string[] = []): Promise<unknown> {
  const bytes = parts instanceof Uint8Array ? parts : assemble(parts);
  const { frames, ending } = await runInWall(wall, module(bytes, args));
  expect(ending).toEqual(EXITED);
  const last = frames.at(-1) as {
    ok: boolean;
    value?: unknown;
    error?: { kind: string; message: string };
  };
  return last.ok ? last.value : `${last.error?.kind}: ${last.error?.message}`;
}

suite("a module", () => {
  test("takes its arguments as numbers and gives one back", async () => {
    const add: Parts = {
      parameters: ["i32", "i64"],
      results: ["i64"],
      code: [0x20, 0, 0xac, 0x20, 1, 0x7c],
    };
    expect(await ended(add, ["40", "2"])).toBe(42);
    expect(await ended(add, ["0", "9007199254740993"])).toEqual({
      $t: "int",
      v: "9007199254740993",
    });
    expect(await ended(add, ["2147483648", "1"])).toBe(
      'InvalidArgument: arg0 of "main" is of i32, and got "2147483648"',
    );
    expect(await ended(add, ["1"])).toBe(
      'InvalidArgument: arg1 of "main" is of i64, and got nothing',
    );
    const half: Parts = { parameters: ["f64"], results: ["f64"], code: [0x20, 0] };
    expect([await ended(half, ["1.5"]), await ended(half, ["2"])]).toEqual([
      1.5,
      { $t: "float", v: "2" },
    ]);
  });

  test.each<[string, Parts | Uint8Array, RegExp]>([
    [
      "five bytes",
      Uint8Array.of(1, 2, 3, 4, 5),
      /^LoadError: WASM load failure: the file does not/,
    ],
    [
      "a body that does not validate",
      { results: ["i32"], code: [] },
      /^LoadError: WASM load failure/,
    ],
    ["no main", { entry: "start", code: [] }, /it exports no function "main"/],
    [
      "WASI",
      { imports: [{ ...WRITE, module: "wasi_snapshot_preview1", name: "fd_write" }], code: [] },
      /it imports wasi_snapshot_preview1\.fd_write; there are only/,
    ],
    [
      "an import by the name of an inherited property",
      { imports: [{ ...WRITE, name: "constructor" }], code: [] },
      /it imports ccos\.constructor/,
    ],
    [
      "more memory than the wall has",
      { memory: [60_000], code: [] },
      /its memory begins with 60000, over 4096/,
    ],
  ])("with %s is not loaded", async (_name, parts, why) => {
    expect(await ended(parts)).toMatch(why);
  });

  test.each<[string, Parts, RegExp]>([
    ["a trap", { code: [0x00] }, /^Trap: WASM trap: unreachable/],
    ["calls without an end", { code: [...call(0)] }, /^StackOverflow: WASM trap/],
    [
      "a division by zero",
      { results: ["i32"], code: [...constant(1), ...constant(0), 0x6d] },
      /^Trap: WASM trap: divide by zero/,
    ],
    [
      "a text outside of its memory",
      { imports: [WRITE], memory: [1], code: [...constant(65_530), ...constant(7), ...call(0)] },
      /^Trap: .* outside of the module's memory/,
    ],
    [
      "a text of a negative length",
      { imports: [WRITE], memory: [1], code: [...constant(0), ...constant(-1), ...call(0)] },
      /^Trap: .* outside of the module's memory/,
    ],
    [
      "an answer that does not fit",
      {
        imports: [CALL, ANSWER],
        memory: [1],
        data: '{"capability":"a.b","args":[]}',
        code: [...constant(0), ...constant(30), ...call(0), 0x1a, ...constant(65_535), ...call(1)],
      },
      /^Trap: .* outside of the module's memory/,
    ],
    [
      "a call that is no JSON",
      {
        imports: [CALL],
        memory: [1],
        data: "{",
        code: [...constant(0), ...constant(1), ...call(0), 0x1a],
      },
      /^InvalidArgument: ccos\.call takes UTF-8 JSON/,
    ],
    [
      "a call without a capability",
      {
        imports: [CALL],
        memory: [1],
        data: "null",
        code: [...constant(0), ...constant(4), ...call(0), 0x1a],
      },
      /^InvalidArgument: ccos\.call takes \{/,
    ],
    [
      "a text without a memory",
      { imports: [WRITE], code: [...constant(0), ...constant(1), ...call(0)] },
      /it exports no memory/,
    ],
  ])("that makes %s fails, and its host goes on", async (_name, parts, why) => {
    const answer = ({ id }: { id: number }) => ({ type: "result", id, ok: true, value: null });
    const { frames } = await runInWall(wall, module(assemble(parts)), { answer });
    const { error } = frames.at(-1) as { error: { kind: string; message: string } };
    expect(`${error.kind}: ${error.message}`).toMatch(why);
  });

  test("gets no more memory than the wall has", async () => {
    const growBy = (pages: number): Parts => ({
      memory: [1, 65_536],
      results: ["i32"],
      code: [...constant(pages), 0x40, 0],
    });
    expect([await ended(growBy(5_000)), await ended(growBy(100))]).toEqual([-1, 1]);
  });

  test("that spins ends at the deadline; one that counts does not", async () => {
    const limits = { wallMs: 1_500 };
    const { ending } = await runInWall(wall, module(assemble({ code: SPIN })), { limits });
    expect(ending).toEqual(TIMEOUT);
    expect(await ended({ code: [] })).toBeNull();
  });

  test("prints, and its last result is its value", async () => {
    const data = 'hi\n[1,{"$t":"kw","v":"k"}]';
    const { out, frames } = await runInWall(
      wall,
      module(
        assemble({
          imports: [WRITE, RESULT],
          memory: [1],
          data,
          results: ["i32"],
          code: [
            ...constant(0),
            ...constant(3),
            ...call(0),
            ...constant(3),
            ...constant(data.length - 3),
            ...call(1),
            ...constant(9),
          ],
        }),
      ),
    );
    expect(out).toBe("hi\n");
    expect(frames.at(-1)).toEqual({ type: "result", ok: true, value: [1, { $t: "kw", v: "k" }] });
  });
});
