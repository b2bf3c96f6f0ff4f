/** Attacks G47: bodies that are larger than memory should be, both ways, through a proxy in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveHttp, stopServers } from "./egress-world.ts";

const MIB = 1024 * 1024;
const GROWTH_MIB_MAX = 128;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-stream-"));
});
afterAll(async () => {
  await stopServers();
  rmSync(directory, { recursive: true });
});

/** The proxy alone in a process, so that its memory is its own. It says its resident MiB for each line it gets. */
async function proxyProcess(port: number, secret: string) {
  const script = join(import.meta.dirname, "stream-proxy.ts");
  const child = spawn(
    process.execPath,
    [script, join(directory, `${port}.sock`), String(port), secret],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const lines: string[] = [];
  child.stdout
    .setEncoding("utf8")
    .on("data", (text: string) => lines.push(...text.trim().split("\n")));
  await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(0);
  return {
    child,
    socketPath: join(directory, `${port}.sock`),
    peakMib: async (): Promise<number> => {
      const before = lines.length;
      child.stdin.write("?\n");
      await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(before);
      return Number(lines.at(-1));
    },
  };
}

test.each([
  [256, "without secrets", ""],
  [24, "with a secret that every part is searched for", "sk-live-0123456789abcdef"],
])(
  "%d MiB go up and come down in flat memory, %s",
  async (mib, _what, secret) => {
    const chunk = Buffer.alloc(64 * 1024, "stream ");
    const count = (mib * MIB) / chunk.length;
    let got = 0;
    const port = await serveHttp(async (incoming, response) => {
      for await (const part of incoming) got += (part as Buffer).length;
      for (let index = 0; index < count; index++) {
        if (!response.write(chunk)) await once(response, "drain");
      }
      response.end();
    });
    const { child, socketPath, peakMib } = await proxyProcess(port, secret);
    const start = await peakMib();
    const socket = connect(socketPath);
    const outgoing = request({
      createConnection: () => socket,
      method: "POST",
      path: `http://a.test:${port}/`,
      headers: { host: `a.test:${port}`, "content-length": mib * MIB },
    });
    const answered = once(outgoing, "response");
    for (let index = 0; index < count; index++) {
      if (!outgoing.write(chunk)) await once(outgoing, "drain");
    }
    outgoing.end();
    const [response] = (await answered) as [AsyncIterable<Buffer>];
    let back = 0;
    for await (const part of response) back += part.length;
    expect([got, back]).toEqual([mib * MIB, mib * MIB]);
    expect((await peakMib()) - start).toBeLessThan(GROWTH_MIB_MAX);
    child.kill();
    await once(child, "close");
  },
  120_000,
);
