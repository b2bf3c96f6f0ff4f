import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dial, listenUnix, resolveHost } from "./network.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-network-"));
});
afterEach(() => rmSync(directory, { recursive: true }));
const never = new AbortController().signal;

describe("resolveHost", () => {
  test("an address is its own answer, a name has the system's, an unknown name its code", async () => {
    expect(await resolveHost("::1", never)).toEqual({ ok: true, value: ["::1"] });
    const localhost = await resolveHost("localhost", never);
    expect(
      localhost.ok && localhost.value.every((each) => each === "127.0.0.1" || each === "::1"),
    ).toBe(true);
    const unknown = await resolveHost("no-such-name.invalid", never);
    expect(unknown.ok).toBe(false);
  });

  test("an aborted signal ends the wait", async () => {
    expect(await resolveHost("localhost", AbortSignal.abort())).toEqual({
      ok: false,
      error: "ETIMEOUT",
    });
  });
});

describe("dial", () => {
  test("takes an address, never a name", async () => {
    await expect(dial({ address: "localhost", port: 1 }, never)).rejects.toThrow(
      "only an IP address",
    );
  });

  test("gives the system's refusal, and the signal's reason", async () => {
    await expect(dial({ address: "127.0.0.1", port: 1 }, never)).rejects.toThrow("ECONNREFUSED");
    const reason = new Error("enough");
    await expect(dial({ address: "127.0.0.1", port: 1 }, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
  });

  test("connects both ways", async () => {
    const server = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const stream = await dial({ address: "127.0.0.1", port }, never);
    const [chunk] = await once(stream, "data");
    expect(String(chunk)).toBe("hello");
    stream.destroy();
    server.close();
  });
});

describe("listenUnix", () => {
  const listen = (path: string, connectionsMax = 2) =>
    listenUnix({ path, connectionsMax, onConnection: (stream) => stream.write("hi") });

  test("serves connections, closes those over the limit, and ends them all on close", async () => {
    const path = join(directory, "s.sock");
    const listener = await listen(path);
    const clients = [connect(path), connect(path)];
    for (const client of clients) await once(client, "data");
    const third = connect(path);
    const [data] = await Promise.race([
      once(third, "data"),
      once(third, "close").then(() => ["closed"]),
    ]);
    expect(data).toBe("closed");
    const ended = clients.map((client) => once(client, "close"));
    await listener.close();
    await listener.close();
    await Promise.all(ended);
    expect(existsSync(path)).toBe(false);
  });

  test("a directory that others can enter, a symlink or no directory is refused", async () => {
    chmodSync(directory, 0o755);
    await expect(listen(join(directory, "s.sock"))).rejects.toThrow("mode 0700");
    chmodSync(directory, 0o700);
    symlinkSync(directory, join(directory, "link"));
    await expect(listen(join(directory, "link/s.sock"))).rejects.toThrow("mode 0700");
    await expect(listen(join(directory, "absent/s.sock"))).rejects.toThrow("ENOENT");
  });

  test("a socket that is there already is not replaced", async () => {
    const listener = await listen(join(directory, "s.sock"));
    await expect(listen(join(directory, "s.sock"))).rejects.toThrow("EADDRINUSE");
    await listener.close();
  });
});
