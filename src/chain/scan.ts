/**
 * The fast look at a body: is it canonical JSON of the known layout, and what do its header fields
 * say?
 *
 * Read in this order: scanBody, endOfValue. It builds no objects and knows a subset only: printable
 * ASCII without escapes, integers of at most 15 digits, strictly ascending keys. Everything else is
 * `null`, which means "ask the full parser" and never "wrong". scan.test.ts holds it to the full
 * parser on every text.
 *
 * @module
 */
import { CANONICAL_DEPTH_MAX } from "../foundation/canonical-json.ts";

const HASH_LENGTH = 64;
const CHAIN_LENGTH_MAX = 128;
const LAST = '","v":1}';

/**
 * Fields of a body that link it. `prev` has a hash's length and `type` any content: both are only
 * compared, with what a sound record has there.
 */
export interface ScannedHeader {
  readonly chain: string;
  readonly seq: number;
  readonly prev: string;
  readonly type: string;
}

/**
 * @param text - Has the body between `start` and `end`: ASCII without backslash and control
 *   characters (LineChecker sees to it).
 * @returns Null when only the full parser can tell.
 */
export function scanBody(text: string, start: number, end: number): ScannedHeader | null {
  if (!text.startsWith('{"chain":"', start)) return null;
  const chainEnd = text.indexOf('"', start + 10);
  if (!text.startsWith('","data":{', chainEnd)) return null;
  const dataEnd = endOfValue(text, chainEnd + 9, 1);
  if (dataEnd === -1 || !text.startsWith(',"facts":{', dataEnd)) return null;
  const factsEnd = endOfValue(text, dataEnd + 9, 1);
  if (factsEnd === -1 || !text.startsWith(',"prev":"', factsEnd)) return null;
  const prevEnd = factsEnd + 9 + HASH_LENGTH;
  if (!text.startsWith('","seq":', prevEnd)) return null;
  const seqEnd = endOfInteger(text, prevEnd + 8);
  if (seqEnd === -1 || !text.startsWith(',"ts":', seqEnd)) return null;
  const tsEnd = endOfInteger(text, seqEnd + 6);
  if (tsEnd === -1 || !text.startsWith(',"type":"', tsEnd)) return null;
  const typeEnd = end - LAST.length;
  if (typeEnd < tsEnd + 9 || !text.startsWith(LAST, typeEnd)) return null;
  const chain = text.slice(start + 10, chainEnd);
  if (chain.length === 0 || chain.length > CHAIN_LENGTH_MAX || chain.includes(" ")) return null;
  return {
    chain,
    seq: Number(text.slice(prevEnd + 8, seqEnd)),
    prev: text.slice(factsEnd + 9, prevEnd),
    type: text.slice(tsEnd + 9, typeEnd),
  };
}

/** Just after the value that begins at `at`, or -1. */
function endOfValue(text: string, at: number, depth: number): number {
  switch (text.charCodeAt(at)) {
    case 0x22:
      return text.indexOf('"', at + 1) + 1 || -1;
    case 0x7b:
      return depth < CANONICAL_DEPTH_MAX ? endOfObject(text, at + 1, depth + 1) : -1;
    case 0x5b:
      return depth < CANONICAL_DEPTH_MAX ? endOfArray(text, at + 1, depth + 1) : -1;
    case 0x74:
      return text.startsWith("true", at) ? at + 4 : -1;
    case 0x66:
      return text.startsWith("false", at) ? at + 5 : -1;
    case 0x6e:
      return text.startsWith("null", at) ? at + 4 : -1;
    default:
      return endOfInteger(text, at);
  }
}

function endOfObject(text: string, start: number, depth: number): number {
  if (text.charCodeAt(start) === 0x7d) return start + 1;
  let last = "";
  for (let at = start; ; at++) {
    if (text.charCodeAt(at) !== 0x22) return -1;
    const keyEnd = text.indexOf('"', at + 1);
    if (keyEnd === -1 || text.charCodeAt(keyEnd + 1) !== 0x3a) return -1;
    const key = text.slice(at + 1, keyEnd);
    if (at !== start && key <= last) return -1;
    last = key;
    at = endOfValue(text, keyEnd + 2, depth);
    if (at === -1) return -1;
    const mark = text.charCodeAt(at);
    if (mark === 0x7d) return at + 1;
    if (mark !== 0x2c) return -1;
  }
}

function endOfArray(text: string, start: number, depth: number): number {
  if (text.charCodeAt(start) === 0x5d) return start + 1;
  for (let at = start; ; at++) {
    at = endOfValue(text, at, depth);
    if (at === -1) return -1;
    const mark = text.charCodeAt(at);
    if (mark === 0x5d) return at + 1;
    if (mark !== 0x2c) return -1;
  }
}

const DIGITS_MAX = 15;

/** Fractions, exponents and long numbers have many spellings and one canonical one: not here. */
function endOfInteger(text: string, start: number): number {
  const negative = text.charCodeAt(start) === 0x2d;
  const first = negative ? start + 1 : start;
  let at = first;
  while (text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at++;
  const digits = at - first;
  if (digits === 0 || digits > DIGITS_MAX) return -1;
  if (text.charCodeAt(first) === 0x30 && (digits > 1 || negative)) return -1;
  const next = text.charCodeAt(at);
  return next === 0x2e || next === 0x65 || next === 0x45 ? -1 : at;
}
