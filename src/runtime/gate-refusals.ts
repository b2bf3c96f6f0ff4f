/** The refusals that the gate makes itself. */
import { ERROR_CODES } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import type { Verdict } from "../policy/index.ts";
import type { Refusal } from "./gate-guard.ts";

export function denialOf(
  { code, rule, reason, fix }: Extract<Verdict, { kind: "deny" }>,
  facts: JsonObject,
): Refusal {
  return { how: "denied", code, rule, reason, fix, facts };
}

/** A rule asks first, and nobody here can ask. */
export function unanswered(rule: string, question: string): Refusal {
  const reason = `${question}, and nobody can be asked here`;
  const { fix } = ERROR_CODES.APPROVAL_DENIED;
  return { how: "denied", code: "APPROVAL_DENIED", rule, reason, fix, facts: {} };
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
