/** `ccos rtfs lsp` as an editor talks to it: the built server over stdio, with a client of our own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { ROOT, sandbox } from "./ccos.ts";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly uri?: string; readonly diagnostics?: readonly unknown[] };
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

class Client {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  readonly #waiting: {
    readonly fits: (message: Message) => boolean;
    take(message: Message): void;
  }[] = [];
  #buffer = Buffer.alloc(0);
  #lastId = 0;
  stderr = "";

  constructor() {
    this.#child = spawn(process.execPath, [join(ROOT, "bin/ccos.cjs"), "rtfs", "lsp", "--stdio"]);
    this.#child.stdout.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#child.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve) => this.#child.on("close", resolve));
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const end = this.#buffer.indexOf("\r\n\r\n");
      const head = this.#buffer.subarray(0, Math.max(end, 0)).toString("latin1");
      const length = Number(/Content-Length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
      if (end < 0 || this.#buffer.length < end + 4 + length) return;
      const body = this.#buffer.subarray(end + 4, end + 4 + length).toString("utf8");
      this.#buffer = this.#buffer.subarray(end + 4 + length);
      const message = JSON.parse(body) as Message;
      const at = this.#waiting.findIndex(({ fits }) => fits(message));
      if (at >= 0) this.#waiting.splice(at, 1)[0]!.take(message);
    }
  }

  /** The next message that fits. Ask before what causes it. */
  next(fits: (message: Message) => boolean): Promise<Message> {
    return new Promise((resolve) => this.#waiting.push({ fits, take: resolve }));
  }

  raw(text: string): void {
    this.#child.stdin.write(text);
  }

  #send(message: Record<string, unknown>): void {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.raw(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  notify(method: string, params: unknown = {}): void {
    this.#send({ method, params });
  }

  async ask(method: string, params: unknown = null): Promise<Message> {
    const id = ++this.#lastId;
    const answer = this.next((message) => message.id === id);
    this.#send({ id, method, params });
    return await answer;
  }

  diagnosticsOf(uri: string): Promise<readonly unknown[]> {
    const fits = (message: Message): boolean =>
      message.method === "textDocument/publishDiagnostics" && message.params?.uri === uri;
    return this.next(fits).then((message) => message.params?.diagnostics ?? []);
  }

  /** Open a text and wait for its diagnostics. */
  async open(uri: string, text: string): Promise<readonly unknown[]> {
    const found = this.diagnosticsOf(uri);
    this.notify("textDocument/didOpen", {
      textDocument: { uri, languageId: "rtfs", version: 1, text },
    });
    return await found;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.kill();
});

async function started(): Promise<Client> {
  const client = new Client();
  clients.push(client);
  await client.ask("initialize", { processId: null, rootUri: null, capabilities: {} });
  client.notify("initialized");
  return client;
}

const URI = "file:///a.rtfs";
const SOURCE = `; Greets.
(defn greet [name : string]
  (call :ccos.io.println name))
(let [who "ann"]
  (greet who))
`;
const place = (line: number, character: number): unknown => ({
  textDocument: { uri: URI },
  position: { line, character },
});

describe("ccos rtfs lsp", () => {
  test("initialises, serves a good text, shuts down with 0", async () => {
    const client = new Client();
    clients.push(client);
    const { result } = await client.ask("initialize", {
      processId: null,
      rootUri: null,
      capabilities: {},
    });
    expect(result).toMatchObject({
      capabilities: {
        hoverProvider: true,
        definitionProvider: true,
      },
      serverInfo: { name: "ccos rtfs lsp" },
    });
    client.notify("initialized");
    expect(await client.open(URI, SOURCE)).toEqual([]);
    expect((await client.ask("shutdown")).result).toBe(null);
    client.notify("exit");
    expect(await client.ended).toBe(0);
    expect(client.stderr).toBe("");
  });

  test("ends with 1 when the stream ends without a shutdown", async () => {
    const client = await started();
    client.notify("exit");
    expect(await client.ended).toBe(1);
  });

  test("tells every problem with its range, and takes it back when it is mended", async () => {
    const client = await started();
    expect(await client.open(URI, "(def x 1)\n(+ x y)\n(foo)\n")).toMatchObject([
      {
        range: { start: { line: 1, character: 5 }, end: { line: 1, character: 6 } },
        severity: 1,
        code: "UndefinedSymbol",
        source: "rtfs",
      },
      { range: { start: { line: 2, character: 1 } } },
    ]);
    const mended = client.diagnosticsOf(URI);
    client.notify("textDocument/didChange", {
      textDocument: { uri: URI, version: 2 },
      contentChanges: [
        { range: { start: { line: 1, character: 5 }, end: { line: 2, character: 5 } }, text: "x)" },
      ],
    });
    expect(await mended).toEqual([]);
  });

  test("an unclosed bracket names its opener", async () => {
    const client = await started();
    expect(await client.open(URI, "(def x [1 2)")).toMatchObject([
      { relatedInformation: [{ location: { range: { start: { line: 0, character: 7 } } } }] },
    ]);
  });

  test("an agent config is not judged as a program, a test file is", async () => {
    const client = await started();
    expect(await client.open("file:///agent.config.rtfs", '(agent.config :version "0.1")')).toEqual(
      [],
    );
    expect(await client.open("file:///a.test.rtfs", '(deftest "a" (is (= 1 1)))')).toEqual([]);
    expect(await client.open("file:///b.test.rtfs", '(deftest "a" (is (= 1 x)))')).toHaveLength(1);
  });

  test("hover tells signature, comment and effects, of locals and of the library too", async () => {
    const client = await started();
    await client.open(URI, SOURCE);
    const hover = async (line: number, character: number): Promise<string> => {
      const { result } = await client.ask("textDocument/hover", place(line, character));
      return JSON.stringify(result);
    };
    const greet = await hover(4, 4);
    expect(greet).toContain("(greet [name : string])");
    expect(greet).toContain("Greets");
    expect(greet).toContain("ccos.io.println");
    expect(await hover(4, 10)).toContain("local");
    expect(await hover(3, 2)).toContain("special form");
    expect(await hover(0, 0)).toBe("null");
  });

  test("a comment cannot put a link or an image into the hover", async () => {
    const client = await started();
    await client.open(URI, "; ![x](http://evil.test/a.png) <b>\n(defn f [x] x)\n(f 1)");
    const { result } = await client.ask("textDocument/hover", place(2, 1));
    const { value } = (result as { contents: { value: string } }).contents;
    expect(value).toContain(String.raw`\!\[x\]\(http://evil.test/a.png\) \<b\>`);
  });

  test("completion knows locals, own names, the library and what is typed", async () => {
    const client = await started();
    await client.open(URI, "(defn greet [x] x)\n(let [green 1] (gre))\n");
    const { result } = await client.ask("textDocument/completion", place(1, 19));
    const items = result as readonly { label: string; textEdit: { range: unknown } }[];
    expect(items.map(({ label }) => label)).toEqual(["green", "greet"]);
    expect(items[0]!.textEdit.range).toEqual({
      start: { line: 1, character: 16 },
      end: { line: 1, character: 19 },
    });
  });

  test("signature help shows how the call around the cursor is written", async () => {
    const client = await started();
    await client.open(URI, "(defn greet [a b] a)\n(greet 1 2)\n(get-in {} [])");
    expect((await client.ask("textDocument/signatureHelp", place(1, 9))).result).toMatchObject({
      signatures: [{ label: "(greet [a b])" }],
      activeParameter: 1,
    });
    expect((await client.ask("textDocument/signatureHelp", place(2, 8))).result).toMatchObject({
      signatures: [{ label: "(get-in a b c?)" }],
    });
    expect((await client.ask("textDocument/signatureHelp", place(1, 0))).result).toBe(null);
  });

  test("definition, references and symbols", async () => {
    const client = await started();
    await client.open(URI, SOURCE);
    expect((await client.ask("textDocument/definition", place(4, 5))).result).toMatchObject({
      uri: URI,
      range: { start: { line: 1, character: 6 }, end: { line: 1, character: 11 } },
    });
    expect((await client.ask("textDocument/definition", place(2, 4))).result).toBe(null);
    const references = await client.ask("textDocument/references", {
      ...(place(1, 7) as object),
      context: { includeDeclaration: true },
    });
    expect(references.result).toHaveLength(2);
    const symbols = await client.ask("textDocument/documentSymbol", { textDocument: { uri: URI } });
    expect(symbols.result).toMatchObject([{ name: "greet" }]);
  });

  test("rename changes every use and refuses the library, keys and bad names", async () => {
    const client = await started();
    await client.open(URI, `${SOURCE}(fn [{:keys [k]}] k)\n#(+ % 1)\n`);
    const rename = (line: number, character: number, newName: string): Promise<Message> =>
      client.ask("textDocument/rename", { ...(place(line, character) as object), newName });
    expect((await rename(4, 4, "hello")).result).toEqual({
      changes: {
        [URI]: [
          {
            range: { start: { line: 1, character: 6 }, end: { line: 1, character: 11 } },
            newText: "hello",
          },
          {
            range: { start: { line: 4, character: 3 }, end: { line: 4, character: 8 } },
            newText: "hello",
          },
        ],
      },
    });
    expect((await rename(4, 4, "two words")).error?.message).toContain("cannot be renamed");
    expect((await rename(2, 4, "hello")).error?.message).toContain("cannot be renamed");
    expect((await rename(5, 18, "hello")).error?.message).toContain("cannot be renamed");
    expect((await rename(6, 4, "hello")).error?.message).toContain("cannot be renamed");
  });

  test("positions count UTF-16 units, as the protocol says", async () => {
    const client = await started();
    expect(await client.open(URI, '["😀é" x]')).toMatchObject([
      { range: { start: { line: 0, character: 7 }, end: { line: 0, character: 8 } } },
    ]);
  });

  test("names are known while the text is still open", async () => {
    const client = await started();
    await client.open(URI, "(defn greet [x] x)\n(let [green 1]\n  (gre");
    const { result } = await client.ask("textDocument/completion", place(2, 6));
    const labels = (result as readonly { label: string }[]).map(({ label }) => label);
    expect(labels).toEqual(["green", "greet"]);
  });

  test("formatting gives the text that `ccos rtfs fmt` writes", async () => {
    const client = await started();
    await client.open(URI, "(defn f [x]\n(+ x   1))");
    const { result } = await client.ask("textDocument/formatting", {
      textDocument: { uri: URI },
      options: { tabSize: 2, insertSpaces: true },
    });
    expect(result).toMatchObject([{ newText: "(defn f [x]\n  (+ x 1))\n" }]);
  });

  test("a text over the limit is told so and costs nothing", async () => {
    const client = await started();
    const found = await client.open(URI, `"${"x".repeat(1_100_000)}"`);
    expect(found).toMatchObject([{ severity: 2 }]);
    expect((await client.ask("textDocument/hover", place(0, 1))).result).toBe(null);
  });

  test("100 000 open brackets and an unknown method do not end it", async () => {
    const client = await started();
    expect((await client.open(URI, "(".repeat(100_000))).length).toBeGreaterThan(0);
    expect((await client.ask("textDocument/noSuchThing", {})).error?.code).toBe(-32_601);
    expect((await client.ask("textDocument/hover", { nonsense: true })).error?.code).toBe(-32_602);
    expect((await client.ask("textDocument/hover", place(99, 99))).result).toBe(null);
    client.notify("noSuchNotification", { a: 1 });
    expect((await client.ask("shutdown")).result).toBe(null);
  });

  const document = { textDocument: { uri: URI } };
  const at = (position: unknown): unknown => ({ ...document, position });
  test.each<[string, unknown]>([
    ["textDocument/hover", null],
    ["initialize", null],
    ["textDocument/hover", {}],
    ["textDocument/hover", []],
    ["textDocument/hover", "text"],
    ["textDocument/hover", { textDocument: null, position: { line: 0, character: 0 } }],
    ["textDocument/hover", { textDocument: { uri: 1 }, position: { line: 0, character: 0 } }],
    ["textDocument/completion", document],
    ["textDocument/definition", at({ line: 0 })],
    ["textDocument/references", at({ line: -1, character: 0 })],
    ["textDocument/signatureHelp", at({ line: 0, character: 0.5 })],
    ["textDocument/prepareRename", at({ line: "0", character: 0 })],
    ["textDocument/rename", at({ line: 1, character: 7 })],
    ["textDocument/rename", { ...document, position: { line: 1, character: 7 }, newName: 1 }],
    ["textDocument/formatting", { options: {} }],
    ["textDocument/documentSymbol", { textDocument: [] }],
  ])("%s with %j is answered with InvalidParams, and the next request as ever", async (...row) => {
    const client = await started();
    await client.open(URI, SOURCE);
    expect((await client.ask(...row)).error).toMatchObject({ code: -32602 });
    const { result } = await client.ask("textDocument/hover", place(1, 7));
    expect(result).not.toBe(null);
  });

  test("a notification without a document does not end it", async () => {
    const client = await started();
    for (const method of ["didOpen", "didChange", "didClose"])
      for (const params of [{}, { textDocument: null }, { textDocument: { uri: 1 } }])
        client.notify(`textDocument/${method}`, params);
    await client.open(URI, SOURCE);
    const { result } = await client.ask("textDocument/hover", place(1, 7));
    expect(result).not.toBe(null);
  });

  test("a body that is no JSON does not end it", async () => {
    const client = await started();
    client.raw("Content-Length: 5\r\n\r\n{nope");
    expect(await client.open(URI, "(+ 1 1)")).toEqual([]);
  });

  test("a name of another module leads into its file", async () => {
    const box = sandbox();
    const path = box.write(
      "lib/area.rtfs",
      "(module lib.area\n  ; Of a square.\n  (defn square [x] (* x x)))\n",
    );
    const main = pathToFileURL(box.write("main.rtfs", "")).href;
    const client = await started();
    const source = "(import lib.area :as area)\n(area/square 3)\n";
    expect(await client.open(main, source)).toEqual([]);
    const at = { textDocument: { uri: main }, position: { line: 1, character: 8 } };
    expect((await client.ask("textDocument/definition", at)).result).toMatchObject({
      uri: pathToFileURL(path).href,
      range: { start: { line: 2, character: 8 } },
    });
    expect(JSON.stringify((await client.ask("textDocument/hover", at)).result)).toContain(
      "Of a square",
    );
    expect(await client.open(`${main}x`, "(import lib.nothing)")).toMatchObject([
      { code: "ModuleNotFound" },
    ]);
    box.remove();
  });

  test("closing a text takes its diagnostics back", async () => {
    const client = await started();
    await client.open(URI, "(foo)");
    const gone = client.diagnosticsOf(URI);
    client.notify("textDocument/didClose", { textDocument: { uri: URI } });
    expect(await gone).toEqual([]);
  });
});
