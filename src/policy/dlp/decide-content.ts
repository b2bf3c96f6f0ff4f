/**
 * Decide on content: may these bytes leave, may these bytes come in?
 *
 * Known secrets first, whatever the DLP setting: a value or a placeholder may stand only in a
 * header that its binding names. Then the findings, by level: `strict` blocks every high-confidence
 * finding and everything opaque, `moderate` high-confidence secrets and scans cut short, `lenient`
 * nothing. What is not blocked is for the caller to record.
 *
 * @module
 */
import { bindingAllows } from "../binding.ts";
import { quote } from "../display.ts";
import type { AccessRequest, Policy, Verdict } from "../types.ts";
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

/** Decide on the content of one request or reply. Denials carry the code `DLP_BLOCKED`. */
export function decideContent(policy: Policy, content: ContentRequest): Verdict {
  const misplaced = findMisplaced(policy, content);
  if (misplaced !== null) return denySecret(misplaced, content.direction);
  const blocking = content.findings.find((finding) => blocks(policy, finding));
  return blocking === undefined
    ? { kind: "allow", rule: "orchestrator.dlp" }
    : denyFinding(blocking, policy, content.direction);
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

function blocks(policy: Policy, finding: DlpFinding): boolean {
  if (!policy.dlp.enabled) return false;
  switch (policy.dlp.level) {
    case "strict":
      return finding.confidence === "high" || finding.kind === "opaque";
    case "moderate":
      return finding.confidence === "high" && finding.kind !== "pii";
    case "lenient":
      return false;
  }
}

function denySecret(finding: SecretFinding, direction: "out" | "in"): Verdict {
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

function denyFinding(finding: DlpFinding, policy: Policy, direction: "out" | "in"): Verdict {
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
