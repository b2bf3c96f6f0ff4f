import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type ChainRecord, fileStore, openChain } from "../chain/index.ts";
import { readEffects } from "./execution-records.ts";

const directory = mkdtempSync(join(tmpdir(), "ccos-records-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let count = 0;

type Written = Pick<ChainRecord["body"], "type" | "data"> &
  Partial<Pick<ChainRecord["body"], "facts">>;

async function effects(...records: readonly Written[]) {
  const path = join(directory, `${++count}.jsonl`);
  const store = await fileStore(path);
  const configDigest = `sha256:${"0".repeat(64)}`;
  const chain = openChain({ store, chainId: "run-test", configDigest, nowMs: () => 1 });
  chain.append({ type: "RunStarted", data: { config: configDigest } });
  for (const record of records) chain.append(record);
  await chain.commit();
  await chain.close();
  return await readEffects(path);
}

const intended = (call: number, resource: string | null): Written => ({
  type: "CallIntended",
  data: { call, resource, rule: "r", capability: "c" },
});

test("pairs each intent with its outcome, by number and not by place", async () => {
  const seen = await effects(
    intended(1, "GET https://a.example.com/x?q=…"),
    intended(2, "write /workspace/a"),
    { type: "CallCompleted", data: { call: 2 }, facts: { bytes: 4 } },
    {
      type: "CallCompleted",
      data: { call: 1 },
      facts: { status: 200, requestBytes: 10, responseBytes: 20 },
    },
  );
  expect(seen).toEqual({
    networkRequests: [
      {
        url: "https://a.example.com/x?q=…",
        method: "GET",
        statusCode: 200,
        bytesSent: 10,
        bytesReceived: 20,
        rule: "r",
      },
    ],
    fileOperations: [{ path: "/workspace/a", operation: "write", bytesProcessed: 4, rule: "r" }],
  });
});

test("leaves out what nobody saw, and what is neither network nor file", async () => {
  const seen = await effects(
    intended(1, "POST https://a.example.com/"),
    { type: "CallFailed", data: { call: 1, code: "NETWORK_ERROR" }, facts: {} },
    intended(2, null),
    intended(3, "HOME"),
    { type: "CallDenied", data: { call: 4, resource: "GET https://evil.test/", rule: null } },
  );
  expect(seen).toEqual({
    networkRequests: [{ url: "https://a.example.com/", method: "POST", rule: "r" }],
    fileOperations: [],
  });
});

test("tells tunnels by host and port, with their bytes", async () => {
  const data = { tunnel: 1, target: "a.example.com:443", rule: "r" };
  const facts = { sent: 7, received: 9, reason: "closed" };
  const seen = await effects(
    { type: "EgressConnected", data },
    { type: "EgressClosed", data, facts },
  );
  expect(seen.networkRequests).toEqual([
    { url: "a.example.com:443", method: "CONNECT", bytesSent: 7, bytesReceived: 9, rule: "r" },
  ]);
});
