import type { JsonValue } from "../foundation/json.ts";
import { formatSpan } from "../foundation/source-span.ts";
import type { Finding } from "./types.ts";

const COLORS = { error: "\u001b[31m", warning: "\u001b[33m", dim: "\u001b[2m" } as const;
const RESET = "\u001b[0m";

/**
 * Findings for people: place, severity, code and path in one line, then message and suggestion. No
 * finding gives the empty text; there is no line break at the end.
 */
export function formatFindings(
  findings: readonly Finding[],
  { color }: { readonly color: boolean },
): string {
  const paint = (text: string, name: keyof typeof COLORS) =>
    color ? `${COLORS[name]}${text}${RESET}` : text;
  return findings
    .map(({ code, severity, path, message, suggestion, span }) => {
      const place = span === null ? "" : `${formatSpan(span)}: `;
      const at = path === "" ? "" : ` ${path}`;
      const head = `${place}${paint(severity, severity)} ${code}${at}`;
      const fix = suggestion === null ? "" : `\n    ${paint(`fix: ${suggestion}`, "dim")}`;
      return `${head}\n    ${message}${fix}`;
    })
    .join("\n");
}

/** Findings for machines; keys are stable. `place` is null when the file has no form. */
export function findingsToJson(findings: readonly Finding[]): JsonValue {
  return findings.map(({ code, severity, path, message, suggestion, span }) => ({
    code,
    severity,
    path,
    message,
    suggestion,
    place: span === null ? null : { ...span },
  }));
}
