/** The refusals that the gate makes itself. */
import { ERROR_CODES } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import type { Verdict } from "../policy/index.ts";
import type { Refusal } from "./gate-guard.ts";

export function denialOf(verdict: Exclude<Verdict, { kind: "allow" }>, facts: JsonObject): Refusal {
  if (verdict.kind === "ask") {
    const reason = `the rule asks a person, and this version cannot ask: ${verdict.question}`;
    return {
      how: "denied",
      code: "UNENFORCEABLE",
      rule: verdict.rule,
      reason,
      fix: "Remove the ask rule",
      facts,
    };
  }
  const { code, rule, reason, fix } = verdict;
  return { how: "denied", code, rule, reason, fix, facts };
}

export function malformed(path: string, message: string): Refusal {
  const reason = path === "" ? message : `argument ${path}: ${message}`;
  return {
    how: "refused",
    code: "SCHEMA_INPUT",
    rule: null,
    reason,
    fix: ERROR_CODES.SCHEMA_INPUT.fix,
    facts: {},
  };
}

export function unknown(reason: string): Refusal {
  return {
    how: "denied",
    code: "UNKNOWN_CAPABILITY",
    rule: null,
    reason,
    fix: ERROR_CODES.UNKNOWN_CAPABILITY.fix,
    facts: {},
  };
}
