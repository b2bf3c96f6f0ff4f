import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide } from "./decide.ts";
import { decideFlow, DECLASSIFY, receivedLabels } from "./labels.ts";
import { levelDefaults } from "./levels.ts";
import { meetPolicies } from "./meet.ts";
import { parseTarget } from "./target.ts";
import type { AccessRequest, FlowPlace, FlowPolicy } from "./types.ts";

function http(url: string): AccessRequest {
  const target = parseTarget(url);
  if (!target.ok) throw new Error(target.error);
  const resource = { kind: "http", method: "GET", target: target.value } as const;
  return { capability: "ccos.network.http-fetch", resource };
}
const file = (operation: "read" | "write", path: string): AccessRequest => ({
  capability: `ccos.io.${operation}-file`,
  resource: { kind: "file", operation, path },
});
const variable: AccessRequest = {
  capability: "ccos.system.get-env",
  resource: { kind: "environment", name: "TOKEN" },
};
const plain: AccessRequest = { capability: "acme.mail.send", resource: null };

const source = (place: FlowPlace, ...labels: string[]) => ({ rule: "source", place, labels });
const sink = (place: FlowPlace, ...accepts: string[]) => ({ rule: "sink", place, accepts });
const crm: FlowPlace = { kind: "host", host: "*.crm.test" };
const FLOW: FlowPolicy = {
  sources: [
    source(crm, "pii"),
    source({ kind: "path", path: "/data/patients" }, "hipaa", "public"),
    source({ kind: "env", name: "TOKEN" }, "confidential"),
    source({ kind: "capability", capability: "acme.db.*" }, "gdpr"),
    source({ kind: "injection" }, "untrusted"),
  ],
  sinks: [sink(crm, "pii", "hipaa"), sink({ kind: "path", path: "/out" }, "pii")],
};

const gained = (request: AccessRequest, hosts: readonly string[] = [], isInjection = false) =>
  receivedLabels(FLOW, { request, hosts, isInjection });
const denied = (request: AccessRequest, ...labels: string[]): string | null =>
  decideFlow(FLOW, request, new Set(labels), true)?.reason ?? null;

describe("receivedLabels", () => {
  test.each([
    [http("https://eu.crm.test/x"), ["pii"]],
    [http("https://crm.test/x"), []],
    [file("read", "/data/patients/a"), ["hipaa"]],
    [file("read", "/data/patients2"), []],
    [variable, ["confidential"]],
    [{ capability: "acme.db.query", resource: null }, ["gdpr"]],
    [plain, []],
  ])("of %j are %j", (request, labels) => {
    expect(gained(request)).toEqual(labels);
  });

  test("are those of every host on the way and of text that speaks to a model", () => {
    const hosts = ["eu.crm.test", "cdn.test"];
    expect(gained(http("https://short.test/"), hosts, true)).toEqual(["pii", "untrusted"]);
  });
});

describe("decideFlow", () => {
  test("lets a run without labels, or with public ones left out, go anywhere", () => {
    expect(denied(http("https://any.test/"))).toBeNull();
  });

  test("lets labels go only where each entry about the place accepts all of them", () => {
    expect(denied(http("https://eu.crm.test/"), "pii")).toBeNull();
    expect(denied(http("https://eu.crm.test/"), "pii", "gdpr")).toContain('"gdpr"');
    expect(denied(http("https://any.test/"), "pii")).toContain('"pii"');
    expect(denied(file("write", "/out/x"), "pii")).toBeNull();
    expect(denied(file("write", "/out/x"), "hipaa")).toContain('"hipaa"');
    expect(denied(plain, "pii")).toContain('"pii"');
    const narrower = {
      ...FLOW,
      sinks: [...FLOW.sinks, sink({ kind: "host", host: "eu.crm.test" })],
    };
    const verdict = decideFlow(narrower, http("https://eu.crm.test/"), new Set(["pii"]), true);
    expect(verdict).toMatchObject({ kind: "deny", code: "LABEL_DENIED" });
  });

  test("is no hindrance to reading, nor to what has no effect", () => {
    expect(denied(file("read", "/data/x"), "pii")).toBeNull();
    expect(denied(variable, "pii")).toBeNull();
    expect(decideFlow(FLOW, plain, new Set(["pii"]), false)).toBeNull();
  });
});

test("nothing that a source labels reaches a sink that does not accept it, in any order of calls", () => {
  const places = [
    http("https://eu.crm.test/"),
    http("https://any.test/"),
    file("read", "/data/patients/a"),
    file("write", "/out/a"),
    file("write", "/tmp/a"),
    variable,
    plain,
  ];
  const words = fc.subarray(["pii", "hipaa", "confidential", "eu_only"]);
  const place = fc.constantFrom<FlowPlace>(
    crm,
    { kind: "host", host: "any.test" },
    { kind: "path", path: "/data" },
    { kind: "path", path: "/out" },
    { kind: "env", name: "TOKEN" },
    { kind: "capability", capability: "acme.*" },
  );
  const flows = fc.record({
    sources: fc.array(fc.tuple(place, words), { maxLength: 4 }),
    sinks: fc.array(fc.tuple(place, words), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(flows, fc.array(fc.constantFrom(...places), { maxLength: 12 }), (drawn, calls) => {
      const flow: FlowPolicy = {
        sources: drawn.sources.map(([where, labels]) => source(where, ...labels)),
        sinks: drawn.sinks.map(([where, accepts]) => sink(where, ...accepts)),
      };
      const labels = new Set<string>();
      for (const call of calls) {
        const verdict = decideFlow(flow, call, labels, true);
        const sends = call.resource?.kind === "http" || call === plain || isWrite(call);
        const accepted = drawn.sinks.filter(([where]) => concerns(where, call));
        const may = [...labels].every(
          (label) =>
            accepted.length > 0 && accepted.every(([, accepts]) => accepts.includes(label)),
        );
        expect(verdict === null).toBe(!sends || may);
        if (verdict !== null) continue;
        for (const [where, given] of drawn.sources) {
          const gives = where.kind !== "path" || !isWrite(call);
          if (gives && concerns(where, call)) for (const label of given) labels.add(label);
        }
        const told = receivedLabels(flow, { request: call, hosts: [], isInjection: false });
        expect(told.every((label) => labels.has(label))).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

const isWrite = ({ resource }: AccessRequest): boolean =>
  resource?.kind === "file" && resource.operation === "write";

/** The model: places by their plain words. */
function concerns(place: FlowPlace, { capability, resource }: AccessRequest): boolean {
  if (place.kind === "capability") return capability.startsWith("acme.");
  if (place.kind === "env") return resource?.kind === "environment";
  if (place.kind === "path")
    return resource?.kind === "file" && resource.path.startsWith(place.path);
  const host = resource?.kind === "http" ? resource.target.host : "";
  return place.kind === "host" && host === (place.host === "any.test" ? "any.test" : "eu.crm.test");
}

test("declassify asks a person, whatever grants it, and a meet keeps the flows of both", () => {
  const { policy } = levelDefaults("full");
  const open = { ...policy, allow: [{ rule: "r", pattern: "*" }] };
  expect(decide(open, { capability: DECLASSIFY, resource: null }).kind).toBe("ask");
  expect(meetPolicies({ ...open, flow: [FLOW] }, { ...open, flow: [FLOW] }).flow).toHaveLength(2);
  expect(meetPolicies(open, { ...open, flow: [FLOW] }).flow).toEqual([FLOW]);
});
