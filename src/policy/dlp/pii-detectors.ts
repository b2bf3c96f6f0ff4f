/**
 * Detectors of personal data: cards and IBANs by checksum, mail addresses and phone numbers by form.
 *
 * @module
 */
import { ALNUM, type Detector, DIGIT, isAt, runEnd, unitClass } from "./detector.ts";
import type { Meter } from "./views.ts";

const DIGITS = "0123456789".split("");
const UPPER = unitClass("A-Z");
const UPPER_ALNUM = unitClass("A-Z0-9");
const CARD_DIGITS_MIN = 13;
const CARD_DIGITS_MAX = 19;

const card: Detector = {
  name: "dlp.card-number",
  kind: "pii",
  confidence: "high",
  prefixes: DIGITS,
  matches(text, at, meter) {
    if (isAt(text, at - 1, ALNUM) || text[at - 1] === ".") return false;
    let digits = "";
    for (let next = at; digits.length <= CARD_DIGITS_MAX; next += 1) {
      const end = runEnd(text, next, { units: DIGIT, max: CARD_DIGITS_MAX + 1 }, meter);
      if (end === next) return false;
      digits += text.slice(next, end);
      if (!isAt(text, end, ALNUM) && isCard(digits)) return true;
      if (text[end] !== " " && text[end] !== "-") return false;
      next = end;
    }
    return false;
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
  matches(text, at, meter) {
    if (isAt(text, at - 1, ALNUM) || !isAt(text, at + 1, UPPER)) return false;
    if (!isAt(text, at + 2, DIGIT) || !isAt(text, at + 3, DIGIT)) return false;
    const length = IBAN_LENGTHS.get(text.slice(at, at + 2));
    if (length === undefined) return false;
    const read = readGrouped(text, at, length, meter);
    return read !== null && !isAt(text, read.end, ALNUM) && ibanRemainder(read.value) === 1;
  },
};

/** Read `length` letters and digits; single blanks or hyphens between them are skipped. */
function readGrouped(
  text: string,
  from: number,
  length: number,
  meter: Meter,
): { readonly value: string; readonly end: number } | null {
  let value = "";
  let at = from;
  while (value.length < length) {
    if (isAt(text, at, UPPER_ALNUM)) value += text[at];
    else if (value === "" || (text[at] !== " " && text[at] !== "-")) return null;
    else if (!isAt(text, at + 1, UPPER_ALNUM)) return null;
    at += 1;
  }
  meter.add(at - from);
  return { value, end: at };
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

const email: Detector = {
  name: "dlp.email-address",
  kind: "pii",
  confidence: "medium",
  prefixes: ["@"],
  matches(text, at, meter) {
    let start = at;
    while (start > 0 && at - start < 64 && isAt(text, start - 1, LOCAL_PART)) start -= 1;
    meter.add(at - start);
    if (start === at) return false;
    const end = runEnd(text, at + 1, { units: DOMAIN, max: 253 }, meter);
    const domain = text.slice(at + 1, end).replace(/\.$/, "");
    return DOMAIN_FORM.test(domain) && !FILE_ENDING.test(domain);
  },
};

const PHONE = unitClass("0-9 .()-");

const phone: Detector = {
  name: "dlp.phone-number",
  kind: "pii",
  confidence: "medium",
  prefixes: ["+"],
  matches(text, at, meter) {
    if (isAt(text, at - 1, ALNUM) || !isAt(text, at + 1, DIGIT) || text[at + 1] === "0")
      return false;
    const end = runEnd(text, at + 1, { units: PHONE, max: 24 }, meter);
    const written = text.slice(at + 1, end).replace(/[ .()-]{1,24}$/, "");
    if (isAt(text, at + 1 + written.length, ALNUM)) return false;
    const digits = written.replace(/\D/g, "").length;
    return digits >= 8 && digits <= 15 && !/[ .()-]{3}/.test(written);
  },
};

const nationalPhone: Detector = {
  name: "dlp.phone-number",
  kind: "pii",
  confidence: "low",
  prefixes: ["("],
  matches(text, at, meter) {
    meter.add(15);
    return /^\(\d{3}\) ?\d{3}-\d{4}(?!\d)/.test(text.slice(at, at + 15));
  },
};

export const PII_DETECTORS: readonly Detector[] = [card, iban, email, phone, nationalPhone];
