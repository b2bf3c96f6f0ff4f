import { describe, expect, test } from "vitest";
import { decide, meetPolicies, type Policy, type PolicyBound, parseTarget } from "./index.ts";

const FILE = { rule: "capabilities.fs.paths[0]", path: "/data", mode: "rw" } as const;
const GRANTED: Policy = {
  level: "controlled",
  allow: [{ rule: "base", pattern: "ccos.*" }],
  deny: [],
  egress: [
    {
      rule: "network.egress.rules[0]",
      host: "*.example.com",
      schemes: ["https"],
      ports: [443],
      methods: ["GET"],
      paths: [],
      addresses: [],
      tunnel: true,
      requestBytesMax: 1,
      responseBytesMax: 1,
    },
  ],
  files: [FILE],
  environment: [],
  secrets: [],
  dlp: { enabled: false, level: "lenient" },
};
const SILENT: PolicyBound = { rule: "s", capabilities: [], except: [], hosts: null, files: null };

function answer(bound: Partial<PolicyBound>, ask: string, capability?: string): string {
  const policy: Policy = { ...GRANTED, bounds: [{ ...SILENT, ...bound }] };
  const [verb = "", rest = ""] = ask.split(" ");
  const target = parseTarget(rest);
  if (verb === "GET" && target.ok) {
    const resource = { kind: "http", method: "GET", target: target.value } as const;
    return said(decide(policy, { capability: capability ?? "ccos.network.http-fetch", resource }));
  }
  if (verb === "CONNECT") {
    const resource = { kind: "connect", host: rest, port: 443 } as const;
    return said(decide(policy, { capability: "ccos.network.connect", resource }));
  }
  const operation = verb === "write" ? "write" : "read";
  const resource = { kind: "file", operation, path: rest } as const;
  return said(decide(policy, { capability: capability ?? "ccos.io.read-file", resource }));
}

function said(verdict: ReturnType<typeof decide>): string {
  return verdict.kind === "deny" ? `${verdict.code} by ${verdict.rule}` : verdict.kind;
}

const only = (...patterns: string[]) => ({ hosts: { kind: "only", patterns } as const });

describe("an operator's bound", () => {
  test.each([
    ["says nothing when it is silent", {}, "GET https://a.example.com/", "allow"],
    ["denies the network", only(), "GET https://a.example.com/", "EGRESS_DENIED by s"],
    ["leaves the hosts it lists", only("a.example.com"), "GET https://a.example.com/", "allow"],
    [
      "takes the hosts that it does not list",
      only("a.example.com"),
      "GET https://b.example.com/",
      "EGRESS_DENIED by s",
    ],
    ["holds tunnels too", only("a.example.com"), "CONNECT b.example.com", "EGRESS_DENIED by s"],
    [
      "takes what a deny list names",
      { hosts: { kind: "except", patterns: ["*.example.com"] } as const },
      "GET https://b.example.com/",
      "EGRESS_DENIED by s",
    ],
    ["denies every file", { files: [] }, "read /data/x", "FILE_DENIED by s"],
    [
      "leaves a read where it grants reading",
      { files: [{ path: "/data", mode: "ro" } as const] },
      "read /data/x",
      "allow",
    ],
    [
      "takes a write where it grants reading",
      { files: [{ path: "/data", mode: "ro" } as const] },
      "write /data/x",
      "FILE_DENIED by s",
    ],
    [
      "is about the capabilities it names",
      { ...only(), capabilities: ["ccos.other.*"] },
      "GET https://a.example.com/",
      "allow",
    ],
    [
      "is not about those it leaves out",
      { ...only(), except: ["ccos.network.http-fetch"] },
      "GET https://a.example.com/",
      "allow",
    ],
    ["never grants", only("evil.test"), "GET https://evil.test/", "EGRESS_DENIED by null"],
  ] as const)("%s", (_name, bound, ask, expected) => {
    expect(answer(bound, ask)).toBe(expected);
  });

  test("stays when policies meet, from either side", () => {
    const bound: PolicyBound = { ...SILENT, files: [] };
    const bounded = { ...GRANTED, bounds: [bound] };
    expect(meetPolicies(bounded, GRANTED).bounds).toEqual([bound]);
    expect(meetPolicies(GRANTED, bounded).bounds).toEqual([bound]);
    expect(meetPolicies(GRANTED, GRANTED)).not.toHaveProperty("bounds");
  });
});
