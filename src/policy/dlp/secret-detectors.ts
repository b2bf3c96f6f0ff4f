/**
 * Detectors of credentials: those of the table of token formats, and those whose form is more than a
 * prefix and a run of units.
 *
 * @module
 */
import {
  ALNUM,
  type Detector,
  isAt,
  isVaried,
  runEnd,
  runStart,
  type Span,
  TOKEN,
  unitClass,
  VARIED_MAX,
} from "./detector.ts";
import { TOKEN_FORMATS, type TokenFormat } from "./token-formats.ts";

const RUN_MAX = 256;

function token(name: string, format: TokenFormat): Detector {
  const { prefixes, units, min, mark = "" } = format;
  return {
    name: `dlp.${name}`,
    kind: "secret",
    confidence: format.confidence ?? "high",
    prefixes,
    match(text, at, meter) {
      if (format.bounded === true && isAt(text, at - 1, ALNUM)) return null;
      const prefix = prefixes.find((candidate) => text.startsWith(candidate, at));
      if (prefix === undefined) return null;
      const from = at + prefix.length;
      const to = runEnd(text, from, { units, max: VARIED_MAX }, meter);
      const length = to - from;
      if (length < min || length > (format.max ?? VARIED_MAX) || !isVaried(text, from, to))
        return null;
      if (!text.slice(from, to).includes(mark)) return null;
      return { from: at, to: runEnd(text, to, { units, max: RUN_MAX }, meter) };
    },
  };
}

const BASE32 = unitClass("A-Z2-7");
const BEARER = unitClass("A-Za-z0-9._~+/=-");
const AWS_SECRET = unitClass("A-Za-z0-9/+");
const SEPARATOR = unitClass(" \t\r\n\"':=>,");
const PEM_LABEL = unitClass("A-Z0-9 +");

const privateKey: Detector = {
  name: "dlp.private-key",
  kind: "secret",
  confidence: "high",
  prefixes: ["-----BEGIN"],
  match(text, at, meter) {
    const from = at + "-----BEGIN".length;
    const to = runEnd(text, from, { units: PEM_LABEL, max: 40 }, meter);
    // Form encoding writes blanks as plus signs.
    const label = text.slice(from, to).replaceAll("+", " ");
    if (!label.includes("PRIVATE KEY") || !text.startsWith("-----", to)) return null;
    return { from: at, to: pemEnd(text, to, label) };
  },
};

/** Where the armour ends; a key whose end is not there goes on to the end. */
function pemEnd(text: string, from: number, label: string): number {
  const footer = `-----END${label}-----`;
  const end = text
    .slice(from, from + 16_384)
    .replaceAll("+", " ")
    .indexOf(footer);
  return end === -1 ? text.length : from + end + footer.length;
}

const awsAccessKeyId: Detector = {
  name: "dlp.aws-access-key-id",
  kind: "secret",
  confidence: "high",
  prefixes: ["AKIA", "ASIA", "ABIA", "ACCA"],
  match(text, at, meter) {
    if (isAt(text, at - 1, ALNUM)) return null;
    const to = runEnd(text, at + 4, { units: BASE32, max: 17 }, meter);
    if (to - at !== 20 || isAt(text, to, ALNUM) || text.startsWith("EXAMPLE", to - 7)) return null;
    return isVaried(text, at + 4, to) ? { from: at, to } : null;
  },
};

const awsSecretKey: Detector = {
  name: "dlp.aws-secret-access-key",
  kind: "secret",
  confidence: "high",
  prefixes: awsKeywords(),
  match(text, at, meter) {
    const keyword = runEnd(text, at, { units: TOKEN, max: 24 }, meter);
    const from = runEnd(text, keyword, { units: SEPARATOR, max: 16 }, meter);
    const to = runEnd(text, from, { units: AWS_SECRET, max: 41 }, meter);
    if (from === keyword || to - from !== 40 || text.startsWith("EXAMPLEKEY", to - 10)) return null;
    return isVaried(text, from, to) ? { from, to } : null;
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

/** Azure's keys are 64 bytes of base64; only what stands before them tells what they are. */
const azureAccountKey: Detector = {
  name: "dlp.azure-account-key",
  kind: "secret",
  confidence: "high",
  prefixes: ["AccountKey=", "SharedAccessKey="],
  match(text, at, meter) {
    const from = text.indexOf("=", at) + 1;
    const to = runEnd(text, from, { units: AWS_SECRET, max: 90 }, meter);
    return to - from >= 42 && isVaried(text, from, to) ? { from, to } : null;
  },
};

const jwt: Detector = {
  name: "dlp.jwt",
  kind: "secret",
  confidence: "high",
  prefixes: ["eyJ"],
  match(text, at, meter) {
    // A start inside a longer run is not a start; this also keeps long runs linear.
    if (isAt(text, at - 1, TOKEN)) return null;
    const headerEnd = runEnd(text, at, { units: TOKEN, max: 4096 }, meter);
    if (headerEnd - at < 12 || text[headerEnd] !== ".") return null;
    const claimsEnd = runEnd(text, headerEnd + 1, { units: TOKEN, max: 1 << 16 }, meter);
    if (claimsEnd - headerEnd < 4 || text[claimsEnd] !== ".") return null;
    if (!namesAlgorithm(text.slice(at, headerEnd))) return null;
    return { from: at, to: runEnd(text, claimsEnd + 1, { units: TOKEN, max: 4096 }, meter) };
  },
};

function namesAlgorithm(header: string): boolean {
  return /"(?:alg|enc|typ)"/.test(Buffer.from(header, "base64url").toString("latin1"));
}

const bearer: Detector = {
  name: "dlp.bearer-token",
  kind: "secret",
  confidence: "medium",
  prefixes: ["Bearer ", "bearer ", "BEARER "],
  match(text, at, meter) {
    const from = at + "bearer ".length;
    const to = runEnd(text, from, { units: BEARER, max: RUN_MAX }, meter);
    return isRandomToken(text, from, to, 20) ? { from, to } : null;
  },
};

function isRandomToken(text: string, from: number, to: number, min: number): boolean {
  return to - from >= min && /[0-9]/.test(text.slice(from, to)) && isVaried(text, from, to);
}

const OPENAI_FAMILIES = ["sk-proj-", "sk-svcacct-", "sk-admin-"];

const openai: Detector = {
  name: "dlp.openai-key",
  kind: "secret",
  confidence: "high",
  prefixes: ["sk-"],
  match(text, at, meter): Span | null {
    if (isAt(text, at - 1, ALNUM) || text.startsWith("sk-ant-", at)) return null;
    const family = OPENAI_FAMILIES.find((prefix) => text.startsWith(prefix, at));
    // Without a family, `sk-` and 32 letters and digits: an ordinary word there has hyphens or blanks.
    const units = family === undefined ? ALNUM : TOKEN;
    const from = at + (family ?? "sk-").length;
    const to = runEnd(text, from, { units, max: RUN_MAX }, meter);
    const isKey = isRandomToken(text, from, to, family === undefined ? 32 : 20);
    return isKey ? { from: at, to } : null;
  },
};

const USER_INFO = unitClass("A-Za-z0-9._~%!$&'()*+,;=-");
const SCHEME = unitClass("a-z0-9+.-");

/** `postgres://user:password@host`: connection strings and addresses that hold a password. */
const urlCredentials: Detector = {
  name: "dlp.url-credentials",
  kind: "secret",
  confidence: "medium",
  prefixes: ["://"],
  match(text, at, meter) {
    const user = runEnd(text, at + 3, { units: USER_INFO, max: 128 }, meter);
    if (text[user] !== ":") return null;
    const to = runEnd(text, user + 1, { units: USER_INFO, max: RUN_MAX }, meter);
    if (to - user < 4 || text[to] !== "@") return null;
    return { from: runStart(text, at, { units: SCHEME, max: 24 }, meter), to };
  },
};

export const SECRET_DETECTORS: readonly Detector[] = [
  privateKey,
  awsAccessKeyId,
  awsSecretKey,
  azureAccountKey,
  ...TOKEN_FORMATS.map(([name, format]) => token(name, format)),
  openai,
  jwt,
  bearer,
  urlCredentials,
];
