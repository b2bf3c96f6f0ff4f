/**
 * One decision function: the same random question gets the same verdict from `why`, `plan`, the gate, a redirect
 * hop of the egress and the CONNECT proxy. Each asks through its own code path.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { builtinProviders, createRegistry } from "../../src/capability/index.ts";
import type { ChainRecord, ChainWriter } from "../../src/chain/index.ts";
import { compilePolicy, loadConfig } from "../../src/config/index.ts";
import type { JsonObject } from "../../src/foundation/json.ts";
import {
  compileDecide,
  decide,
  type Policy,
  parseTarget,
  type Verdict,
} from "../../src/policy/index.ts";
import { outlinePlan, readForms } from "../../src/rtfs/index.ts";
import { admitPlan } from "../../src/runtime/admission.ts";
import { createGate } from "../../src/runtime/gate.ts";
import { decideQuestion } from "../../src/runtime/question.ts";

const registry = createRegistry(builtinProviders());
const RUNS = 3_000;

const hosts = fc.constantFrom(
  "api.example.com",
  "a.api.example.com",
  "example.com",
  "evil.test",
  "api.example.com.evil.test",
  "localhost",
  "127.0.0.1",
  "[::1]",
);
const methods = fc.constantFrom("GET", "HEAD", "POST", "DELETE", "PUT");
const paths = fc.constantFrom(
  "/",
  "/v1/x",
  "/v1",
  "/v1/../admin",
  "/v2/%2e%2e/x",
  "/v1/x?q=1",
  "//v1/x",
);
const schemes = fc.constantFrom("http", "https");
const ports = fc.constantFrom("", ":443", ":80", ":8443", ":0");
const rules = fc.record({
  host: fc.constantFrom("api.example.com", "*.example.com", "evil.test", "localhost"),
  methods: fc.subarray([":GET", ":POST", ":DELETE"], { minLength: 1 }),
  paths: fc.constantFrom("", ':paths ["/v1/*"]', ':paths ["/"]'),
  ports: fc.constantFrom("", ":ports [443 8443]", ":ports [80] :schemes [:http]"),
  tunnel: fc.boolean(),
});
const policies = fc.array(rules, { minLength: 1, maxLength: 3 }).map((list) => {
  const text = list
    .map(
      (rule) =>
        `{:host "${rule.host}" :methods [${rule.methods.join(" ")}] ${rule.paths} ${rule.ports} ${rule.tunnel && rule.paths === "" ? ":tunnel true" : ""}}`,
    )
    .join(" ");
  const source = `(agent.config :agent-id "a" :features [:network] :network {:enabled true :egress {:via :proxy :rules [${text}]}} :capabilities {:http {:enabled true}})`;
  const loaded = loadConfig(source, { file: "a.rtfs" });
  if (loaded.config === null || !loaded.valid) throw new Error(JSON.stringify(loaded.findings));
  return compilePolicy(loaded.config);
});

const textOf = (value: unknown): string => (typeof value === "string" ? value : "null");

/** What a verdict says, without its prose. */
const gist = (verdict: Verdict): string =>
  verdict.kind === "deny"
    ? `deny ${verdict.code} ${verdict.rule}`
    : `${verdict.kind} ${verdict.rule}`;

async function gateGist(
  policy: Policy,
  capability: string,
  args: readonly string[],
): Promise<string> {
  const records: { type: string; data: JsonObject }[] = [];
  const chain: ChainWriter = {
    head: { seq: 0, hash: "" },
    append: ({ type, data }) => {
      records.push({ type, data });
      return {} as ChainRecord;
    },
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const gate = createGate({
    policy,
    registry,
    chain,
    callsMax: 1,
    execute: () =>
      Promise.resolve({ ok: false, code: "NETWORK_ERROR", message: "not here", facts: {} }),
    matchSecrets: () => [],
    placeholders: [],
    keepResult: () => undefined,
    observe: () => undefined,
  });
  await gate.pass({ step: null, capability, args });
  const first = records[0];
  if (first?.type === "CallIntended") return `allow ${textOf(first.data["rule"])}`;
  return first?.type === "CallDenied"
    ? `deny ${textOf(first.data["code"])} ${textOf(first.data["rule"])}`
    : `refused ${JSON.stringify(first?.data["code"])}`;
}

function planGist(policy: Policy, url: string, method: string): string {
  const forms = readForms(`(call :ccos.network.http-fetch ${JSON.stringify(url)} "${method}")`, {
    file: "p",
  });
  if (!forms.ok) return "unreadable";
  const outline = outlinePlan(forms.value);
  const site = outline.ok ? admitPlan(outline.value, policy, registry).sites[0] : undefined;
  return site === undefined ? "no site" : gist(site.verdict);
}

test("why, plan, gate and redirect give one verdict for one HTTP request", async () => {
  let allowed = 0;
  let denied = 0;
  await fc.assert(
    fc.asyncProperty(
      policies,
      fc.tuple(schemes, hosts, ports, paths),
      methods,
      async (policy, [scheme, host, port, path], method) => {
        const url = `${scheme}://${host}${port}${path}`;
        const why = decideQuestion(policy, `${method} ${url}`);
        const target = parseTarget(url);
        expect(why.ok).toBe(target.ok);
        if (!why.ok || !target.ok) return;
        const expected = gist(why.value.verdict);
        if (expected.startsWith("allow")) allowed++;
        else denied++;
        expect(await gateGist(policy, "ccos.network.http-fetch", [url, method])).toBe(expected);
        expect(planGist(policy, url, method)).toBe(expected);
        const hop = decide(policy, {
          capability: "ccos.network.http-fetch",
          resource: { kind: "http", method, target: target.value },
        });
        expect(gist(hop)).toBe(expected);
      },
    ),
    { numRuns: RUNS },
  );
  expect(allowed).toBeGreaterThan(5);
  expect(denied).toBeGreaterThan(50);
});

test("why and the proxy give one verdict for one tunnel", () => {
  fc.assert(
    fc.property(policies, hosts, fc.constantFrom(443, 80, 8443), (policy, host, port) => {
      const why = decideQuestion(policy, `CONNECT ${host}:${port}`);
      const bare = host.replaceAll(/[[\]]/g, "");
      const proxy = decide(policy, {
        capability: "ccos.network.connect",
        resource: { kind: "connect", host: bare, port },
      });
      expect(why.ok && gist(why.value.verdict)).toBe(gist(proxy));
    }),
    { numRuns: RUNS },
  );
});

test("the compiled decision is the decision, word for word", () => {
  const resources = fc.oneof(
    fc.tuple(schemes, hosts, ports, paths, methods).map(([scheme, host, port, path, method]) => {
      const target = parseTarget(`${scheme}://${host}${port}${path}`);
      return target.ok ? ({ kind: "http", method, target: target.value } as const) : null;
    }),
    fc
      .tuple(hosts, fc.constantFrom(443, 80, 8443, 0))
      .map(([host, port]) => ({ kind: "connect", host, port }) as const),
    fc.constant({ kind: "file", operation: "read", path: "/x" } as const),
  );
  const capabilities = fc.constantFrom(
    "ccos.network.http-fetch",
    "ccos.network.connect",
    "ccos.echo",
    "evil..id",
  );
  let allowed = 0;
  fc.assert(
    fc.property(policies, fc.array(fc.tuple(capabilities, resources)), (policy, asked) => {
      const compiled = compileDecide(policy);
      for (const [capability, resource] of [...asked, ...asked]) {
        const verdict = decide(policy, { capability, resource });
        if (verdict.kind === "allow") allowed++;
        expect(compiled({ capability, resource })).toEqual(verdict);
      }
    }),
    { numRuns: RUNS },
  );
  expect(allowed).toBeGreaterThan(5);
});
