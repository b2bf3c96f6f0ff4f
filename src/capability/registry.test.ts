import { describe, expect, test } from "vitest";
import { compileType, Vector } from "../rtfs/index.ts";
import { defineCapability, done } from "./define.ts";
import { builtinProviders, createRegistry } from "./index.ts";

const named = (id: string) =>
  defineCapability({
    id,
    summary: "",
    effects: [],
    parameters: [],
    output: ":nil",
    invoke: () => Promise.resolve(done(null)),
  });
const provider = (name: string, ...ids: string[]) => ({ name, describe: () => ids.map(named) });

describe("createRegistry", () => {
  test("finds a capability by its exact id and nothing else", () => {
    const registry = createRegistry(builtinProviders());
    expect(registry.find("ccos.echo")?.manifest.id).toBe("ccos.echo");
    for (const id of ["ccos", "ccos.ech", "ccos.echo.x", "CCOS.ECHO", ":ccos.echo", "__proto__"]) {
      expect(registry.find(id)).toBeUndefined();
    }
  });

  test.each([
    ["an id twice in one provider", [provider("a", "com.x", "com.x")]],
    ["an id of two providers", [provider("a", "com.x"), provider("b", "com.x")]],
    ["ccos.* from outside", [provider("a", "ccos.mine")]],
    ["a built-in's id from outside", [...builtinProviders(), provider("a", "ccos.echo")]],
    ["an id that is not canonical", [provider("a", "com.X")]],
    ["an id with its version", [provider("a", "com.x@1.0.0")]],
    ["an empty id", [provider("a", "")]],
  ])("refuses %s", (_what, providers) => {
    expect(() => createRegistry(providers)).toThrow(/Cannot register capability/);
  });

  test("lists the built-ins that need no other machine", () => {
    const ids = createRegistry(builtinProviders()).list();
    expect(ids.map(({ manifest }) => manifest.id)).toEqual([
      "ccos.data.parse-json",
      "ccos.data.serialize-json",
      "ccos.echo",
      "ccos.io.close-file",
      "ccos.io.delete-file",
      "ccos.io.file-exists",
      "ccos.io.log",
      "ccos.io.open-file",
      "ccos.io.print",
      "ccos.io.println",
      "ccos.io.read-file",
      "ccos.io.read-line",
      "ccos.io.write-file",
      "ccos.io.write-line",
      "ccos.json.parse",
      "ccos.json.stringify",
      "ccos.json.stringify-pretty",
      "ccos.label.declassify",
      "ccos.math.add",
      "ccos.network.http-fetch",
      "ccos.system.current-time",
      "ccos.system.current-timestamp-ms",
      "ccos.system.get-env",
      "ccos.system.random-hex",
      "ccos.system.sleep-ms",
    ]);
  });

  test("every contract is a type expression", () => {
    for (const { manifest } of createRegistry(builtinProviders()).list()) {
      expect([manifest.id, compileType(manifest.input).ok]).toEqual([manifest.id, true]);
      expect([manifest.id, compileType(manifest.output).ok]).toEqual([manifest.id, true]);
    }
  });

  test("every contract takes its arities and no other, one level deep", () => {
    const arities: Record<string, readonly [number, number]> = {
      "ccos.io.open-file": [1, 2],
      "ccos.io.write-file": [2, 2],
      "ccos.io.write-line": [2, 2],
      "ccos.label.declassify": [2, 2],
      "ccos.math.add": [2, 2],
      "ccos.network.http-fetch": [1, 4],
      "ccos.system.current-time": [0, 0],
      "ccos.system.current-timestamp-ms": [0, 0],
    };
    for (const capability of createRegistry(builtinProviders()).list()) {
      const { manifest } = capability;
      if (/^ccos\.io\.(?:log|print|println)$/.test(manifest.id)) continue;
      const [least, most] = arities[manifest.id] ?? [1, 1];
      for (let count = 0; count <= 5; count++) {
        const asked = capability.access(Array.from({ length: count }, () => "x"));
        const arity = !asked.ok && asked.error.message.startsWith("takes ");
        expect([manifest.id, count, arity]).toEqual([
          manifest.id,
          count,
          count < least || count > most,
        ]);
        if (arity) {
          const type = compileType(manifest.input);
          const args = new Vector(Array.from({ length: count }, () => "x"));
          expect([manifest.id, count, type.ok && type.value.check(args) !== null]).toEqual([
            manifest.id,
            count,
            true,
          ]);
        }
      }
    }
  });
});
