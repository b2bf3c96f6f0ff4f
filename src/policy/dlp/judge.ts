/**
 * The whole judgement of a content: scan, decide, redact. What the gate and the proxy call.
 *
 * @module
 */
import type { JsonObject } from "../../foundation/json.ts";
import type { AccessRequest, Policy, Verdict } from "../types.ts";
import { actionOf } from "./actions.ts";
import type { ContentPart } from "./byte-text.ts";
import { type ContentRequest, decideContent } from "./decide-content.ts";
import { redactBody } from "./redact.ts";
import { type DlpFinding, scanContent } from "./scan.ts";

export interface Outgoing {
  readonly request: AccessRequest;
  /** Everything that would leave, named as in ContentPart. */
  readonly parts: readonly ContentPart[];
  readonly knownSecrets: ContentRequest["knownSecrets"];
  readonly placeholders: ContentRequest["placeholders"];
}

export interface Judgement {
  readonly verdict: Verdict;
  /** What must leave as the body instead; null: the body as it is. */
  readonly body: Uint8Array | null;
  readonly findings: readonly DlpFinding[];
  /** For the record: rules, places, counts and actions, never the text. Empty: nothing was found. */
  readonly facts: JsonObject;
}

/** A record names at most so many findings, and says how many there were. */
const RECORDED_MAX = 64;

/** Whether this may leave, and in what form. */
export function judgeOutgoing(policy: Policy, outgoing: Outgoing): Judgement {
  const { request, parts } = outgoing;
  const direction = "out";
  const findings = findingsOf(policy, parts, direction);
  const decision = decideContent(policy, { ...outgoing, direction, findings });
  const facts = factsOf(policy, findings, { direction, request });
  if (decision.kind === "deny" || decision.redact === undefined) {
    return { verdict: decision, body: null, findings, facts };
  }
  const redacted = redactBody(parts, decision.redact, policy.dlp, { direction, request });
  if (redacted.ok) {
    const verdict = { kind: "allow", rule: decision.rule } as const;
    return { verdict, body: redacted.value, findings, facts };
  }
  const rule = decision.redact[0]?.detector ?? decision.rule;
  const verdict = {
    kind: "deny",
    rule,
    code: "DLP_BLOCKED",
    reason: `the body holds ${rule}, and cannot be redacted: ${redacted.error}`,
    fix: "Leave the data out of the body",
  } as const;
  return { verdict, body: null, findings, facts };
}

/** Whether this may come in. Findings of kind `injection` that do not block make it untrusted. */
export function judgeIncoming(
  policy: Policy,
  request: AccessRequest,
  parts: readonly ContentPart[],
): Judgement {
  const direction = "in";
  const findings = findingsOf(policy, parts, direction);
  const nothing = { knownSecrets: [], placeholders: [] };
  const decision = decideContent(policy, { direction, request, findings, ...nothing });
  const facts = factsOf(policy, findings, { direction, request });
  const untrusted = findings
    .filter(({ kind }) => kind === "injection")
    .map((each) => each.detector);
  return {
    verdict: decision,
    body: null,
    findings,
    facts: untrusted.length === 0 ? facts : { ...facts, untrusted },
  };
}

function findingsOf(
  { dlp }: Policy,
  parts: readonly ContentPart[],
  direction: "out" | "in",
): readonly DlpFinding[] {
  const isNeeded = dlp.enabled || (dlp.canaries ?? []).length > 0;
  return isNeeded ? scanContent(parts, { dlp, direction }) : [];
}

function factsOf(
  { dlp }: Policy,
  findings: readonly DlpFinding[],
  context: Parameters<typeof actionOf>[2],
): JsonObject {
  if (findings.length === 0) return {};
  const told = findings.slice(0, RECORDED_MAX).map((finding) => ({
    rule: finding.detector,
    part: finding.part.toWellFormed(),
    count: finding.count,
    action: actionOf(dlp, finding, context),
  }));
  return findings.length === told.length
    ? { dlp: told }
    : { dlp: told, dlpFindings: findings.length };
}
