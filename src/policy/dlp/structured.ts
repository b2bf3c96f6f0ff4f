/**
 * Structured rules: values at a path of a JSON body, fields of a form.
 *
 * They say what a value is by where it stands, so no pattern is needed. Bodies only, and the query of
 * the path for fields. A body that begins like JSON and is none cannot be judged: every path rule is
 * then about it.
 *
 * @module
 */
import type { DlpRule } from "../types.ts";
import type { Span } from "./detector.ts";
import { leadsTo, parseJsonPath } from "./json-path.ts";
import { looksLikeJson, walkJson } from "./json-walk.ts";

/** A value that a rule is about. `span`: null, it cannot be told where it stands. */
export interface StructuredMatch {
  readonly rule: DlpRule;
  readonly span: Span | null;
  /** What may be put in its place. */
  readonly as: "json" | "form";
}

/** What stands where a match stood. */
export const REDACTED = "REDACTED-BY-POLICY";
const EMPTY_VALUES: ReadonlySet<string> = new Set(["null", '""', REDACTED, `"${REDACTED}"`]);

/** The values of one byte text that rules are about, in no order. */
export function findStructured(
  part: string,
  text: string,
  rules: readonly DlpRule[],
): readonly StructuredMatch[] {
  const isBody = part === "body";
  if (!isBody && part !== "path") return [];
  const found: StructuredMatch[] = [];
  if (isBody) found.push(...findPaths(text, rules));
  const from = isBody ? 0 : text.indexOf("?") + 1;
  if (isBody || from > 0) found.push(...findFields(text, from, rules));
  return found;
}

function findPaths(text: string, rules: readonly DlpRule[]): readonly StructuredMatch[] {
  const paths = rules.flatMap((rule) => {
    const steps = rule.about.kind === "path" ? parseJsonPath(rule.about.path) : null;
    return steps?.ok === true ? [{ rule, steps: steps.value }] : [];
  });
  if (paths.length === 0 || !looksLikeJson(text)) return [];
  const found: StructuredMatch[] = [];
  const isJson = walkJson(text, (place, span) => {
    for (const { rule, steps } of paths) {
      if (hasValue(text, span) && leadsTo(steps, place)) found.push({ rule, span, as: "json" });
    }
  });
  return isJson ? found : paths.map(({ rule }) => ({ rule, span: null, as: "json" }));
}

/** Longer names of fields are cut. */
const NAME_MAX = 512;

/** `null`, the empty text and what a redaction left hold nothing. */
function hasValue(text: string, { from, to }: Span): boolean {
  if (to - from > REDACTED.length + 2) return true;
  return !EMPTY_VALUES.has(text.slice(from, to));
}

function findFields(
  text: string,
  from: number,
  rules: readonly DlpRule[],
): readonly StructuredMatch[] {
  // Several may be about one field, each for other hosts.
  const named = new Map<string, DlpRule[]>();
  for (const rule of rules) {
    if (rule.about.kind !== "field") continue;
    named.set(rule.about.name, [...(named.get(rule.about.name) ?? []), rule]);
  }
  if (named.size === 0) return [];
  const found: StructuredMatch[] = [];
  for (let at = from; at < text.length; ) {
    const next = text.indexOf("&", at);
    const to = next === -1 ? text.length : next;
    const pair = text.slice(at, to);
    const equals = pair.indexOf("=");
    if (equals !== -1 && equals + 1 < pair.length) {
      const about = named.get(decodeName(pair.slice(0, Math.min(equals, NAME_MAX)))) ?? [];
      const span = { from: at + equals + 1, to };
      if (about.length > 0 && hasValue(text, span)) {
        found.push(...about.map((rule) => ({ rule, span, as: "form" }) as const));
      }
    }
    at = to + 1;
  }
  for (const [name, about] of named) {
    if (!hasMultipartField(text, name)) continue;
    found.push(...about.map((rule) => ({ rule, span: null, as: "form" }) as const));
  }
  return found;
}

function decodeName(written: string): string {
  const text = Buffer.from(written.replaceAll("+", " "), "latin1").toString("utf8");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hasMultipartField(text: string, name: string): boolean {
  const written = Buffer.from(name, "utf8").toString("latin1");
  return [`name="${written}"`, `name=${written}\r\n`, `name=${written};`].some((field) =>
    text.includes(field),
  );
}
