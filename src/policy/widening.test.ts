/** Attacks G45: no request that a random policy allows beyond another is missed, and no proof is made up. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide } from "./decide.ts";
import { parseTarget } from "./target.ts";
import type { AccessRequest, EgressRule, Policy, ResourceRequest } from "./types.ts";
import { type Actors, widenings } from "./widening.ts";

const EMPTY: Policy = {
  level: "controlled",
  allow: [],
  deny: [],
  egress: [],
  files: [],
  environment: [],
  secrets: [],
  dlp: { enabled: false, level: "lenient" },
};
const ALL = ["a", "a.b", "a.b.c", "a.bc", "d.e"];
const ACTORS: Actors = { ids: ALL, of: () => ALL };

const some = <T>(item: fc.Arbitrary<T>, maxLength = 3): fc.Arbitrary<T[]> =>
  fc.array(item, { maxLength });
const patterns = some(fc.constantFrom("a", "a.*", "a.b", "a.b.*", "d.*", "*"), 2).map((all) =>
  all.map((pattern, at) => ({ rule: `rule[${at}]`, pattern })),
);
const host = fc.constantFrom("x.test", "a.x.test", "b.a.x.test", "ax.test");
const asks = fc.constantFrom<{ ask?: true }>({}, {}, { ask: true });
const egress: fc.Arbitrary<EgressRule> = fc
  .tuple(
    fc.record({
      rule: fc.constantFrom("e1", "e2"),
      host: fc.oneof(host, fc.constantFrom("*.x.test", "*.a.x.test")),
      schemes: some(fc.constantFrom("http" as const, "https" as const), 2),
      ports: some(fc.constantFrom(80, 443), 2),
      methods: some(fc.constantFrom("GET", "POST"), 2),
      paths: some(fc.constantFrom("/", "/*", "/v", "/v/", "/v/*", "/v/a"), 2),
      addresses: fc.constant([]),
      tunnel: fc.boolean(),
      requestBytesMax: fc.constant(1),
      responseBytesMax: fc.constant(1),
    }),
    asks,
  )
  .map(([rule, ask]) => ({ ...rule, ...ask }));
const file = fc
  .tuple(
    fc.record({
      rule: fc.constant("f"),
      path: fc.constantFrom("/", "/d", "/d/a", "/d/a/b"),
      mode: fc.constantFrom("ro" as const, "rw" as const),
    }),
    asks,
  )
  .map(([rule, ask]) => ({ ...rule, ...ask }));
const bound = fc.record({
  rule: fc.constant("bound"),
  capabilities: some(fc.constantFrom("a", "a.*"), 1),
  except: some(fc.constantFrom("a.b", "d.*"), 1),
  hosts: fc.oneof(
    fc.constant(null),
    fc.record({
      kind: fc.constantFrom("only" as const, "except" as const),
      patterns: some(fc.constantFrom("x.test", "*.x.test"), 2),
    }),
  ),
  files: fc.oneof(fc.constant(null), some(file, 1)),
});
const policy: fc.Arbitrary<Policy> = fc.record({
  level: fc.constantFrom("pure" as const, "controlled" as const, "full" as const, "full" as const),
  allow: patterns,
  deny: patterns.map((all) => all.slice(0, 1)),
  ask: patterns.map((all) => all.slice(0, 1)),
  egress: some(egress),
  files: some(file),
  environment: some(fc.constantFrom("A", "B")).map((names) =>
    names.map((name) => ({ rule: `env.${name}`, name })),
  ),
  secrets: fc.constant([]),
  dlp: fc.constant(EMPTY.dlp),
  bounds: some(bound, 1),
});

const path = fc.constantFrom("/", "/v", "/v/", "/v/a", "/v/a/b", "/va", "/v?x=/w", "/w", "/v/%2f");
const resource: fc.Arbitrary<ResourceRequest | null> = fc.oneof(
  fc.constant(null),
  fc
    .record({
      host,
      path,
      port: fc.constantFrom(80, 443, 8080),
      scheme: fc.constantFrom("http", "https"),
    })
    .chain((parts) => {
      const target = parseTarget(`${parts.scheme}://${parts.host}:${parts.port}${parts.path}`);
      if (!target.ok) throw new Error(target.error);
      const method = fc.constantFrom("GET", "POST", "PUT");
      return method.map((each) => ({ kind: "http" as const, method: each, target: target.value }));
    }),
  fc.record({ kind: fc.constant("connect" as const), host, port: fc.constantFrom(80, 443) }),
  fc.record({
    kind: fc.constant("file" as const),
    operation: fc.constantFrom("read" as const, "write" as const, "delete" as const),
    path: fc.constantFrom("/d", "/d/a", "/d/a/b", "/d/a/b/c", "/da", "/e", "/"),
  }),
  fc.record({ kind: fc.constant("environment" as const), name: fc.constantFrom("A", "B", "C") }),
);
const RANKS = { deny: 0, ask: 1, allow: 2 } as const;
const rank = (each: Policy, request: AccessRequest): number => RANKS[decide(each, request).kind];

describe("widenings", () => {
  test("of random policies: each is one, and where there is none no request is allowed beyond", () => {
    let none = 0;
    let several = 0;
    const requests = fc.array(fc.record({ capability: fc.constantFrom(...ALL), resource }), {
      minLength: 30,
      maxLength: 30,
    });
    fc.assert(
      fc.property(policy, policy, fc.boolean(), requests, (one, other, isPart, asked) => {
        // Of two policies that share nothing hardly any is no wider than the other.
        const before = isPart
          ? { ...one, allow: [...one.allow, ...other.allow], deny: other.deny.slice(1) }
          : one;
        const after = isPart ? { ...one, deny: [...one.deny, ...other.deny] } : other;
        const [first] = widenings(before, after, ACTORS);
        if (first === undefined) {
          none++;
          for (const request of asked)
            expect(rank(after, request)).toBeLessThanOrEqual(rank(before, request));
        } else {
          several++;
          if (first.request === null) throw new Error("these differ in requests alone");
          expect(rank(after, first.request)).toBeGreaterThan(rank(before, first.request));
        }
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(none, several)).toBeGreaterThan(200);
  });

  const RULE: EgressRule = {
    rule: "network.egress.rules[0]",
    host: "*.example.com",
    schemes: ["https"],
    ports: [443],
    methods: ["GET"],
    paths: ["/v1/*"],
    addresses: ["10.0.0.0/8"],
    tunnel: false,
    pins: ["a"],
    requestBytesMax: 10,
    responseBytesMax: 10,
  };
  const { pins: _pins, ...UNPINNED } = RULE;
  const base: Policy = {
    ...EMPTY,
    allow: [{ rule: "base", pattern: "a" }],
    egress: [RULE],
    files: [{ rule: "f", path: "/w", mode: "rw", ask: true }],
    secrets: [
      {
        rule: "secrets.T",
        name: "T",
        origins: ["https://api.example.com:443"],
        paths: ["/v1/*"],
        headers: ["authorization"],
      },
    ],
    dlp: { enabled: true, level: "strict" },
  };
  const secret = base.secrets[0]!;

  test.each<[string, Partial<Policy>, string]>([
    ["a host", { egress: [{ ...RULE, host: "*.com" }] }, "it was denied and is allowed"],
    ["a path", { egress: [{ ...RULE, paths: [] }] }, "it was denied and is allowed"],
    ["a method", { egress: [{ ...RULE, methods: ["PUT"] }] }, "it was denied and is allowed"],
    ["private addresses", { egress: [{ ...RULE, addresses: ["10.0.0.0/7"] }] }, "10.0.0.0/7"],
    ["a program's own requests", { egress: [{ ...RULE, inspect: true }] }, "send it itself"],
    ["a WebSocket", { egress: [{ ...RULE, websocket: true }] }, "be a WebSocket"],
    ["no pin", { egress: [UNPINNED] }, "takes other keys"],

    ["another pin", { egress: [{ ...RULE, pins: ["a", "b"] }] }, "takes other keys"],
    ["bytes that leave", { egress: [{ ...RULE, requestBytesMax: 11 }] }, "lets 11 bytes leave"],
    ["bytes that come", { egress: [{ ...RULE, responseBytesMax: 11 }] }, "lets 11 bytes come"],
    ["a tunnel", { egress: [{ ...RULE, paths: [], methods: [], tunnel: true }] }, "is allowed"],
    [
      "a file that nobody is asked about",
      { files: [{ rule: "f", path: "/w", mode: "rw" }] },
      "it was asked about and is allowed",
    ],
    ["a capability", { allow: [{ rule: "x", pattern: "a.*" }] }, "it was denied and is allowed"],
    ["an environment", { environment: [{ rule: "env.A", name: "A" }] }, "is allowed by env.A"],
    ["a secret's header", { secrets: [{ ...secret, headers: ["x-key"] }] }, "may stand in x-key"],
    ["a secret's path", { secrets: [{ ...secret, paths: [] }] }, "may stand in authorization"],
    ["less inspection", { dlp: { enabled: true, level: "moderate" } }, "inspected less"],
  ])("finds %s", (_what, change, why) => {
    expect([...widenings(base, { ...base, ...change }, ACTORS)][0]?.why).toContain(why);
    expect([...widenings({ ...base, ...change }, { ...base, ...change }, ACTORS)]).toEqual([]);
  });

  const CALLS: EgressRule = { ...RULE, jsonRpc: { methods: ["tools/*"], tools: ["t"] } };
  const READ: EgressRule = { ...RULE, paths: [], inspect: true };
  const PASSED: EgressRule = { ...RULE, rule: "passed", paths: [], methods: [], tunnel: true };
  const LOOKS: Policy["dlp"] = {
    enabled: true,
    level: "lenient",
    rules: [
      { rule: "r0", about: { kind: "path", path: "$.ssn" }, action: "block", hosts: [] },
      { rule: "r1", about: { kind: "detector", name: "dlp.iban" }, action: "redact", hosts: [] },
    ],
    canaries: [{ rule: "c", text: "canary-of-the-house" }],
    dictionaries: [{ name: "house", words: ["Falkenstein", "Adler"] }],
    injection: "withhold",
  };
  const [FIRST, SECOND] = LOOKS.rules ?? [];
  const BLOCKS = { ...SECOND!, rule: "r2", action: "block" } as const;
  const FLOW = {
    sources: [{ rule: "s", place: { kind: "path", path: "/w" }, labels: ["a", "b"] }],
    sinks: [{ rule: "t", place: { kind: "host", host: "x.test" }, accepts: ["a"] }],
  } as const;
  const flow = (change: object): Partial<Policy> => ({ flow: [{ ...FLOW, ...change }] });

  test.each<[string, Partial<Policy>, Partial<Policy>, string | null]>([
    ["bodies", { egress: [CALLS] }, { egress: [RULE] }, "methods or tools"],
    [
      "a method of bodies",
      { egress: [CALLS] },
      { egress: [{ ...CALLS, jsonRpc: { methods: ["a"], tools: ["t"] } }] },
      "methods or tools",
    ],
    [
      "any tool",
      { egress: [CALLS] },
      { egress: [{ ...CALLS, jsonRpc: { methods: ["tools/*"], tools: null } }] },
      "methods or tools",
    ],
    [
      "one method of many",
      { egress: [CALLS] },
      { egress: [{ ...CALLS, jsonRpc: { methods: ["tools/call"], tools: [] } }] },
      null,
    ],
    ["no key at all", { egress: [UNPINNED] }, { egress: [{ ...RULE, pins: [] }] }, null],
    [
      "any key for none",
      { egress: [{ ...RULE, pins: [] }] },
      { egress: [UNPINNED] },
      "takes other keys",
    ],
    [
      "a tunnel that was opened",
      { egress: [READ, PASSED] },
      { egress: [{ ...RULE, paths: [] }, PASSED] },
      "passes unread",
    ],
    ["no canary", { dlp: LOOKS }, { dlp: { ...LOOKS, canaries: [] } }, "canary"],
    [
      "no canary with DLP off",
      { dlp: { ...LOOKS, enabled: false } },
      { dlp: { enabled: false, level: "lenient" } },
      "canary",
    ],
    ["fewer words", { dlp: LOOKS }, { dlp: { ...LOOKS, dictionaries: [] } }, "dictionary"],
    ["replies", { dlp: LOOKS }, { dlp: { ...LOOKS, injection: "label" } }, "not withheld"],
    ["no rules", { dlp: LOOKS }, { dlp: { ...LOOKS, rules: [] } }, "decide otherwise"],
    ["their order", { dlp: LOOKS }, { dlp: { ...LOOKS, rules: [SECOND!, FIRST!] } }, "otherwise"],
    [
      "a rule in front",
      { dlp: LOOKS },
      { dlp: { ...LOOKS, rules: [BLOCKS, FIRST!, SECOND!] } },
      "otherwise",
    ],
    [
      "a rule behind",
      { dlp: LOOKS },
      { dlp: { ...LOOKS, rules: [FIRST!, SECOND!, BLOCKS] } },
      null,
    ],
    [
      "a mild rule behind",
      { dlp: LOOKS },
      { dlp: { ...LOOKS, rules: [FIRST!, SECOND!, { ...BLOCKS, action: "report" }] } },
      "otherwise",
    ],
    ["no labels", flow({}), {}, "labels"],
    ["a source less", flow({}), flow({ sources: [] }), "labels"],
    [
      "a label less",
      flow({}),
      flow({ sources: [{ ...FLOW.sources[0], labels: ["a"] }] }),
      "labels",
    ],
    ["a sink more", flow({}), flow({ sinks: [{ ...FLOW.sinks[0], accepts: ["b"] }] }), "labels"],
    [
      "a source more",
      flow({}),
      flow({ sources: [{ ...FLOW.sources[0], place: { kind: "injection" } }, ...FLOW.sources] }),
      null,
    ],
    ["labels at all", {}, flow({}), null],
  ])("of demands and content finds %s", (_what, before, after, why) => {
    const [found] = widenings({ ...base, ...before }, { ...base, ...after }, ACTORS);
    if (why === null) expect(found).toBeUndefined();
    else expect(found?.why).toContain(why);
    expect([...widenings({ ...base, ...after }, { ...base, ...after }, ACTORS)]).toEqual([]);
  });

  test("finds what is below a path that ends in a slash and is named itself", () => {
    const named = { ...base, egress: [{ ...RULE, paths: ["/v/"] }] };
    const below = { ...base, egress: [{ ...RULE, paths: ["/v/*"] }] };
    expect([...widenings(named, below, ACTORS)][0]?.why).toContain("is allowed");
  });

  test.each<[string, Partial<Policy>]>([
    ["a narrower host", { egress: [{ ...RULE, host: "*.api.example.com" }] }],
    ["a narrower path", { egress: [{ ...RULE, paths: ["/v1/a", "/v1/b/*"] }] }],
    ["fewer addresses", { egress: [{ ...RULE, addresses: ["10.1.0.0/16"] }] }],
    ["nothing", { allow: [], egress: [], files: [], secrets: [] }],
  ])("finds none in %s", (_what, change) => {
    expect([...widenings(base, { ...base, ...change }, ACTORS)]).toEqual([]);
  });
});
