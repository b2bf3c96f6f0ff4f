/**
 * One reading of a config: findings with their places, and which paths could not be read.
 *
 * A value of a wrong type takes its default, so that the other fields are still checked. `complain`
 * drops what a rule says about such a path or below it: it would be about the default.
 *
 * @module
 */
import { FINDING_CODES } from "../foundation/finding-codes.ts";
import type { SourceSpan } from "../foundation/source-span.ts";
import type { Finding } from "./types.ts";

type RuleCode = keyof typeof FINDING_CODES;

export interface KeyWords {
  readonly message: string;
  /** Absent: the one of the table of codes. */
  readonly suggestion?: string;
  readonly span: SourceSpan | null;
}

export interface Reading {
  readonly placeholdersAllowed: boolean;
  /** How a key is written in this file: `:key` in RTFS. */
  readonly spell: (key: string) => string;
  /** Remember where a path was written. */
  place(path: string, span: SourceSpan | null): void;
  spanOf(path: string): SourceSpan | null;
  isWritten(path: string): boolean;
  /** A value that cannot be used: reported, and no rule is heard about it. */
  refuse(code: RuleCode, path: string, message: string, suggestion?: string): void;
  /** A finding about a key, at the key's own place; it says nothing about the value. */
  reportKey(code: RuleCode, path: string, words: KeyWords): void;
  /** Take no rule's complaint about this path, without a finding of its own. */
  silence(path: string): void;
  /** What a rule says; kept unless the path, or one above it, was refused. */
  complain(code: RuleCode, path: string, message: string, suggestion?: string): void;
  findings(): readonly Finding[];
}

export function createReading(
  root: SourceSpan | null,
  placeholdersAllowed: boolean,
  spell: Reading["spell"] = (key) => `:${key}`,
): Reading {
  const places = new Map<string, SourceSpan>();
  const refused = new Set<string>();
  const found: { finding: Finding; ofRule: boolean }[] = [];
  const spanOf = (path: string): SourceSpan | null => {
    for (let at: string | null = path; at !== null; at = parentOf(at)) {
      const span = places.get(at);
      if (span !== undefined) return span;
    }
    return root;
  };
  const add = (
    ofRule: boolean,
    code: RuleCode,
    path: string,
    words: readonly (string | undefined)[],
  ): void => {
    const [message = "", suggestion = FINDING_CODES[code].fix] = words;
    const { severity } = FINDING_CODES[code];
    const finding = { code, severity, path, message, suggestion, span: spanOf(path) };
    found.push({ finding, ofRule });
  };
  return {
    placeholdersAllowed,
    spell,
    place: (path, span) => void (span === null ? undefined : places.set(path, span)),
    spanOf,
    isWritten: (path) => places.has(path),
    refuse(code, path, ...words) {
      refused.add(path);
      add(false, code, path, words);
    },
    reportKey(code, path, { message, suggestion = FINDING_CODES[code].fix, span }) {
      const { severity } = FINDING_CODES[code];
      const finding = { code, severity, path, message, suggestion, span: span ?? spanOf(path) };
      found.push({ finding, ofRule: false });
    },
    silence: (path) => void refused.add(path),
    complain: (code, path, ...words) => add(true, code, path, words),
    findings: () =>
      found
        .filter(({ finding, ofRule }) => !isHidden(finding.path, ofRule, refused))
        .map(({ finding }) => ({ finding, segments: finding.path.split(/[.[\]]+/) }))
        .sort(compareFindings)
        .map(({ finding }) => finding),
  };
}

/** Below a refused path nothing is known; at it, only the refusal itself is. */
function isHidden(path: string, ofRule: boolean, refused: ReadonlySet<string>): boolean {
  const start = ofRule ? path : parentOf(path);
  for (let at = start; at !== null && at !== ""; at = parentOf(at)) {
    if (refused.has(at)) return true;
  }
  return false;
}

/** `a.b[0]` → `a.b` → `a` → the empty path → null. */
function parentOf(path: string): string | null {
  if (path === "") return null;
  const cut = Math.max(path.lastIndexOf("."), path.lastIndexOf("["));
  return cut === -1 ? "" : path.slice(0, cut);
}

export function childPath(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

const CODE_ORDER: ReadonlyMap<string, number> = new Map(
  Object.keys(FINDING_CODES).map((code, index) => [code, index]),
);

interface Ordered {
  readonly finding: Finding;
  readonly segments: readonly string[];
}

/** Table order, then path (indexes by number), then message: independent of the order in the file. */
function compareFindings(left: Ordered, right: Ordered): number {
  const { code, message } = left.finding;
  const byCode = (CODE_ORDER.get(code) ?? -1) - (CODE_ORDER.get(right.finding.code) ?? -1);
  if (byCode !== 0) return byCode;
  const byPath = comparePaths(left.segments, right.segments);
  return byPath === 0 ? compareText(message, right.finding.message) : byPath;
}

function comparePaths(ours: readonly string[], theirs: readonly string[]): number {
  for (const [index, segment] of ours.entries()) {
    const other = theirs[index];
    if (other === undefined) return 1;
    const numbers = /^\d+$/.test(segment) && /^\d+$/.test(other);
    const order = numbers ? Number(segment) - Number(other) : compareText(segment, other);
    if (order !== 0) return order;
  }
  return ours.length - theirs.length;
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
