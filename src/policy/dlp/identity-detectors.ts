/**
 * Detectors of national identity numbers, by form and, where there is one, by check digit. Without
 * one a number is `medium`: eight or nine digits are often something else.
 *
 * @module
 */
import { ALNUM, type Detector, isAt, pairsOf } from "./detector.ts";

const DIGITS = "0123456789";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

interface IdentityShape {
  readonly confidence: "high" | "medium";
  /** What stands in every match, `before` units after its start. */
  readonly prefixes: readonly string[];
  readonly before: number;
  readonly length: number;
  readonly form: RegExp;
  readonly isValid: (text: string) => boolean;
}

function identity(name: string, shape: IdentityShape): Detector {
  const { confidence, prefixes, before, length, form, isValid } = shape;
  return {
    name,
    kind: "pii",
    confidence,
    prefixes,
    match(text, at, meter) {
      const from = at - before;
      const to = from + length;
      if (from < 0 || isAt(text, from - 1, ALNUM) || isAt(text, to, ALNUM)) return null;
      meter.add(length);
      const written = text.slice(from, to);
      return form.test(written) && isValid(written) ? { from, to } : null;
    },
  };
}

/** `000`, `666` and `900` to `999` are no areas; no group is all zeros; one number is an advertiser's. */
function isIssuedSsn(text: string): boolean {
  if (/^(?:000|666|9)/.test(text) || text.includes("-00-") || text.endsWith("-0000")) return false;
  return text !== "078-05-1120";
}

/** Prefixes that were never given out. */
function isIssuedNino(text: string): boolean {
  return !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(text);
}

const DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE";

function passesDni(text: string): boolean {
  return DNI_LETTERS[Number(text.slice(0, 8)) % 23] === text[8];
}

/** The value of each letter and digit that stands at an odd place (the first is 1). */
const FISCAL_ODD: readonly number[] = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

function passesFiscalCode(text: string): boolean {
  let sum = 0;
  for (let at = 0; at < 15; at += 1) {
    const unit = text.charCodeAt(at);
    const value = unit < 58 ? unit - 48 : unit - 65;
    sum += at % 2 === 1 ? value : FISCAL_ODD[value]!;
  }
  return text.charCodeAt(15) - 65 === sum % 26;
}

function passesCpf(text: string): boolean {
  const digits = text.replace(/\D/g, "").split("").map(Number);
  if (new Set(digits).size === 1) return false;
  return [9, 10].every((count) => {
    const sum = digits
      .slice(0, count)
      .reduce((total, digit, at) => total + digit * (count + 1 - at), 0);
    return ((sum * 10) % 11) % 10 === digits[count];
  });
}

/** Sex, year, month, department and commune, order, and a key: 97 less the rest by 97. */
function passesNir(text: string): boolean {
  const digits = text.replaceAll(" ", "");
  return 97 - Number(BigInt(digits.slice(0, 13)) % 97n) === Number(digits.slice(13));
}

export const IDENTITY_DETECTORS: readonly Detector[] = [
  identity("dlp.us-social-security-number", {
    confidence: "medium",
    prefixes: pairsOf("-", DIGITS),
    before: 3,
    length: 11,
    form: /^\d{3}-\d{2}-\d{4}$/,
    isValid: isIssuedSsn,
  }),
  identity("dlp.uk-national-insurance-number", {
    confidence: "medium",
    prefixes: pairsOf("ABCEGHJKLMNPRSTWXYZ", DIGITS),
    before: 1,
    length: 9,
    form: /^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/,
    isValid: isIssuedNino,
  }),
  identity("dlp.es-identity-number", {
    confidence: "medium",
    prefixes: pairsOf(DIGITS, DNI_LETTERS),
    before: 7,
    length: 9,
    form: /^\d{8}[A-Z]$/,
    isValid: passesDni,
  }),
  identity("dlp.it-fiscal-code", {
    confidence: "high",
    prefixes: pairsOf(UPPER, DIGITS),
    before: 5,
    length: 16,
    form: /^[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]$/,
    isValid: passesFiscalCode,
  }),
  identity("dlp.br-taxpayer-number", {
    confidence: "high",
    prefixes: pairsOf("-", DIGITS),
    before: 11,
    length: 14,
    form: /^\d{3}\.\d{3}\.\d{3}-\d{2}$/,
    isValid: passesCpf,
  }),
  identity("dlp.fr-social-security-number", {
    confidence: "high",
    prefixes: pairsOf("12", " "),
    before: 0,
    length: 21,
    form: /^[12] \d{2} (?:0[1-9]|1[0-2]) \d{2} \d{3} \d{3} \d{2}$/,
    isValid: passesNir,
  }),
];
