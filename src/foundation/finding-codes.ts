/**
 * Codes of the findings that `ccos check` reports about an agent config.
 *
 * Errors make the config invalid (exit 65); warnings do not. Source: semantics of agent.config
 * (docs/agent-config.md). The order of the table is the order of the rules.
 *
 * @module
 */
const finding = (severity: "error" | "warning", meaning: string, fix: string) => ({
  exitCode: severity === "error" ? 65 : 0,
  retryable: false,
  severity,
  meaning,
  fix,
});

export const FINDING_CODES = {
  UNKNOWN_FIELD: finding("error", "The config has a key that does not exist", "Use the suggested name"),
} as const;
