import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requestUnix, type UnixHttpRequest } from "./unix-http.ts";

let directory: string;
let servers: Server[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-unix-"));
});
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
  rmSync(directory, { recursive: true, force: true });
});

const NEVER = new AbortController().signal;

/** A server that does what it is told with the first bytes of each connection. */
async function serve(answer: (socket: Socket, text: string) => void): Promise<string> {
  const path = join(directory, "s");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (text.includes("\r\n\r\n")) answer(socket, text);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

function ask(socket: string, change: Partial<UnixHttpRequest> = {}, signal = NEVER) {
  const request = {
    socket,
    method: "GET",
    path: "/x",
    body: null,
    bodyBytesMax: 64,
    timeoutMs: 5000,
  };
  return requestUnix({ ...request, ...change }, signal);
}

describe("requestUnix", () => {
  test("sends exactly the request, and gives status and body", async () => {
    let seen = "";
    const path = await serve((socket, text) => {
      seen = text;
      socket.end("HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\n{}");
    });
    const answer = await ask(path, { method: "PUT", path: "/a/b", body: '{"ä":1}' });
    expect(answer).toEqual({ ok: true, value: { status: 400, body: Buffer.from("{}") } });
    expect(seen).toMatch(/^PUT \/a\/b HTTP\/1\.1\r\n/);
    expect(seen).toContain("content-length: 8\r\n");
    expect(seen).not.toMatch(/transfer-encoding|expect:|keep-alive/i);
  });

  test("takes an answer without a body", async () => {
    const path = await serve((socket) => socket.end("HTTP/1.1 204 No Content\r\n\r\n"));
    expect(await ask(path)).toMatchObject({ ok: true, value: { status: 204 } });
  });

  test.each([
    ["nobody listens", null, "absent"],
    ["hangs up at once", (socket: Socket) => socket.destroy(), "failed"],
    ["speaks no HTTP", (socket: Socket) => socket.end("SSH-2.0-x\r\n\r\n"), "failed"],
    [
      "ends before its length",
      (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"),
      "failed",
    ],
    [
      "sends a head without end",
      (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(64 * 1024)}`),
      "failed",
    ],
    [
      "sends more than asked for",
      (socket: Socket) =>
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n${" ".repeat(65)}`),
      "too-large",
    ],
    [
      "sends chunks without end",
      (socket: Socket) =>
        socket.write(
          `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n50\r\n${" ".repeat(80)}`,
        ),
      "too-large",
    ],
    [
      "switches protocols",
      (socket: Socket) =>
        socket.write("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
      "failed",
    ],
  ] as const)("a server that %s is a failure of that kind", async (_what, answer, kind) => {
    const path = answer === null ? join(directory, "none") : await serve(answer);
    expect(await ask(path)).toMatchObject({ ok: false, error: { kind } });
  });

  test.each([
    ["the head", (socket: Socket): void => void socket.pause()],
    [
      "the body",
      (socket: Socket): void => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"),
    ],
  ] as const)("does not wait longer than its time for %s", async (_what, answer) => {
    const path = await serve(answer);
    expect(await ask(path, { timeoutMs: 50 })).toMatchObject({
      ok: false,
      error: { kind: "timeout" },
    });
  });

  test("ends with the caller's reason when it is aborted", async () => {
    const abort = new AbortController();
    const path = await serve(() => abort.abort(new Error("enough")));
    await expect(ask(path, {}, abort.signal)).rejects.toThrow("enough");
    await expect(ask(path, {}, abort.signal)).rejects.toThrow("enough");
  });
});
