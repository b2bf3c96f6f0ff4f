/**
 * Detectors of personal data: cards and IBANs by checksum, mail addresses and phone numbers by form.
 * National identity numbers are in identity-detectors.ts.
 *
 * @module
 */
import {
  ALNUM,
  type Detector,
  DIGIT,
  isAt,
  pairsOf,
  runEnd,
  runStart,
  type Span,
  unitClass,
} from "./detector.ts";
import type { Meter } from "./meter.ts";

const DIGITS = "0123456789";
const UPPER_ALNUM = unitClass("A-Z0-9");
const CARD_DIGITS_MIN = 13;
const CARD_DIGITS_MAX = 19;
/** Blanks, and plus signs, which are blanks in form encoding. */
const CARD_GLUE = unitClass(" +-");

const card: Detector = {
  name: "dlp.card-number",
  kind: "pii",
  confidence: "high",
  // The first two digits of every issuer below; a number may be grouped after its first digit.
  prefixes: [
    ...pairsOf("4", `${DIGITS} +-`),
    ...pairsOf("5", "12345"),
    ...pairsOf("2", "234567"),
    ...pairsOf("3", "045678"),
    ...pairsOf("6", "0245"),
  ],
  match(text, at, meter) {
    if (isAt(text, at - 1, ALNUM) || text[at - 1] === ".") return null;
    let digits = "";
    for (let next = at; digits.length <= CARD_DIGITS_MAX; next += 1) {
      const end = runEnd(text, next, { units: DIGIT, max: CARD_DIGITS_MAX + 1 }, meter);
      if (end === next) return null;
      digits += text.slice(next, end);
      if (!isAt(text, end, ALNUM) && isCard(digits)) return { from: at, to: end };
      if (!isAt(text, end, CARD_GLUE)) return null;
      next = end;
    }
    return null;
  },
};

/** Ranges of issuers, as prefix and lengths: the checksum alone passes one number in ten. */
const ISSUERS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65|62|352[89]|35[3-8])/, [16, 17, 18, 19]],
  [/^3(?:0[0-5]|6|8)/, [14]],
];

function isCard(digits: string): boolean {
  if (digits.length < CARD_DIGITS_MIN || digits.length > CARD_DIGITS_MAX) return false;
  const issued = ISSUERS.some(
    ([prefix, sizes]) => sizes.includes(digits.length) && prefix.test(digits),
  );
  return issued && new Set(digits).size > 1 && passesLuhn(digits);
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const weighted = index % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

/** Length of an IBAN by country (ISO 13616 registry). */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 " +
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 " +
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 " +
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 " +
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const iban: Detector = {
  name: "dlp.iban",
  kind: "pii",
  confidence: "high",
  prefixes: [...IBAN_LENGTHS.keys()],
  match(text, at, meter) {
    if (isAt(text, at - 1, ALNUM)) return null;
    if (!isAt(text, at + 2, DIGIT) || !isAt(text, at + 3, DIGIT)) return null;
    const length = IBAN_LENGTHS.get(text.slice(at, at + 2));
    if (length === undefined) return null;
    const read = readGrouped(text, at, length, meter);
    if (read === null || isAt(text, read.to, ALNUM)) return null;
    return ibanRemainder(read.value) === 1 ? { from: at, to: read.to } : null;
  },
};

/** Read `length` capitals and digits, single blanks and hyphens between them left out. */
function readGrouped(
  text: string,
  from: number,
  length: number,
  meter: Meter,
): { readonly value: string; readonly to: number } | null {
  let value = "";
  let at = from;
  while (value.length < length) {
    if (isAt(text, at, UPPER_ALNUM)) value += text[at];
    else if (value === "" || (text[at] !== " " && text[at] !== "-")) return null;
    else if (!isAt(text, at + 1, UPPER_ALNUM)) return null;
    at += 1;
  }
  meter.add(at - from);
  return { value, to: at };
}

function ibanRemainder(value: string): number {
  let remainder = 0;
  for (const unit of value.slice(4) + value.slice(0, 4)) {
    const number = Number.parseInt(unit, 36);
    remainder = (remainder * (number > 9 ? 100 : 10) + number) % 97;
  }
  return remainder;
}

const LOCAL_PART = unitClass("A-Za-z0-9._%+-");
const DOMAIN = unitClass("A-Za-z0-9.-");
const DOMAIN_FORM = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}$/i;
/** `logo@2x.png`: a file name, not an address. */
const FILE_ENDING = /\.(?:png|jpe?g|gif|svg|webp|css|m?js|ts|json|md)$/i;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

const email: Detector = {
  name: "dlp.email-address",
  kind: "pii",
  confidence: "medium",
  prefixes: pairsOf("@", `${LETTERS}${LETTERS.toUpperCase()}${DIGITS}`),
  match(text, at, meter) {
    const from = runStart(text, at, { units: LOCAL_PART, max: 64 }, meter);
    if (from === at) return null;
    const end = runEnd(text, at + 1, { units: DOMAIN, max: 253 }, meter);
    const domain = text.slice(at + 1, end).replace(/\.$/, "");
    if (!DOMAIN_FORM.test(domain) || FILE_ENDING.test(domain)) return null;
    return { from, to: at + 1 + domain.length };
  },
};

const PHONE = unitClass("0-9 .()-");

const phone: Detector = {
  name: "dlp.phone-number",
  kind: "pii",
  confidence: "medium",
  prefixes: pairsOf("+", "123456789"),
  match(text, at, meter) {
    if (isAt(text, at - 1, ALNUM)) return null;
    const end = runEnd(text, at + 1, { units: PHONE, max: 24 }, meter);
    const written = text.slice(at + 1, end).replace(/[ .()-]{1,24}$/, "");
    const to = at + 1 + written.length;
    if (isAt(text, to, ALNUM)) return null;
    const digits = written.replace(/\D/g, "").length;
    return digits >= 8 && digits <= 15 && !/[ .()-]{3}/.test(written) ? { from: at, to } : null;
  },
};

const nationalPhone: Detector = {
  name: "dlp.phone-number",
  kind: "pii",
  confidence: "low",
  prefixes: pairsOf("(", DIGITS),
  match(text, at, meter): Span | null {
    meter.add(15);
    const found = /^\(\d{3}\) ?\d{3}-\d{4}(?!\d)/.exec(text.slice(at, at + 15));
    return found === null ? null : { from: at, to: at + found[0].length };
  },
};

export const PII_DETECTORS: readonly Detector[] = [card, iban, email, phone, nationalPhone];
