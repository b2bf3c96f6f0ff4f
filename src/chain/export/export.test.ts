import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  bytesOf,
  calls,
  CHAIN_ID,
  CONFIG_DIGEST,
  sampleChain,
} from "../../../test/chain/sample.ts";
import type { JsonObject } from "../../foundation/json.ts";
import { memoryStore, openChain } from "../index.ts";
import type { RecordInput } from "../writer.ts";
import { exportChain, type ExportFormat } from "./export.ts";

/** What an agent and the world may put into a chain to be heard outside of it. */
const HOSTILE =
  "</td></table><script>alert(\"1\")</script><img src=x onerror='a()'>\u202e\u0007&amp;";

const INPUTS: readonly RecordInput[] = [
  { type: "StepStarted", data: { step: "fetch" } },
  {
    type: "CallIntended",
    data: {
      call: 1,
      capability: "ccos.network.http-fetch",
      resource: "GET https://a.example:8443/x?<script>",
      rule: "network.egress.rules[0]",
      step: "fetch",
    },
  },
  {
    type: "CallCompleted",
    data: { call: 1, result: "sha256:00" },
    facts: { status: 200, note: HOSTILE },
  },
  {
    type: "CallDenied",
    data: {
      call: 2,
      capability: HOSTILE,
      code: "EGRESS_DENIED",
      reason: HOSTILE,
      resource: `POST https://b.example/${HOSTILE}`,
      rule: null,
      step: "fetch",
    },
  },
  { type: "StepCompleted", data: { step: "fetch" } },
  { type: "GuestLog", data: { text: HOSTILE } },
  {
    type: "EgressConnected",
    data: { tunnel: 1, target: "c.example:443", rule: "network.egress.rules[1]" },
  },
  { type: "EgressClosed", data: { tunnel: 1 }, facts: { sent: 1, received: 2 } },
  {
    type: "CallIntended",
    data: {
      call: 3,
      capability: "ccos.io.write-file",
      resource: "write /w/a",
      rule: "r",
      step: null,
    },
  },
  { type: "RunFailed", data: { code: "LIMIT_TIME" } },
];

let directory: string;
let path: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-export-"));
  path = join(directory, "chain.jsonl");
  const store = memoryStore();
  let clock = 1_763_700_000_000;
  const chain = openChain({
    store,
    chainId: CHAIN_ID,
    configDigest: CONFIG_DIGEST,
    nowMs: () => (clock += 10),
  });
  chain.append({ type: "RunStarted", data: { config: CONFIG_DIGEST, agent: `agent ${HOSTILE}` } });
  for (const input of INPUTS) chain.append(input);
  await chain.commit();
  writeFileSync(path, store.bytes());
});
afterAll(() => rmSync(directory, { recursive: true }));

async function exported(format: ExportFormat, file = path): Promise<string> {
  const facts = { chain: CHAIN_ID, verdicts: [{ good: false, text: HOSTILE }], command: HOSTILE };
  let text = "";
  for await (const part of exportChain(file, format, facts)) text += part;
  return text;
}

const count = (text: string, part: string | RegExp): number => text.split(part).length - 1;

describe("the page", () => {
  test("has no markup but its own, whatever the records say", async () => {
    const page = await exported("html");
    const tags = new Set(
      [...page.matchAll(/<\/?([a-z][a-z0-9]*)/gi)].map(([, name]) => name!.toLowerCase()),
    );
    const own = [
      "html",
      "head",
      "meta",
      "title",
      "style",
      "body",
      "header",
      "p",
      "h1",
      "code",
      "ul",
      "li",
    ];
    own.push(
      "dl",
      "div",
      "dt",
      "dd",
      "main",
      "table",
      "thead",
      "tr",
      "th",
      "tbody",
      "td",
      "strong",
      "span",
    );
    own.push("details", "summary", "pre", "footer");
    expect([...tags].filter((name) => !own.includes(name))).toEqual([]);
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
    // Nothing is loaded and nothing acts: no attribute of it, and a policy should one be overlooked.
    expect(page).not.toMatch(/<[^>]*\s(?:on[a-z]+|src|href|action|style)\s*=/i);
    expect(page).not.toMatch(/url\(|@import/);
    expect(page).toContain("default-src 'none'; style-src 'unsafe-inline'");
    expect(count(page, "&lt;script&gt;")).toBeGreaterThan(6);
    expect(count(page, "</table>")).toBe(1);
  });

  test("shows each activity once, with its decision", async () => {
    const page = await exported("html");
    expect(count(page, '<tr class="call done">')).toBe(2);
    expect(count(page, '<tr class="call denied">')).toBe(1);
    expect(count(page, '<tr class="call open">')).toBe(1);
    expect(count(page, '<tr class="step">')).toBe(1);
    expect(page.indexOf('<tr class="step">')).toBeLessThan(page.indexOf('<tr class="call'));
    expect(count(page, '<tr class="record')).toBe(4);
    expect(page).toContain("✗ denied");
    expect(page).toContain("failed LIMIT_TIME");
  });
});

describe("the trace", () => {
  type Span = JsonObject & { spanId: string; parentSpanId?: string; name: string };

  test("is the protocol's JSON: one trace, each span under the one it belongs to", async () => {
    const document = JSON.parse(await exported("otlp")) as {
      resourceSpans: { resource: JsonObject; scopeSpans: { spans: Span[] }[] }[];
    };
    const spans = document.resourceSpans[0]!.scopeSpans[0]!.spans;
    expect(spans.map(({ name }) => name)).toEqual([
      "ccos.network.http-fetch",
      HOSTILE,
      "fetch",
      "egress.tunnel",
      "ccos.io.write-file",
      CHAIN_ID,
    ]);
    const ids = spans.map(({ spanId }) => spanId);
    expect(new Set(ids).size).toBe(spans.length);
    const [fetchCall, denied, step, tunnel, open, run] = spans;
    expect([fetchCall, denied].map((span) => span!.parentSpanId)).toEqual([
      step!.spanId,
      step!.spanId,
    ]);
    expect([step, tunnel, open].map((span) => span!.parentSpanId)).toEqual(
      Array(3).fill(run!.spanId),
    );
    expect(run!.parentSpanId).toBeUndefined();
    for (const span of spans) {
      expect(span).toMatchObject({
        traceId: /^[0-9a-f]{32}$/,
        spanId: /^[0-9a-f]{16}$/,
        startTimeUnixNano: /^[0-9]+$/,
        endTimeUnixNano: /^[0-9]+$/,
      });
      expect(Number(span["endTimeUnixNano"])).toBeGreaterThanOrEqual(
        Number(span["startTimeUnixNano"]),
      );
      expect([1, 3]).toContain(span["kind"]);
    }
    expect(denied).toMatchObject({ status: { code: 2, message: `EGRESS_DENIED: ${HOSTILE}` } });
    expect(fetchCall).toMatchObject({ status: { code: 1 }, kind: 3 });
    expect(run).toMatchObject({ status: { code: 2, message: "LIMIT_TIME" } });
  });
});

describe("the events", () => {
  test("have what class API Activity requires, one for each call and tunnel", async () => {
    const lines = (await exported("ocsf")).trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line) as JsonObject);
    expect(events.map(({ activity_id }) => activity_id)).toEqual([2, 1, 99, 3]);
    for (const event of events) {
      const id = event["activity_id"] as number;
      expect(event).toMatchObject({
        category_uid: 6,
        class_uid: 6003,
        type_uid: 600_300 + id,
        severity_id: expect.any(Number) as number,
        time: expect.any(Number) as number,
        metadata: { version: "1.3.0", product: { vendor_name: "ccos" } },
        actor: { app_name: expect.any(String) as string },
        api: { operation: expect.stringMatching(/./) as string },
        src_endpoint: { name: CHAIN_ID },
      });
    }
    expect(events[0]).toMatchObject({
      status_id: 1,
      dst_endpoint: { hostname: "a.example", port: 8443 },
      http_request: { http_method: "GET" },
    });
    expect(events[1]).toMatchObject({ status_id: 2, severity_id: 3, status_code: "EGRESS_DENIED" });
  });
});

test("lines are the chain, byte by byte", async () => {
  const sample = await sampleChain(calls(5));
  const other = join(directory, "other.jsonl");
  writeFileSync(other, bytesOf(sample.lines));
  expect(await exported("jsonl", other)).toBe(bytesOf(sample.lines).toString());
});

test("a chain that is broken or empty is told, not guessed", async () => {
  const broken = join(directory, "broken.jsonl");
  const sample = await sampleChain(calls(3));
  writeFileSync(broken, bytesOf(sample.lines).toString().replace('"n1"', '"n2"'));
  for (const format of ["jsonl", "html", "otlp", "ocsf"] as const) {
    await expect(exported(format, broken)).rejects.toMatchObject({ code: "CHAIN_INTEGRITY" });
  }
  const empty = join(directory, "empty.jsonl");
  writeFileSync(empty, "");
  expect(JSON.parse(await exported("otlp", empty))).toEqual({ resourceSpans: [] });
  expect(await exported("ocsf", empty)).toBe("");
});
