import { describe, expect, test } from "vitest";
import { decide } from "./decide.ts";
import { levelDefaults } from "./levels.ts";
import { parseTarget } from "./target.ts";
import type { AccessRequest, EgressRule, HttpTarget, Policy, ResourceRequest } from "./types.ts";

const FETCH = "ccos.network.http-fetch";

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

function http(method: string, url: string): AccessRequest {
  return { capability: FETCH, resource: { kind: "http", method, target: target(url) } };
}

function egress(parts: Partial<EgressRule>): EgressRule {
  return {
    rule: "network.egress.rules[0]",
    host: "api.example.com",
    schemes: ["https"],
    ports: [443],
    methods: ["GET", "HEAD"],
    paths: [],
    addresses: [],
    tunnel: false,
    requestBytesMax: 1000,
    responseBytesMax: 1000,
    ...parts,
  };
}

function withEgress(...rules: readonly EgressRule[]): Policy {
  const allow = [{ rule: "capabilities.allow[0]", pattern: "ccos.network.*" }];
  return { ...EMPTY, allow, egress: rules };
}

describe("decide on capabilities", () => {
  const request: AccessRequest = { capability: "ccos.io.log", resource: null };
  const allow = [{ rule: "allow[0]", pattern: "ccos.io.*" }];

  test("decide denies by default and proposes the exact capability", () => {
    expect(decide(EMPTY, request)).toEqual({
      kind: "deny",
      rule: null,
      code: "CAPABILITY_DENIED",
      reason: 'no rule grants "ccos.io.log"',
      fix: 'Add "ccos.io.log" to :capabilities :allow',
    });
  });

  test("decide names the most specific grant, then the first", () => {
    const rules = [
      { rule: "a", pattern: "ccos.*" },
      { rule: "b", pattern: "ccos.io.log" },
      { rule: "c", pattern: "ccos.io.log" },
      { rule: "d", pattern: "ccos.io.*" },
    ];
    expect(decide({ ...EMPTY, allow: rules }, request)).toEqual({ kind: "allow", rule: "b" });
  });

  test("decide lets a deny win over every grant and names it", () => {
    const deny = [{ rule: "deny[0]", pattern: "ccos.io.log" }];
    expect(decide({ ...EMPTY, level: "full", allow, deny }, request)).toMatchObject({
      kind: "deny",
      rule: "deny[0]",
      code: "CAPABILITY_DENIED",
    });
  });

  test("decide denies everything when a deny rule cannot be read", () => {
    const deny = [{ rule: "deny[0]", pattern: "ccos.*.log" }];
    expect(decide({ ...EMPTY, allow, deny }, request)).toMatchObject({ rule: "deny[0]" });
  });

  test("decide grants nothing at level pure", () => {
    const pure = { ...EMPTY, level: "pure" as const, allow };
    expect(decide(pure, request)).toMatchObject({ kind: "deny", code: "CAPABILITY_DENIED" });
  });

  test("decide honours * at level full only", () => {
    const any = [{ rule: "any", pattern: "*" }];
    expect(decide({ ...EMPTY, allow: any }, request).kind).toBe("deny");
    expect(decide({ ...EMPTY, level: "full", allow: any }, request)).toEqual({
      kind: "allow",
      rule: "any",
    });
    expect(decide({ ...EMPTY, level: "full" }, request).kind).toBe("deny");
  });

  test.each([
    [""],
    ["CCOS.io.log"],
    [":ccos.io.log"],
    ["ccos.io.log@1.0.0"],
    ["__proto__"],
    ["a\n"],
  ])("decide denies %j: not a canonical id", (capability) => {
    const full = levelDefaults("full").policy;
    expect(decide(full, { capability, resource: null })).toMatchObject({
      kind: "deny",
      code: "CAPABILITY_DENIED",
    });
  });

  test("decide still needs the resource granted at level full", () => {
    const full = levelDefaults("full").policy;
    expect(decide(full, http("GET", "https://a.test/"))).toMatchObject({ code: "EGRESS_DENIED" });
  });
});

describe("decide on http", () => {
  test("decide allows what one rule covers in every part, and names that rule", () => {
    const policy = withEgress(egress({ paths: ["/v1/*"], methods: ["GET", "POST"] }));
    expect(decide(policy, http("POST", "https://api.example.com/v1/x?q=1"))).toEqual({
      kind: "allow",
      rule: "network.egress.rules[0]",
    });
  });

  test.each([
    ["GET", "https://evil.test/", 'no egress rule names host "evil.test"'],
    ["GET", "https://api.example.com.evil.test/", "no egress rule names host"],
    ["GET", "https://evil-api.example.com/", "no egress rule names host"],
    ["GET", "http://api.example.com:443/v1/x", "its schemes are https"],
    ["GET", "https://api.example.com:8443/v1/x", "its ports are 443"],
    ["POST", "https://api.example.com/v1/x", "its methods are GET, HEAD"],
    ["get", "https://api.example.com/v1/x", "its methods are GET, HEAD"],
    ["GET", "https://api.example.com/v2/x", "its paths are /v1/*"],
    ["GET", "https://api.example.com/v1/%2fx", "encoded dots or slashes"],
    ["GET", "https://api.example.com/v1/../admin", "its paths are /v1/*"],
  ])("decide denies %s %s: %s", (method, url, reason) => {
    const verdict = decide(withEgress(egress({ paths: ["/v1/*"] })), http(method, url));
    expect(verdict).toMatchObject({ kind: "deny", rule: null, code: "EGRESS_DENIED" });
    expect(verdict.kind === "deny" ? verdict.reason : "").toContain(reason);
  });

  test("decide never adds up two rules", () => {
    const policy = withEgress(
      egress({ methods: ["POST"], paths: ["/a"] }),
      egress({ methods: ["GET"], paths: ["/b"] }),
    );
    expect(decide(policy, http("POST", "https://api.example.com/b")).kind).toBe("deny");
  });

  test("decide reports the nearest rule, not the first", () => {
    const policy = withEgress(
      egress({ rule: "far", ports: [8443] }),
      egress({ rule: "near", methods: ["PUT"] }),
    );
    const verdict = decide(policy, http("POST", "https://api.example.com/"));
    expect(verdict.kind === "deny" ? verdict.reason : "").toBe(
      "near names this host, but its methods are PUT",
    );
  });

  test("decide names the exact host before the wildcard, and a path rule before none", () => {
    const wide = egress({ rule: "wide", host: "*.example.com" });
    const exact = egress({ rule: "exact" });
    const path = egress({ rule: "path", paths: ["/v1/*"] });
    const request = http("GET", "https://api.example.com/v1/x");
    expect(decide(withEgress(wide, exact), request)).toEqual({ kind: "allow", rule: "exact" });
    expect(decide(withEgress(wide, exact, path), request)).toEqual({ kind: "allow", rule: "path" });
  });

  test("decide grants an IP literal only where the rule's :addresses name it", () => {
    const request = http("GET", "https://127.1/");
    const bare = egress({ host: "127.0.0.1" });
    expect(decide(withEgress(bare), request).kind).toBe("deny");
    const named = egress({ host: "127.0.0.1", addresses: ["127.0.0.0/8"] });
    expect(decide(withEgress(named), request).kind).toBe("allow");
  });

  test("decide refuses a target that did not come from the parser", () => {
    const forged = { ...target("https://api.example.com/"), host: "evil.test\0.example.com" };
    const resource: ResourceRequest = { kind: "http", method: "GET", target: forged };
    const policy = withEgress(egress({ host: "*.example.com" }));
    expect(decide(policy, { capability: FETCH, resource })).toMatchObject({
      kind: "deny",
      code: "EGRESS_DENIED",
      reason: 'target "evil.test\\u{0}.example.com" is not in canonical form',
    });
  });

  test("decide proposes the narrowest rule, and that rule allows exactly this request", () => {
    const verdict = decide(withEgress(), http("POST", "https://evil.test:8443/x?token=abc"));
    expect(verdict.kind === "deny" ? verdict.fix : "").toBe(
      'Add to :network :egress :rules {:host "evil.test" :schemes [:https] :ports [8443] ' +
        ':methods [:POST] :paths ["/x"]}',
    );
    const literal = decide(withEgress(), http("GET", "http://[::1]/%2e.b"));
    expect(literal.kind === "deny" ? literal.fix : "").toBe(
      'Add to :network :egress :rules {:host "::1" :schemes [:http] :ports [80] :methods [:GET] ' +
        ':addresses ["::1/128"]} (this path cannot be written as a pattern; all paths are open)',
    );
  });
});

describe("decide on connect", () => {
  const connect = (host: string, port: number): AccessRequest => ({
    capability: "ccos.network.connect",
    resource: { kind: "connect", host, port },
  });

  test("decide allows a tunnel only by a rule that says so, for its host and port", () => {
    const policy = withEgress(egress({ tunnel: true, ports: [443, 8443] }));
    expect(decide(policy, connect("api.example.com", 8443)).kind).toBe("allow");
    expect(decide(policy, connect("api.example.com", 80)).kind).toBe("deny");
    expect(decide(policy, connect("evil.test", 443)).kind).toBe("deny");
  });

  test.each([[{}], [{ tunnel: true, paths: ["/v1/*"] }]])(
    "decide says why the rule %j holds no tunnel",
    (parts) => {
      const verdict = decide(withEgress(egress(parts)), connect("api.example.com", 443));
      expect(verdict.kind === "deny" ? verdict.reason : "").toContain(
        "methods and paths cannot be enforced inside a tunnel",
      );
      expect(verdict.kind === "deny" ? verdict.fix : "").toBe(
        'Add to :network :egress :rules {:host "api.example.com" :ports [443] :tunnel true}',
      );
    },
  );
});

describe("decide on files and variables", () => {
  const policy: Policy = {
    ...EMPTY,
    allow: [{ rule: "allow[0]", pattern: "ccos.*" }],
    files: [
      { rule: "paths[0]", path: "/data", mode: "rw" },
      { rule: "paths[1]", path: "/data/in", mode: "ro" },
      { rule: "paths[2]", path: "/etc/app.conf", mode: "ro" },
    ],
    environment: [{ rule: "env.REGION", name: "REGION" }],
  };
  const file = (operation: "read" | "write" | "delete", path: string): AccessRequest => ({
    capability: "ccos.io.read-file",
    resource: { kind: "file", operation, path },
  });

  test.each([
    ["read", "/data", "paths[0]"],
    ["write", "/data/out/a.txt", "paths[0]"],
    ["delete", "/data/out/a.txt", "paths[0]"],
    ["read", "/data/in/a.txt", "paths[1]"],
    ["read", "/etc/app.conf", "paths[2]"],
    ["write", "/data/input", "paths[0]"],
  ] as const)("decide allows %s of %s by %s", (operation, path, rule) => {
    expect(decide(policy, file(operation, path))).toEqual({ kind: "allow", rule });
  });

  test.each([
    ["write", "/data/in/a.txt", "paths[1]"],
    ["delete", "/data/in", "paths[1]"],
    ["write", "/etc/app.conf", "paths[2]"],
    ["read", "/database", null],
    ["read", "/data_evil/x", null],
    ["read", "/", null],
    ["read", "/etc/app.conf.bak", null],
    ["read", "/data/../etc/passwd", null],
    ["read", "/data/./x", null],
    ["read", "/data//x", null],
    ["read", "/data/", null],
    ["read", "data/x", null],
    ["read", "", null],
    ["read", "/data/a\0b", null],
    ["read", `/data/${"a".repeat(4096)}`, null],
  ] as const)("decide denies %s of %j, naming %s", (operation, path, rule) => {
    expect(decide(policy, file(operation, path))).toMatchObject({
      kind: "deny",
      rule,
      code: "FILE_DENIED",
    });
  });

  test("decide reads two modes of one path as read-only, in any order", () => {
    const rw = { rule: "rw", path: "/d", mode: "rw" } as const;
    const ro = { rule: "ro", path: "/d", mode: "ro" } as const;
    expect(decide({ ...policy, files: [rw, ro] }, file("write", "/d/x")).kind).toBe("deny");
    expect(decide({ ...policy, files: [ro, rw] }, file("write", "/d/x")).kind).toBe("deny");
  });

  test("decide answers declared variables only", () => {
    const read = (name: string): AccessRequest => ({
      capability: "ccos.system.get-env",
      resource: { kind: "environment", name },
    });
    expect(decide(policy, read("REGION"))).toEqual({ kind: "allow", rule: "env.REGION" });
    for (const name of ["PATH", "region", "", "__proto__", "REGION\0"]) {
      expect(decide(policy, read(name))).toMatchObject({ code: "ENVIRONMENT_DENIED" });
    }
  });
});
