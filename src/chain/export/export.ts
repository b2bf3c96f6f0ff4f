/** A chain in a form for others: line by line, for people, for tracing, for a SIEM. All of them stream. */
import { readRecords } from "../read.ts";
import { bodyText, lineOf } from "../record.ts";
import { htmlParts, type PageFacts } from "./html.ts";
import { ocsfLines } from "./ocsf.ts";
import { otlpParts } from "./otlp.ts";

export const EXPORT_FORMATS = ["jsonl", "html", "otlp", "ocsf"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/**
 * @param path - The chain's file.
 * @throws {CcosError} as `readRecords`: an export of a chain that cannot be read ends where reading does.
 */
export function exportChain(
  path: string,
  format: ExportFormat,
  facts: PageFacts,
): AsyncGenerator<string, void, undefined> {
  switch (format) {
    case "jsonl":
      return jsonLines(path);
    case "html":
      return htmlParts(facts, () => readRecords(path));
    case "otlp":
      return otlpParts(readRecords(path));
    case "ocsf":
      return ocsfLines(readRecords(path));
  }
}

async function* jsonLines(path: string): AsyncGenerator<string, void, undefined> {
  for await (const { body, hash } of readRecords(path)) yield `${lineOf(bodyText(body), hash)}\n`;
}
