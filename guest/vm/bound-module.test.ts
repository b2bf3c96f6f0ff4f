/** Bounds written into modules: what V8 then refuses to grow, and what is no module. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { assemble, constant, type Parts } from "../../test/wasm/assemble.ts";
import { boundModule } from "./bound-module.ts";
import { signatureOf } from "./signature.ts";

const BOUNDS = { memoryPagesMax: 10, tableElementsMax: 20 };
const grow = (pages: number): Parts => ({
  memory: [1],
  results: ["i32"],
  code: [...constant(pages), 0x40, 0],
});

function run(parts: Parts): unknown {
  const module = new WebAssembly.Module(boundModule(assemble(parts), BOUNDS));
  return (new WebAssembly.Instance(module, {}).exports["main"] as () => unknown)();
}

describe("boundModule", () => {
  test("a memory grows to the bound and not over it", () => {
    expect([run(grow(9)), run(grow(10))]).toEqual([1, -1]);
  });

  test("a lower maximum of the module's own stays, a higher one is lowered", () => {
    expect(run({ ...grow(3), memory: [1, 3] })).toBe(-1);
    expect(run({ ...grow(9), memory: [1, 60_000] })).toBe(1);
    expect(run({ ...grow(10), memory: [1, 60_000] })).toBe(-1);
  });

  test("a table grows to the bound and not over it", () => {
    const growTable = (by: number): Parts => ({
      table: [1],
      results: ["i32"],
      code: [0xd0, 0x70, ...constant(by), 0xfc, 15, 0],
    });
    expect([run(growTable(19)), run(growTable(20))]).toEqual([1, -1]);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["five bytes", Uint8Array.of(1, 2, 3, 4, 5), /does not begin/],
    ["nothing", new Uint8Array(), /does not begin/],
    ["a cut module", assemble(grow(1)).subarray(0, 30), /cut short/],
    ["a memory over the bound", assemble({ ...grow(1), memory: [11] }), /begins with 11, over 10/],
    ["a table over the bound", assemble({ table: [21], code: [] }), /begins with 21, over 20/],
    [
      "an imported memory",
      header([2, 15, 1, 1, 97, 1, 98, 2, 0, 1, ...Array<number>(7).fill(0)]),
      /not a function/,
    ],
    ["two memories", header([5, 5, 2, 0, 1, 0, 1]), /more than one memory/],
    ["a shared memory", header([5, 4, 1, 3, 1, 2]), /shared or of 64 bits/],
    ["a memory of 64 bits", header([5, 3, 1, 4, 1]), /shared or of 64 bits/],
    [
      "a number that never ends",
      header([5, 7, 1, 0, 128, 128, 128, 128, 128]),
      /more than 32 bits/,
    ],
  ])("refuses %s", (_name, bytes, why) => {
    expect(() => boundModule(bytes, BOUNDS)).toThrow(why);
  });

  test("the engine itself keeps to it", () => {
    const bytes = readFileSync("node_modules/quickjs-wasi/quickjs.wasm");
    const bounded = boundModule(bytes, { memoryPagesMax: 100, tableElementsMax: 100_000 });
    expect(WebAssembly.Module.exports(new WebAssembly.Module(bounded)).length).toBeGreaterThan(50);
    expect(() => boundModule(bytes, BOUNDS)).toThrow(/begins with 532, over 20/);
  });
});

describe("signatureOf", () => {
  test("tells the parameters and results behind the imports", () => {
    const bytes = assemble({
      imports: [{ name: "write", parameters: ["i32", "i32"], results: [] }],
      parameters: ["i64", "f32"],
      results: ["f64"],
      code: [0x00],
    });
    expect(signatureOf(bytes, "main")).toEqual({ parameters: ["i64", "f32"], results: ["f64"] });
    expect(signatureOf(bytes, "start")).toBeNull();
  });
});

function header(rest: readonly number[]): Uint8Array {
  return Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...rest);
}
