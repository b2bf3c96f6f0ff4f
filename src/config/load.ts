/**
 * The list of what happens to a config file: read and expand, decode by the schema, hold to the rules.
 *
 * A text that gives no data ends with the reader's or the evaluator's findings. Everything else runs to
 * the end, so that one run reports all there is.
 *
 * @module
 */
import { FINDING_CODES } from "../foundation/finding-codes.ts";
import { checkAgent } from "./agent-rules.ts";
import { checkGovernance } from "./governance-rules.ts";
import { type ExpressionProblem, readConfig } from "./expression.ts";
import { checkMicrovm } from "./microvm-rules.ts";
import { checkDlp } from "./dlp-rules.ts";
import { checkLabels } from "./label-rules.ts";
import { checkNetwork } from "./network-rules.ts";
import { createReading } from "./reading.ts";
import type { RuleContext } from "./rule-context.ts";
import { agentConfig } from "./schema.ts";
import { checkDeterminism, checkValidity } from "./validity-rules.ts";
import type { LoadedConfig, LoadOptions } from "./types.ts";

/**
 * Load one agent config. Pure: the same text gives the same answer. Never throws on any text.
 *
 * @param source - The file's text, at most 1 MiB in UTF-8.
 */
export function loadConfig(source: string, options: LoadOptions): LoadedConfig {
  const expression = readConfig(source, options.file);
  if (!expression.ok) return unreadable(expression.error);
  const { root, duplicates } = expression.value;
  const reading = createReading(root.span, options.allowPlaceholders ?? false);
  const config = agentConfig(root, "", reading);
  for (const { path, message, span } of duplicates) {
    reading.reportKey("DUPLICATE_KEY", path, { message, span });
  }
  const context: RuleContext = {
    config,
    production: (options.production ?? false) || config.profile === "production",
    isWritten: (path) => reading.isWritten(path),
    complain: (...words) => reading.complain(...words),
  };
  checkAgent(context);
  checkGovernance(context);
  checkMicrovm(context);
  checkNetwork(context);
  checkValidity(context);
  checkDeterminism(context);
  checkDlp(context);
  checkLabels(context);
  const findings = reading.findings();
  const valid = findings.every((each) => each.severity !== "error");
  return { config, findings, valid, spanOf: (path) => reading.spanOf(path) };
}

function unreadable(problems: readonly ExpressionProblem[]): LoadedConfig {
  const findings = problems.map(({ code, message, suggestion, span }) => ({
    code,
    severity: "error" as const,
    path: "",
    message,
    suggestion: suggestion ?? (code === "PARSE_ERROR" ? null : FINDING_CODES[code].fix),
    span,
  }));
  return { config: null, findings, valid: false, spanOf: () => null };
}
