import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dialGuest, guestSocket } from "./hybrid-vsock.ts";

let directory: string;
let server: Server | null = null;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-vsock-"));
});
afterEach(() => {
  server?.close();
  server = null;
  rmSync(directory, { recursive: true, force: true });
});

const NEVER = new AbortController().signal;

async function monitor(answer: (socket: Socket, line: string) => void): Promise<string> {
  const path = join(directory, "v.sock");
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (chunk) => answer(socket, chunk.toString("latin1")));
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return path;
}

describe("dialGuest", () => {
  test("says the port, and gives the stream behind the answer, byte for byte", async () => {
    let said = "";
    const path = await monitor((socket, line) => {
      said = line;
      socket.write("OK 10737\nfirst");
      setTimeout(() => socket.end(" rest"), 5);
    });
    const dialled = await dialGuest(path, 52, NEVER);
    if (!dialled.ok) throw new Error(dialled.error);
    let text = "";
    for await (const chunk of dialled.value) text += String(chunk);
    expect(said).toBe("CONNECT 52\n");
    expect(text).toBe("first rest");
  });

  test("takes an answer that comes byte by byte", async () => {
    const path = await monitor((socket) => {
      void (async () => {
        for (const letter of "OK 1\nx") {
          socket.write(letter);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        socket.end();
      })();
    });
    const dialled = await dialGuest(path, 1, NEVER);
    if (!dialled.ok) throw new Error(dialled.error);
    let text = "";
    for await (const chunk of dialled.value) text += String(chunk);
    expect(text).toBe("x");
  });

  test.each([
    ["closes without an answer", (socket: Socket) => socket.end(), "EREFUSED"],
    ["answers something else", (socket: Socket) => socket.write("NO\n"), "EPROTO"],
    ["answers a word behind OK", (socket: Socket) => socket.write("OK now\n"), "EPROTO"],
    ["answers without end", (socket: Socket) => socket.write("OK 1".padEnd(64, "0")), "EPROTO"],
    [
      "answers a longer line than any",
      (socket: Socket) => socket.write(`${"OK 1".padEnd(40)}\n`),
      "EPROTO",
    ],
  ] as const)("a monitor that %s is refused", async (_what, answer, code) => {
    expect(await dialGuest(await monitor(answer), 52, NEVER)).toEqual({ ok: false, error: code });
  });

  test("says why there is no monitor, and ends with the caller's reason", async () => {
    const absent = join(directory, "none");
    expect(await dialGuest(absent, 52, NEVER)).toEqual({ ok: false, error: "ENOENT" });
    const abort = new AbortController();
    const path = await monitor(() => abort.abort(new Error("enough")));
    await expect(dialGuest(path, 52, abort.signal)).rejects.toThrow("enough");
  });

  test("a guest's port has a socket of its own", () => {
    expect(guestSocket("/run/v.sock", 1024)).toBe("/run/v.sock_1024");
  });
});
