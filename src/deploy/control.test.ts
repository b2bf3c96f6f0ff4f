/** What a supervisor takes as a request: a closed set, whatever is sent; and from however many. */
import { mkdtempSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { removeTree } from "../host/index.ts";
import { parseRequest, serveControl } from "./control.ts";
import { deploymentPaths } from "./store.ts";

const GOOD = [
  { verb: "status" },
  { verb: "call", args: null },
  { verb: "call", args: [1, { a: [] }] },
  { verb: "deploy", package: "/p", key: null, health: [], drainMs: 0 },
  { verb: "rollback", drainMs: 3_600_000 },
  { verb: "stop", drainMs: 1 },
  { verb: "console", reason: "why", forMs: 1000 },
];
const parse = (value: unknown): unknown =>
  parseRequest({ kind: "text", text: JSON.stringify(value) });

describe("a request", () => {
  test.each(GOOD)("is taken: %j", (request) => {
    expect(parse(request)).toEqual(request);
  });

  test.each(GOOD)("is refused with a field more or less, or one of another type: %j", (request) => {
    const refused = (value: unknown): void =>
      expect(() => parse(value), JSON.stringify(value)).toThrow(/Cannot take the line/);
    refused({ ...request, more: 1 });
    for (const name of Object.keys(request)) {
      const { [name as "verb"]: _, ...less } = request;
      refused(less);
      for (const wrong of [undefined, true, -1, 0.5, { length: 0 }, "\0", 1e20])
        refused({ ...request, [name]: wrong });
    }
  });

  test("is refused or is one, whatever the line", () => {
    const verbs = new Set(GOOD.map(({ verb }) => verb));
    const anything = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({ verb: fc.constantFrom(...verbs, "__proto__", "exec") })
        .map((r) => JSON.stringify(r)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          expect(verbs).toContain(parseRequest({ kind: "text", text }).verb);
        } catch (cause) {
          expect(cause).toMatchObject({ code: "USAGE" });
        }
      }),
    );
  });

  test.each([100, 101, 120_000])("has arguments that nest at most 100 deep: %d", (depth) => {
    const args = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const parsed = (): unknown =>
      parseRequest({ kind: "text", text: `{"verb":"call","args":${args}}` });
    if (depth === 100) expect(parsed()).toMatchObject({ verb: "call" });
    else expect(parsed).toThrow(/Cannot take the line/);
  });

  test("is refused when it is too long, or no text", () => {
    for (const kind of ["too-long", "not-utf8"] as const)
      expect(() => parseRequest({ kind })).toThrow(/Cannot take the line/);
  });
});

test("a client that was answered and stays keeps nobody else away", async () => {
  const dir = mkdtempSync(join(tmpdir(), "ccos-control-"));
  const paths = { ...deploymentPaths(dir, "test"), socket: join(dir, "control.sock") };
  const control = await serveControl(paths, () => Promise.resolve("here"));
  const stayed: Socket[] = [];
  /** Everything that is said to a client which never hangs up. */
  const asked = (): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ path: paths.socket, allowHalfOpen: true });
      stayed.push(socket);
      let text = "";
      socket.setEncoding("utf8").on("data", (more: string) => (text += more));
      socket.on("error", () => undefined).on("end", () => resolve(text));
      socket.write('{"verb":"status"}\n');
    });
  try {
    for (let client = 0; client < 100; client++) expect(await asked()).toContain('"here"');
  } finally {
    for (const socket of stayed) socket.destroy();
    await control.close();
    await removeTree(dir);
  }
});
