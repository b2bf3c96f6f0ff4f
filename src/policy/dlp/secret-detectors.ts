/**
 * Detectors of credentials that identify themselves by a prefix.
 *
 * @module
 */
import {
  ALNUM,
  type Detector,
  isAt,
  isVaried,
  runEnd,
  TOKEN,
  type UnitClass,
  unitClass,
  VARIED_MAX,
} from "./detector.ts";
import type { Meter } from "./views.ts";

interface TokenShape {
  readonly prefixes: readonly string[];
  readonly units: UnitClass;
  /** Units after the prefix; at most {@link VARIED_MAX}, as more are not read. */
  readonly min: number;
  /** No match when the run of units is longer than this. Absent: any length from `min` on. */
  readonly max?: number;
  readonly confidence?: "medium";
  /** Whether a letter or digit right before the prefix excludes a match. */
  readonly bounded?: boolean;
}

const RUN_MAX = 256;

function token(name: string, shape: TokenShape): Detector {
  const { prefixes, units, min } = shape;
  return {
    name,
    kind: "secret",
    confidence: shape.confidence ?? "high",
    prefixes,
    matches(text, at, meter) {
      if (shape.bounded === true && isAt(text, at - 1, ALNUM)) return false;
      const prefix = prefixes.find((candidate) => text.startsWith(candidate, at));
      if (prefix === undefined) return false;
      const from = at + prefix.length;
      const to = runEnd(text, from, { units, max: VARIED_MAX }, meter);
      const length = to - from;
      return length >= min && length <= (shape.max ?? VARIED_MAX) && isVaried(text, from, to);
    },
  };
}

const BASE32 = unitClass("A-Z2-7");
const BEARER = unitClass("A-Za-z0-9._~+/=-");
const AWS_SECRET = unitClass("A-Za-z0-9/+");
const SEPARATOR = unitClass(" \t\r\n\"':=>,");
const PEM_LABEL = unitClass("A-Z0-9 +");
const BASE64URL = TOKEN;

const privateKey: Detector = {
  name: "dlp.private-key",
  kind: "secret",
  confidence: "high",
  prefixes: ["-----BEGIN"],
  matches(text, at, meter) {
    const from = at + "-----BEGIN".length;
    const to = runEnd(text, from, { units: PEM_LABEL, max: 40 }, meter);
    // Form encoding writes blanks as plus signs.
    const label = text.slice(from, to).replaceAll("+", " ");
    return label.includes("PRIVATE KEY") && text.startsWith("-----", to);
  },
};

const awsAccessKeyId: Detector = {
  name: "dlp.aws-access-key-id",
  kind: "secret",
  confidence: "high",
  prefixes: ["AKIA", "ASIA", "ABIA", "ACCA"],
  matches(text, at, meter) {
    if (isAt(text, at - 1, ALNUM)) return false;
    const end = runEnd(text, at + 4, { units: BASE32, max: 17 }, meter);
    if (end - at !== 20 || isAt(text, end, ALNUM)) return false;
    return !text.startsWith("EXAMPLE", end - 7) && isVaried(text, at + 4, end);
  },
};

const awsSecretKey: Detector = {
  name: "dlp.aws-secret-access-key",
  kind: "secret",
  confidence: "high",
  prefixes: awsKeywords(),
  matches(text, at, meter) {
    const keyword = runEnd(text, at, { units: TOKEN, max: 24 }, meter);
    const from = runEnd(text, keyword, { units: SEPARATOR, max: 16 }, meter);
    const to = runEnd(text, from, { units: AWS_SECRET, max: 41 }, meter);
    if (from === keyword || to - from !== 40) return false;
    return !text.startsWith("EXAMPLEKEY", to - 10) && isVaried(text, from, to);
  },
};

function awsKeywords(): readonly string[] {
  const words = [
    ["secret", "access", "key"],
    ["Secret", "Access", "Key"],
    ["SECRET", "ACCESS", "KEY"],
  ];
  const camel = "secretAccessKey";
  return [...words.flatMap((parts) => ["", "_", "-"].map((glue) => parts.join(glue))), camel];
}

const jwt: Detector = {
  name: "dlp.jwt",
  kind: "secret",
  confidence: "high",
  prefixes: ["eyJ"],
  matches(text, at, meter) {
    // A start inside a longer run is not a start; this also keeps long runs linear.
    if (isAt(text, at - 1, BASE64URL)) return false;
    const headerEnd = runEnd(text, at, { units: BASE64URL, max: 4096 }, meter);
    if (headerEnd - at < 12 || text[headerEnd] !== ".") return false;
    const claimsEnd = runEnd(text, headerEnd + 1, { units: BASE64URL, max: 1 << 16 }, meter);
    if (claimsEnd - headerEnd < 4 || text[claimsEnd] !== ".") return false;
    return namesAlgorithm(text.slice(at, headerEnd));
  },
};

function namesAlgorithm(header: string): boolean {
  const base64 = header.replaceAll("-", "+").replaceAll("_", "/");
  // A length of 4n+1 is no base64; cutting to whole groups keeps atob from throwing.
  const whole = base64.slice(0, base64.length - (base64.length % 4));
  return /"(?:alg|enc|typ)"/.test(atob(whole));
}

const bearer: Detector = {
  name: "dlp.bearer-token",
  kind: "secret",
  confidence: "medium",
  prefixes: ["Bearer ", "bearer ", "BEARER "],
  matches(text, at, meter) {
    const from = at + "bearer ".length;
    const to = runEnd(text, from, { units: BEARER, max: RUN_MAX }, meter);
    return to - from >= 20 && /[0-9]/.test(text.slice(from, to)) && isVaried(text, from, to);
  },
};

/** `sk-` and at least 32 letters and digits: an ordinary word after `sk-` has hyphens or blanks. */
function isPlainKey(text: string, at: number, meter: Meter): boolean {
  const from = at + 3;
  const to = runEnd(text, from, { units: ALNUM, max: RUN_MAX }, meter);
  return to - from >= 32 && /[0-9]/.test(text.slice(from, to)) && isVaried(text, from, to);
}

const openai: Detector = {
  name: "dlp.openai-key",
  kind: "secret",
  confidence: "high",
  prefixes: ["sk-"],
  matches(text, at, meter) {
    if (isAt(text, at - 1, ALNUM) || text.startsWith("sk-ant-", at)) return false;
    const family = ["sk-proj-", "sk-svcacct-", "sk-admin-"].find((p) => text.startsWith(p, at));
    if (family === undefined) return isPlainKey(text, at, meter);
    const from = at + family.length;
    const to = runEnd(text, from, { units: TOKEN, max: RUN_MAX }, meter);
    return to - from >= 20 && isVaried(text, from, to);
  },
};

export const SECRET_DETECTORS: readonly Detector[] = [
  privateKey,
  awsAccessKeyId,
  awsSecretKey,
  token("dlp.github-token", {
    prefixes: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
    units: ALNUM,
    min: 36,
  }),
  token("dlp.github-fine-grained-token", {
    prefixes: ["github_pat_"],
    units: unitClass("A-Za-z0-9_"),
    min: 22,
  }),
  token("dlp.gitlab-token", {
    prefixes: ["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-"],
    units: TOKEN,
    min: 20,
  }),
  token("dlp.slack-token", {
    prefixes: ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxc-", "xoxd-", "xapp-"],
    units: unitClass("A-Za-z0-9-"),
    min: 16,
  }),
  token("dlp.stripe-key", {
    prefixes: ["sk_live_", "rk_live_", "whsec_"],
    units: ALNUM,
    min: 16,
  }),
  token("dlp.stripe-test-key", {
    prefixes: ["sk_test_", "rk_test_"],
    units: ALNUM,
    min: 16,
    confidence: "medium",
  }),
  token("dlp.google-api-key", {
    prefixes: ["AIza"],
    units: TOKEN,
    min: 35,
    max: 35,
    bounded: true,
  }),
  token("dlp.google-oauth-token", { prefixes: ["ya29."], units: TOKEN, min: 20, bounded: true }),
  token("dlp.google-client-secret", { prefixes: ["GOCSPX-"], units: TOKEN, min: 20 }),
  token("dlp.anthropic-key", { prefixes: ["sk-ant-"], units: TOKEN, min: 20 }),
  openai,
  token("dlp.npm-token", { prefixes: ["npm_"], units: ALNUM, min: 36, bounded: true }),
  token("dlp.pypi-token", { prefixes: ["pypi-AgE"], units: TOKEN, min: 50 }),
  token("dlp.hugging-face-token", { prefixes: ["hf_"], units: ALNUM, min: 34, bounded: true }),
  jwt,
  bearer,
];
