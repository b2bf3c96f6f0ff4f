/**
 * `decide` and `meetPolicies` against a reference model: slow, obvious, sharing no code with them.
 *
 * Read in this order: model, the vocabularies (small, so that policies and requests meet often),
 * the properties.
 *
 * @module
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide } from "./decide.ts";
import { selectEgressRule } from "./egress-match.ts";
import { meetPolicies } from "./meet.ts";
import { parseTarget } from "./target.ts";
import type {
  AccessRequest,
  EgressRule,
  HttpTarget,
  Policy,
  ResourceRequest,
  Verdict,
} from "./types.ts";

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

function target(url: string): HttpTarget {
  const parsed = parseTarget(url);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

type Outcome =
  | "allow"
  | "CAPABILITY_DENIED"
  | "EGRESS_DENIED"
  | "FILE_DENIED"
  | "ENVIRONMENT_DENIED";

function covers(pattern: string, segments: readonly string[]): boolean {
  const parts = pattern.split(".");
  if (parts.at(-1) !== "*") return parts.join(".") === segments.join(".");
  const prefix = parts.slice(0, -1);
  return segments.length > prefix.length && prefix.every((part, i) => part === segments[i]);
}

function hostCovers(pattern: string, host: string): boolean {
  const wanted = pattern.split(".").reverse();
  const labels = host.split(".").reverse();
  if (wanted.at(-1) !== "*") return wanted.join(".") === labels.join(".");
  const fixed = wanted.slice(0, -1);
  return labels.length > fixed.length && fixed.every((label, i) => label === labels[i]);
}

function pathCovers(pattern: string, path: string): boolean {
  const bare = path.split("?")[0] ?? "";
  const wanted = pattern.split("/");
  const segments = bare.split("/");
  if (wanted.at(-1) !== "*") return wanted.join("/") === segments.join("/");
  const fixed = wanted.slice(0, -1);
  return segments.length > fixed.length && fixed.every((segment, i) => segment === segments[i]);
}

function model(policy: Policy, request: AccessRequest): Outcome {
  const segments = request.capability.split(".");
  if (policy.deny.some((rule) => covers(rule.pattern, segments))) return "CAPABILITY_DENIED";
  if (policy.level === "pure") return "CAPABILITY_DENIED";
  const usable = policy.allow.filter((rule) => policy.level === "full" || rule.pattern !== "*");
  if (!usable.some((rule) => covers(rule.pattern, segments))) return "CAPABILITY_DENIED";
  return modelResource(policy, request.resource);
}

function modelResource(policy: Policy, resource: ResourceRequest | null): Outcome {
  if (resource === null) return "allow";
  if (resource.kind === "environment") {
    const names = policy.environment.map((entry) => entry.name);
    return names.includes(resource.name) ? "allow" : "ENVIRONMENT_DENIED";
  }
  if (resource.kind === "file") {
    const depth = (path: string): number => path.split("/").length;
    const covering = policy.files.filter((rule) => `${resource.path}/`.startsWith(`${rule.path}/`));
    const deepest = Math.max(...covering.map((rule) => depth(rule.path)));
    const modes = covering.filter((r) => depth(r.path) === deepest).map((r) => r.mode);
    if (modes.length === 0) return "FILE_DENIED";
    return resource.operation === "read" || !modes.includes("ro") ? "allow" : "FILE_DENIED";
  }
  if (resource.kind === "connect") {
    const tunnels = policy.egress.filter((rule) => rule.tunnel && rule.paths.length === 0);
    return tunnels.some((r) => hostCovers(r.host, resource.host) && r.ports.includes(resource.port))
      ? "allow"
      : "EGRESS_DENIED";
  }
  const { scheme, host, port, path } = resource.target;
  const granted = policy.egress.some(
    (rule) =>
      hostCovers(rule.host, host) &&
      rule.schemes.includes(scheme) &&
      rule.ports.includes(port) &&
      rule.methods.includes(resource.method) &&
      (rule.paths.length === 0 || rule.paths.some((pattern) => pathCovers(pattern, path))),
  );
  return granted ? "allow" : "EGRESS_DENIED";
}

const outcome = (verdict: Verdict): string =>
  verdict.kind === "deny" ? verdict.code : verdict.kind;

/* Small vocabularies, so that random policies and requests meet often. */

const capability = fc.constantFrom("a", "a.b", "a.b.c", "a.bc", "d.e");
const capabilityPattern = fc.constantFrom("a", "a.*", "a.b", "a.b.*", "a.b.c", "d.*", "d.e", "*");
const host = fc.constantFrom("x.test", "a.x.test", "b.a.x.test", "ax.test", "localhost");
const hostPattern = fc.oneof(host, fc.constantFrom("*.x.test", "*.a.x.test", "*.test.x"));
const scheme = fc.constantFrom("http" as const, "https" as const);
const port = fc.constantFrom(80, 443, 8443);
const method = fc.constantFrom("GET", "POST", "PUT");
const path = fc.constantFrom("/", "/v", "/v/", "/v/a", "/v/a/b", "/va", "/v?x=/w", "/w");
const pathPattern = fc.constantFrom("/", "/*", "/v", "/v/*", "/v/a", "/v/a/*", "/w");
const filePath = fc.constantFrom("/d", "/d/a", "/d/a/b", "/da", "/e", "/d/a.txt");
const some = <T>(item: fc.Arbitrary<T>, maxLength = 3): fc.Arbitrary<T[]> =>
  fc.array(item, { maxLength });

const rules = some(capabilityPattern).map((patterns) =>
  patterns.map((pattern, index) => ({ rule: `rule[${index}]`, pattern })),
);

const egressRule: fc.Arbitrary<EgressRule> = fc.record({
  rule: fc.constantFrom("e1", "e2", "e3"),
  host: hostPattern,
  schemes: some(scheme, 2),
  ports: some(port),
  methods: some(method),
  paths: some(pathPattern, 2),
  addresses: some(fc.constantFrom("10.0.0.0/8", "10.1.0.0/16", "127.0.0.1", "::1/128"), 2),
  tunnel: fc.boolean(),
  requestBytesMax: fc.nat(9),
  responseBytesMax: fc.nat(9),
});

const policies: fc.Arbitrary<Policy> = fc.record({
  level: fc.constantFrom("controlled", "full", "controlled", "pure"),
  allow: rules,
  deny: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, rules),
  egress: some(egressRule, 4),
  files: some(
    fc.record({
      rule: fc.constant("f"),
      path: filePath,
      mode: fc.constantFrom("ro" as const, "rw" as const),
    }),
    4,
  ),
  environment: some(fc.record({ rule: fc.constant("v"), name: fc.constantFrom("A", "B") })),
  secrets: fc.constant([]),
  dlp: fc.constant({ enabled: false, level: "lenient" }),
});

const resources: fc.Arbitrary<ResourceRequest | null> = fc.oneof(
  fc.constant(null),
  fc.tuple(method, scheme, host, port, path).map(([verb, s, h, p, x]) => {
    return { kind: "http" as const, method: verb, target: target(`${s}://${h}:${p}${x}`) };
  }),
  fc.record({ kind: fc.constant("connect" as const), host, port }),
  fc.record({
    kind: fc.constant("file" as const),
    operation: fc.constantFrom("read" as const, "write" as const, "delete" as const),
    path: filePath,
  }),
  fc.record({ kind: fc.constant("environment" as const), name: fc.constantFrom("A", "B", "C") }),
);

const requests: fc.Arbitrary<AccessRequest> = fc.record({ capability, resource: resources });

describe("decide as a whole", () => {
  test("decide equals the reference model on 100 000 random pairs of policy and request", () => {
    const seen = new Map<string, number>();
    for (let round = 0; round < 20; round += 1) {
      // A policy with five requests each: drawing the policy is what costs.
      const body = (policy: Policy, asked: readonly AccessRequest[]): void => {
        for (const request of asked) {
          const expected = model(policy, request);
          seen.set(expected, (seen.get(expected) ?? 0) + 1);
          if (outcome(decide(policy, request)) !== expected) {
            expect({ policy, request, got: decide(policy, request) }).toBe(expected);
          }
        }
      };
      const five = fc.array(requests, { minLength: 5, maxLength: 5 });
      fc.assert(fc.property(policies, five, body), { numRuns: 1000 });
    }
    const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThanOrEqual(100_000);
    // A property that only ever saw denials would have shown nothing.
    for (const kind of ["allow", "EGRESS_DENIED", "FILE_DENIED", "ENVIRONMENT_DENIED"]) {
      expect(seen.get(kind) ?? 0).toBeGreaterThan(500);
    }
  }, 120_000);

  test("decide never turns a deny into an allow when a deny rule is added", () => {
    fc.assert(
      fc.property(policies, rules, requests, (policy, more, request) => {
        const stricter = { ...policy, deny: [...policy.deny, ...more] };
        if (decide(policy, request).kind === "deny") {
          expect(decide(stricter, request).kind).toBe("deny");
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("decide answers the same kind and code for any order of the rules", () => {
    fc.assert(
      fc.property(policies, requests, (policy, request) => {
        const turned: Policy = {
          ...policy,
          allow: policy.allow.toReversed(),
          deny: policy.deny.toReversed(),
          egress: policy.egress.toReversed(),
          files: policy.files.toReversed(),
          environment: policy.environment.toReversed(),
        };
        expect(outcome(decide(turned, request))).toBe(outcome(decide(policy, request)));
      }),
      { numRuns: 3000 },
    );
  });

  test("decide is total: hostile requests are denied, never thrown on", () => {
    const text = fc.string({ unit: "binary", maxLength: 40 });
    const hostile = fc.record({
      capability: text,
      resource: fc.oneof(
        fc.record({ kind: fc.constant("connect" as const), host: text, port: fc.integer() }),
        fc.record({ kind: fc.constant("environment" as const), name: text }),
        fc.record({
          kind: fc.constant("file" as const),
          operation: fc.constant("read" as const),
          path: text,
        }),
      ),
    });
    fc.assert(
      fc.property(policies, hostile, (policy, request) => {
        expect(decide(policy, request).kind).toBe("deny");
        expect(["allow", "ask", "deny"]).toContain(
          decide(policy, { ...request, capability: "a" }).kind,
        );
      }),
      { numRuns: 2000 },
    );
  });
});

describe("meetPolicies", () => {
  test("meetPolicies allows exactly what parent and child both allow", () => {
    let allowed = 0;
    fc.assert(
      fc.property(policies, policies, fc.array(requests, { maxLength: 8 }), (one, other, asked) => {
        const both = meetPolicies(one, other);
        for (const request of asked) {
          const kinds = [one, other].map((policy) => decide(policy, request).kind);
          const expected = kinds.includes("deny") ? "deny" : "allow";
          if (expected === "allow") allowed += 1;
          expect(decide(both, request).kind).toBe(expected);
        }
      }),
      { numRuns: 6000 },
    );
    expect(allowed).toBeGreaterThan(100);
  });

  test("meetPolicies gives no more bytes and no more addresses than the parent's own rule", () => {
    fc.assert(
      fc.property(some(egressRule, 4), some(egressRule, 4), resources, (one, other, resource) => {
        if (resource?.kind !== "http" && resource?.kind !== "connect") return;
        const both = meetPolicies({ ...EMPTY, egress: one }, { ...EMPTY, egress: other });
        const met = selectEgressRule(both.egress, resource);
        if (met === null) return;
        for (const rules_ of [one, other]) {
          const own = selectEgressRule(rules_, resource);
          expect(met.requestBytesMax).toBeLessThanOrEqual(own?.requestBytesMax ?? -1);
          expect(met.responseBytesMax).toBeLessThanOrEqual(own?.responseBytesMax ?? -1);
          const wide = own?.addresses.includes("10.0.0.0/8") === true ? ["10.1.0.0/16"] : [];
          expect([...(own?.addresses ?? []), ...wide]).toEqual(
            expect.arrayContaining([...met.addresses]),
          );
        }
      }),
      { numRuns: 6000 },
    );
  });

  test("meetPolicies demands of what is sent whatever parent's and child's own rule demand", () => {
    const pin = fc.constantFrom("sha256/A", "sha256/B", "sha256/C");
    const rpc = fc.constantFrom("tools/call", "tools/*", "tools/list", "a/b/*", "a/*");
    const tool = fc.constantFrom("t", "u");
    const demands = fc.record(
      {
        inspect: fc.constant(true),
        websocket: fc.constant(true),
        pins: some(pin),
        jsonRpc: fc.record({ methods: some(rpc), tools: fc.option(some(tool)) }),
      },
      { requiredKeys: [] },
    );
    // Of few hosts and one port, so that several rules are about one request.
    const dense = fc.record({
      host: fc.constantFrom("x.test", "a.x.test", "*.x.test"),
      methods: fc.constantFrom(["GET"], ["GET"], []),
      paths: fc.constantFrom([], [], ["/v/*"]),
      addresses: fc.constant([]),
      tunnel: fc.boolean(),
    });
    const ends = { schemes: ["https"], ports: [443] } as const;
    const demanding = fc.array(
      fc.tuple(egressRule, dense, demands).map(([rule, shape, more]): EgressRule => {
        return { ...rule, ...ends, ...shape, ...more };
      }),
      { minLength: 1, maxLength: 3 },
    );
    const asked = fc.constantFrom<ResourceRequest>(
      { kind: "http", method: "GET", target: target("https://a.x.test/v/a") },
      { kind: "http", method: "GET", target: target("https://x.test/") },
      { kind: "connect", host: "a.x.test", port: 443 },
      { kind: "connect", host: "x.test", port: 443 },
    );
    const called = ["tools/call", "tools/list", "tools/", "a/b", "a/b/c", "a/b/*", "b"];
    const mayCall = (rule: EgressRule, name: string, used: string): boolean => {
      const { jsonRpc } = rule;
      const names = (pattern: string): boolean =>
        pattern === name || new RegExp(`^${pattern.replace("*", ".+")}$`).test(name);
      if (jsonRpc?.methods.some(names) === false) return false;
      return name !== "tools/call" || (jsonRpc?.tools?.includes(used) ?? true);
    };
    const opens = (rules_: readonly EgressRule[], to: { host: string; port: number }): boolean =>
      rules_.some(
        (each) =>
          each.inspect === true && hostCovers(each.host, to.host) && each.ports.includes(to.port),
      );
    let seen = 0;
    fc.assert(
      fc.property(demanding, demanding, asked, (one, other, resource) => {
        if (resource?.kind !== "http" && resource?.kind !== "connect") return;
        const both = meetPolicies({ ...EMPTY, egress: one }, { ...EMPTY, egress: other });
        const met = selectEgressRule(both.egress, resource);
        if (met === null) return;
        seen += 1;
        for (const rules_ of [one, other]) {
          const own = selectEgressRule(rules_, resource);
          if (resource.kind === "connect") expect(opens(rules_, resource)).toBe(false);
          if (own?.inspect !== true) expect(met).not.toHaveProperty("inspect");
          if (own?.websocket !== true) expect(met).not.toHaveProperty("websocket");
          if (own?.pins !== undefined)
            expect(own.pins).toEqual(expect.arrayContaining([...(met.pins ?? ["none"])]));
          for (const name of called) {
            for (const used of ["t", "u", "v"]) {
              if (own !== null && mayCall(met, name, used))
                expect(mayCall(own, name, used)).toBe(true);
            }
          }
        }
      }),
      { numRuns: 8000 },
    );
    expect(seen).toBeGreaterThan(500);
  });

  test("meetPolicies keeps what both have", () => {
    const rule: EgressRule = {
      rule: "r",
      host: "x.test",
      schemes: ["https"],
      ports: [443],
      methods: ["POST"],
      paths: [],
      addresses: [],
      tunnel: false,
      inspect: true,
      websocket: true,
      pins: ["sha256/A", "sha256/B"],
      jsonRpc: { methods: ["tools/*"], tools: ["t", "u"] },
      requestBytesMax: 9,
      responseBytesMax: 9,
    };
    const asked: EgressRule = {
      ...rule,
      pins: ["sha256/B", "sha256/C"],
      jsonRpc: { methods: ["tools/call", "a"], tools: null },
    };
    const { egress } = meetPolicies({ ...EMPTY, egress: [rule] }, { ...EMPTY, egress: [asked] });
    expect(egress).toEqual([
      { ...rule, pins: ["sha256/B"], jsonRpc: { methods: ["tools/call"], tools: ["t", "u"] } },
    ]);
  });

  test.each([
    ["*.a.test", "a.test", null],
    ["*.a.test", "x.a.test", "x.a.test"],
    ["*.a.test", "*.b.a.test", "*.b.a.test"],
    ["*.a.test", "*.ba.test", null],
    ["a.test", "a.test", "a.test"],
  ])("meetPolicies of hosts %s and %s is %s, from either side", (one, other, expected) => {
    const grant = (pattern: string): Policy => {
      const limits = { requestBytesMax: 1, responseBytesMax: 1, tunnel: true };
      const lists = { schemes: [], ports: [443], methods: [], paths: [], addresses: [] };
      return { ...EMPTY, egress: [{ rule: "r", host: pattern, ...lists, ...limits }] };
    };
    const [first, second] = [grant(one), grant(other)];
    const hosts = expected === null ? [] : [expected];
    expect(meetPolicies(first, second).egress.map((rule) => rule.host)).toEqual(hosts);
    expect(meetPolicies(second, first).egress.map((rule) => rule.host)).toEqual(hosts);
  });

  test("meetPolicies keeps the tighter limits when the child's rule is the more specific", () => {
    const wide: EgressRule = {
      rule: "wide",
      host: "*.x.test",
      schemes: ["https"],
      ports: [443],
      methods: ["GET"],
      paths: [],
      addresses: ["10.0.0.0/8"],
      tunnel: false,
      requestBytesMax: 9,
      responseBytesMax: 9,
    };
    const tight = { ...wide, host: "a.x.test", addresses: [], responseBytesMax: 1 };
    const asked = { ...wide, host: "a.x.test", paths: ["/v/*"] };
    const met = meetPolicies({ ...EMPTY, egress: [wide, tight] }, { ...EMPTY, egress: [asked] });
    const request = {
      kind: "http",
      method: "GET",
      target: target("https://a.x.test/v/a"),
    } as const;
    expect(selectEgressRule(met.egress, request)).toMatchObject({
      requestBytesMax: 9,
      responseBytesMax: 1,
      addresses: [],
    });
  });

  test("meetPolicies narrows secrets and takes the stricter DLP", () => {
    const binding = {
      rule: "secrets.T",
      name: "T",
      origins: ["https://a.test:443", "https://b.test:443"],
      paths: ["/v1/*"],
      headers: ["authorization"],
    };
    const parent: Policy = {
      ...EMPTY,
      secrets: [binding],
      dlp: { enabled: true, level: "moderate" },
    };
    const child: Policy = {
      ...EMPTY,
      secrets: [
        { ...binding, origins: ["https://a.test:443", "https://c.test:443"], paths: [] },
        { ...binding, name: "OTHER" },
        { ...binding, origins: ["https://d.test:443"] },
      ],
      dlp: { enabled: false, level: "strict" },
    };
    const met = meetPolicies(parent, child);
    expect(met.secrets).toEqual([{ ...binding, origins: ["https://a.test:443"] }]);
    expect(met.dlp).toEqual({ enabled: true, level: "moderate" });
  });

  test("meetPolicies refuses lists that are too long to compare", () => {
    const allow = Array.from({ length: 257 }, () => ({ rule: "r", pattern: "a" }));
    expect(() => meetPolicies({ ...EMPTY, allow }, EMPTY)).toThrow("more than 256");
  });
});
