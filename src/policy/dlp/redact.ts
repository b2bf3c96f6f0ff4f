/**
 * Take findings out of a body that leaves, without breaking what it is.
 *
 * The mark that takes a match's place is letters and a hyphen: it can stand in JSON strings, forms,
 * XML and plain text alike; a JSON number becomes a string. What cannot be redacted safely is not:
 * coded or signed bodies, matches that show only after decoding, JSON that would not be JSON after it.
 * The caller then blocks.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { DlpPolicy } from "../types.ts";
import { actionOf, type DlpContext } from "./actions.ts";
import { byteText, type ContentPart } from "./byte-text.ts";
import type { Span } from "./detector.ts";
import { eachMatch } from "./dispatch.ts";
import { houseRulesOf } from "./house-rules.ts";
import { looksLikeJson, walkJson } from "./json-walk.ts";
import { Meter } from "./meter.ts";
import { type DlpFinding, scanContent } from "./scan.ts";
import { findStructured, REDACTED } from "./structured.ts";

/** Headers that bind a body: another body under them is refused, or worse, believed. */
const SIGNING =
  /^header (?:signature|signature-input|digest|content-digest|content-md5|x-hub-signature.*|x-amz-content-sha256|stripe-signature|.*-signature)$/;

/**
 * The body without what the findings are about, or why that cannot be.
 *
 * @param redact - Findings whose action is `redact`; not empty, all in the part `body`.
 */
export function redactBody(
  parts: readonly ContentPart[],
  redact: readonly DlpFinding[],
  dlp: DlpPolicy,
  context: DlpContext,
): Result<Uint8Array, string> {
  const body = parts.find(({ name }) => name === "body");
  if (body === undefined || redact.some(({ part }) => part !== "body")) {
    return err("only a body can be redacted");
  }
  const bound = parts.find(({ name }) => SIGNING.test(name));
  if (bound !== undefined) return err(`the body is bound by ${bound.name}`);
  if (parts.some(({ name }) => name === "header content-encoding")) return err("the body is coded");
  const { text } = byteText(body.content);
  const spans = spansOf(text, redact, dlp);
  if (spans === null) return err("it cannot be told where the data stands");
  const json = looksLikeJson(text) ? scalarsOf(text) : [];
  const cleaned = replaceSpans(text, json === null ? spans : wholeNumbers(text, spans, json));
  if (json !== null && json.length > 0 && scalarsOf(cleaned) === null) {
    return err("the body would be no JSON any more");
  }
  const content = Buffer.from(cleaned, "latin1");
  const left = scanContent([{ name: "body", content }], { dlp, direction: context.direction });
  const isLeft = left.some((finding) => actionOf(dlp, finding, context) !== "report");
  return isLeft ? err("the data stands in it in an encoded form as well") : ok(content);
}

/** Where the findings stand in the text as it is; null when one has no place. In order, not overlapping. */
function spansOf(
  text: string,
  redact: readonly DlpFinding[],
  dlp: DlpPolicy,
): readonly Span[] | null {
  const names = new Set(redact.map(({ detector }) => detector));
  const spans: Span[] = [];
  eachMatch(byteTextOf(text), houseRulesOf(dlp).outbound, new Meter(), ({ name }, span) => {
    if (names.has(name)) spans.push(span);
  });
  const rules = (dlp.rules ?? []).filter(({ rule }) => names.has(rule));
  for (const { span, as } of findStructured("body", text, rules)) {
    if (span === null) return null;
    spans.push(as === "json" ? insideQuotes(text, span) : span);
  }
  return merged(spans);
}

function byteTextOf(text: string): ReturnType<typeof byteText> {
  return byteText(Buffer.from(text, "latin1"));
}

/** A string keeps its quotes. */
function insideQuotes(text: string, { from, to }: Span): Span {
  return text[from] === '"' ? { from: from + 1, to: to - 1 } : { from, to };
}

function merged(spans: Span[]): readonly Span[] {
  const result: Span[] = [];
  for (const span of spans.sort((left, right) => left.from - right.from)) {
    const last = result.at(-1);
    if (last === undefined || span.from >= last.to) result.push(span);
    else result[result.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
  }
  return result;
}

/** Spans of all values that are not text, in order; null when the text is no JSON. */
function scalarsOf(text: string): readonly Span[] | null {
  const values: Span[] = [];
  const isJson = walkJson(text, (_, span, kind) => {
    if (kind === "scalar" && text[span.from] !== '"') values.push(span);
  });
  return isJson ? values : null;
}

interface Replacement extends Span {
  readonly isNumber?: true;
}

/** A match inside a number takes the whole number. */
function wholeNumbers(
  text: string,
  spans: readonly Span[],
  values: readonly Span[],
): readonly Replacement[] {
  let next = 0;
  return spans.map((span) => {
    while (next < values.length && values[next]!.to <= span.from) next += 1;
    const value = values[next];
    const container = text[span.from] === "{" || text[span.from] === "[";
    if (container) return { ...span, isNumber: true };
    const isInside = value !== undefined && value.from < span.to;
    return isInside ? { from: value.from, to: Math.max(value.to, span.to), isNumber: true } : span;
  });
}

function replaceSpans(text: string, spans: readonly Replacement[]): string {
  let cleaned = "";
  let at = 0;
  for (const { from, to, isNumber } of spans) {
    if (to <= at) continue;
    cleaned += text.slice(at, Math.max(at, from)) + (isNumber ? `"${REDACTED}"` : REDACTED);
    at = to;
  }
  return cleaned + text.slice(at);
}
