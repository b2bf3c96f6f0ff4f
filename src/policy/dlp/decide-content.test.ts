import { describe, expect, test } from "vitest";
import { bindingAllows } from "../binding.ts";
import { explainVerdict } from "../explain.ts";
import { parseTarget } from "../target.ts";
import type { AccessRequest, HttpTarget, Policy, SecretBinding, Verdict } from "../types.ts";
import { decideContent } from "./decide-content.ts";
import type { SecretFinding } from "./known-secrets.ts";
import type { DlpFinding } from "./scan.ts";

function target(url: string): HttpTarget {
  const parsed = parseTarget(url);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const BINDING: SecretBinding = {
  rule: "secrets.TOKEN",
  name: "TOKEN",
  origins: ["https://api.test:443"],
  paths: ["/v1/*"],
  headers: ["authorization"],
};

function policy(level: Policy["dlp"]["level"], enabled = true): Policy {
  return {
    level: "controlled",
    allow: [],
    deny: [],
    egress: [],
    files: [],
    environment: [],
    secrets: [BINDING],
    dlp: { enabled, level },
  };
}

function request(url = "https://api.test/v1/x"): AccessRequest {
  const resource = { kind: "http", method: "POST", target: target(url) } as const;
  return { capability: "ccos.network.http-fetch", resource };
}

const finding = (parts: Partial<DlpFinding>): DlpFinding => ({
  detector: "dlp.github-token",
  kind: "secret",
  confidence: "high",
  part: "body",
  count: 1,
  ...parts,
});
const CARD = finding({ detector: "dlp.card-number", kind: "pii" });
const MAIL = finding({ detector: "dlp.email-address", kind: "pii", confidence: "medium" });
const BEARER = finding({ detector: "dlp.bearer-token", confidence: "medium" });
const CUT = finding({ detector: "dlp.opaque", kind: "opaque" });
const GZIP = finding({ detector: "dlp.opaque", kind: "opaque", confidence: "medium" });
const TOKEN = finding({});

const answer = (verdict: Verdict): string =>
  verdict.kind === "deny" ? `${verdict.code} ${verdict.rule}` : verdict.kind;

describe("decideContent on findings", () => {
  test.each([
    ["strict", TOKEN, "DLP_BLOCKED dlp.github-token"],
    ["strict", CARD, "DLP_BLOCKED dlp.card-number"],
    ["strict", CUT, "DLP_BLOCKED dlp.opaque"],
    ["strict", GZIP, "DLP_BLOCKED dlp.opaque"],
    ["strict", MAIL, "allow"],
    ["strict", BEARER, "allow"],
    ["moderate", TOKEN, "DLP_BLOCKED dlp.github-token"],
    ["moderate", CUT, "DLP_BLOCKED dlp.opaque"],
    ["moderate", CARD, "allow"],
    ["moderate", GZIP, "allow"],
    ["moderate", BEARER, "allow"],
    ["lenient", TOKEN, "allow"],
    ["lenient", CARD, "allow"],
    ["lenient", CUT, "allow"],
  ] as const)("decideContent at %s answers, both ways, %o with %s", (level, found, expected) => {
    for (const direction of ["out", "in"] as const) {
      const content = { direction, request: request(), knownSecrets: [], placeholders: [] };
      expect(answer(decideContent(policy(level), { ...content, findings: [found] }))).toBe(
        expected,
      );
      const off = decideContent(policy(level, false), { ...content, findings: [found] });
      expect(off).toEqual({ kind: "allow", rule: "orchestrator.dlp" });
    }
  });

  test("decideContent looks past findings that do not block", () => {
    const findings = [MAIL, BEARER, CARD, TOKEN];
    const content = {
      direction: "out",
      request: request(),
      knownSecrets: [],
      placeholders: [],
    } as const;
    expect(decideContent(policy("moderate"), { ...content, findings })).toEqual({
      kind: "deny",
      rule: "dlp.github-token",
      code: "DLP_BLOCKED",
      reason: '"body" may not leave: dlp.github-token under DLP moderate',
      fix: 'Remove the data from "body"',
    });
  });
});

describe("decideContent on secrets", () => {
  const secret = (parts: Partial<SecretFinding>): SecretFinding => ({
    name: "TOKEN",
    part: "header authorization",
    form: "plain",
    ...parts,
  });
  const out = (found: SecretFinding, url?: string): readonly string[] =>
    [
      { knownSecrets: [found], placeholders: [] },
      { knownSecrets: [], placeholders: [found] },
    ].map((lists) =>
      answer(
        decideContent(policy("lenient", false), {
          direction: "out",
          request: request(url),
          findings: [],
          ...lists,
        }),
      ),
    );

  test("decideContent lets value and placeholder stand where the binding says", () => {
    expect(out(secret({}))).toEqual(["allow", "allow"]);
  });

  test.each([
    [secret({ part: "body" }), undefined],
    [secret({ part: "path" }), undefined],
    [secret({ part: "host" }), undefined],
    [secret({ part: "authorization" }), undefined],
    [secret({ part: "header x-token" }), undefined],
    [secret({ name: "UNBOUND" }), undefined],
    [secret({ form: "unscannable" }), undefined],
    [secret({}), "https://evil.test/v1/x"],
    [secret({}), "https://api.test:8443/v1/x"],
    [secret({}), "http://api.test:443/v1/x"],
    [secret({}), "https://api.test/v2/x"],
    [secret({}), "https://api.test/v1/%2e%2e%2fv2"],
  ])("decideContent blocks %o at %s although DLP is off", (found, url) => {
    const code = `DLP_BLOCKED secrets.${found.name}`;
    expect(out(found, url)).toEqual([code, code]);
  });

  test("decideContent blocks secrets in what is not http at all", () => {
    const file: AccessRequest = {
      capability: "ccos.io.write-file",
      resource: { kind: "file", operation: "write", path: "/data/x" },
    };
    for (const asked of [file, { capability: "ccos.io.log", resource: null }]) {
      const content = { direction: "out", request: asked, findings: [], placeholders: [] } as const;
      const verdict = decideContent(policy("lenient"), { ...content, knownSecrets: [secret({})] });
      expect(answer(verdict)).toBe("DLP_BLOCKED secrets.TOKEN");
    }
  });

  test("decideContent blocks a value that comes in, and passes the placeholders masking left", () => {
    const content = { direction: "in", request: request(), findings: [] } as const;
    const value = { ...content, knownSecrets: [secret({})], placeholders: [] };
    expect(answer(decideContent(policy("lenient"), value))).toBe("DLP_BLOCKED secrets.TOKEN");
    const masked = { ...content, knownSecrets: [], placeholders: [secret({ part: "body" })] };
    expect(answer(decideContent(policy("strict"), masked))).toBe("allow");
  });
});

describe("bindingAllows", () => {
  test("bindingAllows compares header names without case and IPv6 origins with brackets", () => {
    expect(bindingAllows(BINDING, target("https://api.test/v1/x?q"), "Authorization")).toBe(true);
    const loopback = { ...BINDING, origins: ["http://[::1]:8080"], paths: [] };
    expect(bindingAllows(loopback, target("http://[::1]:8080/any"), "authorization")).toBe(true);
    expect(
      bindingAllows({ ...BINDING, origins: [] }, target("https://api.test/v1/x"), "authorization"),
    ).toBe(false);
    expect(
      bindingAllows({ ...BINDING, headers: [] }, target("https://api.test/v1/x"), "authorization"),
    ).toBe(false);
  });
});

describe("explainVerdict", () => {
  test("explainVerdict is one line without query values", () => {
    const denied: Verdict = {
      kind: "deny",
      rule: null,
      code: "EGRESS_DENIED",
      reason: "no egress rule names host",
      fix: "Add it",
    };
    expect(explainVerdict(denied, request("https://evil.test/x?key=secret"))).toBe(
      "DENIED EGRESS_DENIED ccos.network.http-fetch POST https://evil.test/x?…: " +
        "no egress rule names host. Fix: Add it",
    );
    expect(explainVerdict({ kind: "allow", rule: "r[0]" }, request())).toBe(
      "ALLOWED ccos.network.http-fetch POST https://api.test/v1/x by r[0]",
    );
  });

  test("explainVerdict escapes what could fake a line or colour a terminal", () => {
    const resource = { kind: "file", operation: "read", path: "/a\n\u001b[31m\u202e" } as const;
    const line = explainVerdict({ kind: "allow", rule: "r" }, { capability: "a\nb", resource });
    expect(line).toBe('ALLOWED "a\\u{a}b" read "/a\\u{a}\\u{1b}[31m\\u{202e}" by r');
  });
});
