/**
 * Decide on content: may these bytes leave, may these bytes come in?
 *
 * Known secrets first, whatever the DLP setting: a value or a placeholder may stand only in a
 * header that its binding names. Then the findings, each as actions.ts says. What is not blocked is
 * for the caller to redact and to record.
 *
 * @module
 */
import { bindingAllows } from "../binding.ts";
import { quote } from "../display.ts";
import type { AccessRequest, Policy, Verdict } from "../types.ts";
import { actionOf } from "./actions.ts";
import type { SecretFinding } from "./known-secrets.ts";
import type { DlpFinding } from "./scan.ts";

export interface ContentRequest {
  readonly direction: "out" | "in";
  /** The request that the content belongs to. */
  readonly request: AccessRequest;
  readonly findings: readonly DlpFinding[];
  /** Values of secrets that were found. Inbound: after masking. */
  readonly knownSecrets: readonly SecretFinding[];
  /** Placeholders that were found. Inbound they are what masking leaves, so they pass. */
  readonly placeholders: readonly SecretFinding[];
}

const HEADER_PART = "header ";

type Denial = Extract<Verdict, { kind: "deny" }>;

export type ContentDecision =
  | Denial
  | {
      readonly kind: "allow";
      readonly rule: string;
      /** What must be taken out of the body first (redact.ts). Absent: nothing. */
      readonly redact?: readonly DlpFinding[];
    };

/**
 * Decide on the content of one request or reply. Denials carry the code `DLP_BLOCKED`.
 *
 * What is to be redacted and does not stand in a body that leaves is denied.
 */
export function decideContent(policy: Policy, content: ContentRequest): ContentDecision {
  const misplaced = findMisplaced(policy, content);
  if (misplaced !== null) return denySecret(misplaced, content.direction);
  const redact: DlpFinding[] = [];
  for (const finding of content.findings) {
    const action = actionOf(policy.dlp, finding, content);
    if (action === "report") continue;
    const isRedactable = content.direction === "out" && finding.part === "body";
    if (action === "block" || !isRedactable) {
      return denyFinding(finding, policy, content.direction);
    }
    redact.push(finding);
  }
  const allowed = { kind: "allow", rule: "orchestrator.dlp" } as const;
  return redact.length === 0 ? allowed : { ...allowed, redact };
}

function findMisplaced(policy: Policy, content: ContentRequest): SecretFinding | null {
  const { direction, knownSecrets, placeholders } = content;
  if (direction === "in") return knownSecrets[0] ?? null;
  const found = [...knownSecrets, ...placeholders];
  return found.find((finding) => !isBound(policy, content.request, finding)) ?? null;
}

function isBound(policy: Policy, request: AccessRequest, finding: SecretFinding): boolean {
  const { resource } = request;
  if (resource?.kind !== "http" || finding.form === "unscannable") return false;
  if (!finding.part.startsWith(HEADER_PART)) return false;
  const header = finding.part.slice(HEADER_PART.length);
  return policy.secrets.some(
    (binding) => binding.name === finding.name && bindingAllows(binding, resource.target, header),
  );
}

function denySecret(finding: SecretFinding, direction: "out" | "in"): Denial {
  const name = quote(finding.name);
  const where = quote(finding.part);
  const found =
    finding.form === "unscannable"
      ? `${where} is too deeply encoded to exclude secret ${name}`
      : `secret ${name} (${finding.form}) stands in ${where}`;
  const way = direction === "out" ? "its binding does not allow that place" : "it came back";
  return {
    kind: "deny",
    rule: `secrets.${finding.name}`,
    code: "DLP_BLOCKED",
    reason: `${found}, and ${way}`,
    fix:
      direction === "out"
        ? `Send it only in a header, path and origin that :secrets ${name} names`
        : "Do not ask this target for content that repeats the secret",
  };
}

function denyFinding(finding: DlpFinding, policy: Policy, direction: "out" | "in"): Denial {
  const way = direction === "out" ? "leave" : "come in";
  return {
    kind: "deny",
    rule: finding.detector,
    code: "DLP_BLOCKED",
    reason: `${quote(finding.part)} may not ${way}: ${finding.detector} under DLP ${policy.dlp.level}`,
    fix:
      direction === "out"
        ? `Remove the data from ${quote(finding.part)}`
        : "Fetch a resource without this data",
  };
}
