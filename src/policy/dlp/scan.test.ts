import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ofBytes } from "./byte-text.ts";
import { DETECTORS } from "./detectors.ts";
import { scanContent, scanMeasured } from "./scan.ts";
import { Meter } from "./meter.ts";

// Built from pieces, so that no scanner of this repository takes a test for a leak.
const ALNUM36 = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5";
const GITHUB = `gh${"p_"}${ALNUM36}`;
const SECRETS: readonly (readonly [string, string])[] = [
  ["dlp.private-key", `-----BEGIN ${"PRIVATE"} KEY-----\nMIIE`],
  ["dlp.private-key", `-----BEGIN RSA ${"PRIVATE"} KEY-----`],
  ["dlp.private-key", `-----BEGIN+OPENSSH+${"PRIVATE"}+KEY-----`],
  ["dlp.private-key", `-----BEGIN PGP ${"PRIVATE"} KEY BLOCK-----`],
  ["dlp.aws-access-key-id", `AK${"IA"}Q3EGR5TZ7LMN2PXW`],
  [
    "dlp.aws-secret-access-key",
    `aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzR3kQ9tLmA"`,
  ],
  ["dlp.aws-secret-access-key", `"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzR3kQ9tLmA"`],
  ["dlp.github-token", GITHUB],
  ["dlp.github-token", `x${GITHUB}`],
  ["dlp.github-fine-grained-token", `github_${"pat_"}11ABCDEFG0abcdefghijkl_mnop`],
  ["dlp.gitlab-token", `gl${"pat-"}aB3dE5gH7jK9mN1pQ3sT`],
  ["dlp.slack-token", `xox${"b-"}123456789012-abcDEF456ghi`],
  ["dlp.stripe-key", `sk_${"live_"}aB3dE5gH7jK9mN1pQ3sT5vW7`],
  ["dlp.stripe-test-key", `sk_${"test_"}aB3dE5gH7jK9mN1pQ3sT5vW7`],
  ["dlp.google-api-key", `AI${"za"}SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q`],
  ["dlp.google-oauth-token", `ya${"29."}a0AfH6SMBx7y8z9A0b1C2d3E4`],
  ["dlp.google-client-secret", `GOC${"SPX-"}aB3dE5gH7jK9mN1pQ3sT5vW7yZ9b`],
  ["dlp.anthropic-key", `sk-${"ant-"}api03-aB3dE5gH7jK9mN1pQ3sT5vW7`],
  ["dlp.openai-key", `sk-${"proj-"}aB3dE5gH7jK9mN1pQ3sT5vW7`],
  ["dlp.openai-key", `sk-${"0123456789abcdef"}0f1e2d3c4b5a6978`],
  ["dlp.npm-token", `np${"m_"}${ALNUM36}`],
  ["dlp.pypi-token", `pypi-${"AgE"}IcHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6MDEyMzQ1`],
  ["dlp.hugging-face-token", `hf${"_"}${ALNUM36}`],
  ["dlp.jwt", `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P`],
  ["dlp.bearer-token", `Authorization: Bearer aB3dE5gH7jK9mN1pQ3sT5`],
];
const PII: readonly (readonly [string, string])[] = [
  ["dlp.card-number", "4111111111111111"],
  ["dlp.card-number", "card: 4111 1111 1111 1111, 12/29"],
  ["dlp.card-number", "5500-0000-0000-0004"],
  ["dlp.card-number", "378282246310005"],
  ["dlp.card-number", "order 1234 4111 1111 1111 1111"],
  ["dlp.iban", "DE89370400440532013000"],
  ["dlp.iban", "GB82 WEST 1234 5698 7654 32"],
  ["dlp.email-address", "write to jane.doe+x@mail.example.com."],
  ["dlp.phone-number", "call +49 30 901820 now"],
  ["dlp.phone-number", "+14155552671"],
  ["dlp.phone-number", "(415) 555-2671"],
];

const names = (content: string | Uint8Array): readonly string[] =>
  scanContent([{ name: "body", content }]).map((finding) => finding.detector);

describe("scanContent", () => {
  test.each([...SECRETS, ...PII])("scanContent reports %s in %j", (detector, content) => {
    expect(names(content)).toContain(detector);
    expect(names(`{"note": "before ${content} after"}`)).toContain(detector);
  });

  test("scanContent answers kind, confidence and part, and never the data", () => {
    const parts = [
      { name: "header authorization", content: `token ${GITHUB}` },
      { name: "body", content: "4111111111111111" },
    ];
    expect(scanContent(parts)).toEqual([
      {
        detector: "dlp.github-token",
        kind: "secret",
        confidence: "high",
        part: "header authorization",
        count: 1,
      },
      { detector: "dlp.card-number", kind: "pii", confidence: "high", part: "body", count: 1 },
    ]);
  });

  test.each([
    ["The quick brown fox jumps over the lazy dog."],
    ["123e4567-e89b-12d3-a456-426614174000"],
    ["4111111111111112"],
    ["0000000000000000"],
    ["1732179600000"],
    ["2026-11-21T08:10:00.000Z"],
    ["3.14159265358979323846"],
    ["9780306406157"],
    ["da39a3ee5e6b4b0d3255bfef95601890afd80709"],
    ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["sha512-q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ=="],
    ["AKIAIOSFODNN7EXAMPLE"],
    [`gh${"p_"}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`],
    ["ghp_short"],
    ["github_pat_description"],
    ["risk-assessment-of-the-whole-very-long-department-plan"],
    ["sk-learn and sk-tree are libraries"],
    ["task-0123456789abcdef0123456789abcdef"],
    ["eyJ is how a token starts"],
    ["eyJub3QiOiJhIHRva2VuIn0.eyJ4Ijox.abc"],
    ["-----BEGIN CERTIFICATE-----"],
    ["-----BEGIN PUBLIC KEY-----"],
    ["DE89370400440532013001"],
    ["XX89370400440532013000"],
    ["logo@2x.png and pkg@1.2.3"],
    ["@mention and a @ b"],
    ["1 + 12345678901"],
    ["x+1234567890"],
    ["the bearer of good news is welcome here"],
    ["AIzaTooShort"],
    ["--12345678 PRIVATE KEY-----"],
    ["AKXAQ3EGR5TZ7LMN2PXW"],
    ["npm_config_registry npm_lifecycle_event"],
  ])("scanContent reports nothing in %j", (content) => {
    expect(names(content)).toEqual([]);
  });

  test("scanContent reports no secret with high confidence in plain prose of 200 kB", () => {
    const words = [
      "agent",
      "Report",
      "2026",
      "task-list",
      "a_b",
      "config.rtfs",
      "x=1",
      "https://a.test/p?q=1",
    ];
    const text = Array.from({ length: 40_000 }, (_, i) => words[(i * 7 + (i >> 3)) % words.length]);
    expect(names(text.join(" "))).toEqual([]);
  });
});

type Encode = (text: string) => string;
const hex: Encode = (text) => Buffer.from(text).toString("hex");
const base64: Encode = (text) => Buffer.from(text).toString("base64");
const ENCODINGS: readonly (readonly [string, Encode])[] = [
  ["base64", base64],
  ["base64url", (text) => Buffer.from(text).toString("base64url")],
  ["base64 glued behind one letter", (text) => `x${base64(text)}`],
  ["base64 behind two letters", (text) => `xy${base64(text)}`],
  ["base64 behind three letters", (text) => `xyz${base64(text)}`],
  ["base64 at offset 1", (text) => base64(`a${text}`)],
  ["base64 at offset 2", (text) => base64(`ab${text}`)],
  ["base64 in lines", (text) => base64(text).replace(/(.{10})/g, "$1\r\n")],
  ["hex", hex],
  ["upper-case hex", (text) => hex(text).toUpperCase()],
  ["hex glued behind a digit", (text) => `7${hex(text)}`],
  ["percent", (text) => hex(text).replace(/(..)/g, "%$1")],
  ["half percent", (text) => text.replace(/[a-m]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)],
  ["JSON units", (text) => hex(text).replace(/(..)/g, "\\u00$1")],
  ["JSON in JSON", (text) => JSON.stringify(JSON.stringify(text))],
  ["backslash x", (text) => hex(text).replace(/(..)/g, "\\x$1")],
  ["UTF-16", (text) => Buffer.from(text, "utf16le").toString("latin1")],
  ["base64 twice", (text) => base64(base64(text))],
  ["hex in base64", (text) => base64(hex(text))],
  ["percent in base64 in JSON", (text) => JSON.stringify(base64(encodeURIComponent(`"${text}"`)))],
  ["base64 three times", (text) => base64(base64(base64(text)))],
];

describe("scanContent through encodings", () => {
  test.each(ENCODINGS)("scanContent finds a token in %s", (_, encode) => {
    expect(names(encode(`{"token":"${GITHUB}"}`))).toContain("dlp.github-token");
  });

  test("scanContent finds a token in bytes that are no text", () => {
    const bytes = new Uint8Array([0, 255, 128, ...new TextEncoder().encode(GITHUB), 200, 0]);
    expect(names(bytes)).toContain("dlp.github-token");
  });

  test("scanContent gives the same answer wherever noise is put around the token", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (head, tail) => {
        expect(names(`${head} ${GITHUB} ${tail}`)).toContain("dlp.github-token");
      }),
      { numRuns: 300 },
    );
  });

  test("scanContent calls compressed content that it cannot read opaque", () => {
    const gzip = new Uint8Array([31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 255, 255]);
    expect(scanContent([{ name: "body", content: gzip }])).toEqual([
      { detector: "dlp.opaque", kind: "opaque", confidence: "medium", part: "body", count: 1 },
    ]);
    expect(names(Buffer.from(gzip).toString("base64"))).toEqual(["dlp.opaque"]);
  });

  test("scanContent reads compressed data behind many false beginnings, or says that it did not", () => {
    const zlib = deflateSync(Buffer.from(GITHUB));
    const shallow = Buffer.from("x\x9c".repeat(1000), "latin1");
    expect(names(Buffer.concat([shallow, zlib]))).toContain("dlp.github-token");
    const deep = Buffer.from("x\x9c\x03".repeat(1000), "latin1");
    const cut = { detector: "dlp.opaque", kind: "opaque", confidence: "high" };
    expect(scanContent([{ name: "body", content: Buffer.concat([deep, zlib]) }])).toMatchObject([
      cut,
    ]);
    // The tries are of the whole content, not of each piece of it.
    const run = Buffer.from("x\x9c\x03".repeat(100), "latin1").toString("base64");
    expect(names(Array.from({ length: 20 }, (_, at) => `${run}${at}`).join(" "))).toEqual([
      "dlp.opaque",
    ]);
  });

  test("scanContent calls the part after the 1024th opaque instead of clean", () => {
    const parts = Array.from({ length: 1025 }, (_, i) => ({ name: `p${i}`, content: "x" }));
    expect(scanContent(parts)).toEqual([
      { detector: "dlp.opaque", kind: "opaque", confidence: "high", part: "p1024", count: 1 },
    ]);
  });
});

describe("the work of scanContent", () => {
  const work = (content: string): number => {
    const meter = new Meter();
    scanMeasured([{ name: "body", content }], DETECTORS, meter);
    return meter.work;
  };
  const noise = (size: number): string => {
    let state = 1;
    return ofBytes(
      Uint8Array.from({ length: size }, () => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return state >>> 24;
      }),
    ).text;
  };
  const repeat = (text: string) => (size: number) =>
    text.repeat(Math.ceil(size / text.length)).slice(0, size);
  const HOSTILE: readonly (readonly [string, (size: number) => string])[] = [
    ["one letter", repeat("a")],
    ["JWT starts", repeat("eyJ")],
    ["JWT starts and dots", repeat("eyJhbGciOiJI.")],
    ["token prefixes", repeat("ghp_")],
    ["hyphenated prefixes", repeat("sk-ant-")],
    ["glpat prefixes", repeat("glpat-")],
    ["PEM starts", repeat("-----BEGIN ")],
    ["digits", repeat("4111")],
    ["digit groups", repeat("4 1 ")],
    ["grouped cards", repeat("4111-")],
    ["IBAN starts", repeat("DE89 ")],
    ["mail addresses", repeat("a@a.")],
    ["at signs", repeat("@")],
    ["long local parts", repeat(`${"a".repeat(63)}@`)],
    ["phone starts", repeat("+1")],
    ["percent signs", repeat("%25")],
    ["backslashes", repeat("\\\\u005c")],
    ["AWS keywords", repeat("secret_access_key ")],
    ["base64 of base64", (size) => base64(base64(base64("x".repeat(size)))).slice(0, size)],
    ["hex of hex", (size) => hex(hex("a".repeat(size))).slice(0, size)],
    ["all encodings mixed", repeat("%41\\u0041QUFB4141 ")],
    ["noise", noise],
  ];

  test.each(HOSTILE)("doubling %s no more than doubles the work, up to a tenth", (_, make) => {
    const small = work(make(1 << 14));
    const large = work(make(1 << 15));
    expect(large / small).toBeLessThan(2.2);
    expect(large / (1 << 15)).toBeLessThan(800);
  });

  test("scanContent stops at its budget and says so, when encodings multiply", () => {
    // Percent, JSON, UTF-16 and base64 at every layer: each view has many views of its own.
    const layer = (depth: number): string =>
      depth === 0 ? "%41\\u0042" : `%41\\u0042\0${base64(layer(depth - 1).repeat(3))}!`;
    expect(scanContent([{ name: "body", content: repeat(layer(3))(3 << 20) }])).toEqual([
      { detector: "dlp.opaque", kind: "opaque", confidence: "high", part: "body", count: 1 },
    ]);
  });

  test("scanContent calls content over 64 MiB opaque without looking", () => {
    const huge = { name: "body", content: "x".repeat((64 << 20) + 1) };
    expect(scanContent([huge])).toEqual([
      { detector: "dlp.opaque", kind: "opaque", confidence: "high", part: "body", count: 1 },
    ]);
  });
});
