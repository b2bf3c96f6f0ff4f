/** The forwarder inside the wall: a door to the proxy socket, and a truthful parent of the program. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const FORWARD = join(import.meta.dirname, "../../guest/forward.ts");
let directory: string;
let proxy: Server;
let port: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-forward-"));
  proxy = createServer({ allowHalfOpen: true }, (socket) => {
    let got = "";
    socket.on("data", (chunk) => (got += String(chunk)));
    socket.on("end", () => socket.end(`proxy got ${got}`));
  });
  proxy.listen(join(directory, "proxy.sock"));
  await once(proxy, "listening");
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  port = String((probe.address() as AddressInfo).port);
  await new Promise((resolve) => probe.close(resolve));
});
afterEach(async () => {
  await new Promise((resolve) => proxy.close(resolve));
  rmSync(directory, { recursive: true });
});

async function forward(...argv: readonly string[]) {
  const child = spawn(process.execPath, [FORWARD, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += String(chunk)));
  const [status, signal] = await once(child, "close");
  return { status, signal, output };
}
const behind = (...program: readonly string[]) =>
  forward(port, join(directory, "proxy.sock"), "--", ...program);
const node = (script: string) => behind(process.execPath, "-e", script);

describe("forward", () => {
  test("copies a connection to the proxy and back, half-closed", async () => {
    const script = `const s=require("net").connect({port:${port},host:"127.0.0.1",allowHalfOpen:true},()=>s.end("hi"));s.pipe(process.stdout)`;
    expect(await node(script)).toEqual({ status: 0, signal: null, output: "proxy got hi" });
  });

  test("ends as the program ends: its status, its signal", async () => {
    expect(await node("process.exit(7)")).toEqual({ status: 7, signal: null, output: "" });
    expect(await node('process.kill(process.pid,"SIGTERM");setInterval(()=>0,9)')).toMatchObject({
      status: null,
      signal: "SIGTERM",
    });
    expect(await node('process.kill(process.pid,"SIGKILL")')).toMatchObject({ signal: "SIGKILL" });
  });

  test("a program that is not there is 127, a wrong command line 64, a port in use 70", async () => {
    expect(await behind("/no/such/program")).toMatchObject({
      status: 127,
      output: expect.stringContaining("Cannot start"),
    });
    expect(await forward("x")).toMatchObject({ status: 64 });
    expect(await forward("--")).toMatchObject({ status: 64 });
    const taken = createServer().listen(Number(port), "127.0.0.1");
    await once(taken, "listening");
    expect(await node("0")).toMatchObject({
      status: 70,
      output: expect.stringContaining("EADDRINUSE"),
    });
    taken.close();
  });
});
