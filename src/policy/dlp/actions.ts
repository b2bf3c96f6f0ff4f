/**
 * What becomes of a finding: the first rule of the config that is about it, else the level.
 *
 * `strict` blocks every high-confidence finding and everything opaque, `moderate` blocks
 * high-confidence secrets and scans cut short and redacts high-confidence personal data that leaves,
 * `lenient` reports. Canaries and structured rules say themselves.
 *
 * @module
 */
import { matchHost } from "../host.ts";
import type { AccessRequest, DlpPolicy, DlpRule } from "../types.ts";
import type { DlpFinding } from "./scan.ts";

export type DlpAction = DlpRule["action"];

export interface DlpContext {
  readonly direction: "out" | "in";
  readonly request: AccessRequest;
}

const STRICTEST_FIRST = ["block", "redact", "report"] as const;

export function actionOf(dlp: DlpPolicy, finding: DlpFinding, context: DlpContext): DlpAction {
  if (dlp.meet === undefined) return ownAction(dlp, finding, context);
  const answers = dlp.meet.map((each) => actionOf(each, finding, context));
  return STRICTEST_FIRST.find((action) => answers.includes(action)) ?? "block";
}

function ownAction(dlp: DlpPolicy, finding: DlpFinding, context: DlpContext): DlpAction {
  if (finding.kind === "canary") return "block";
  if (!dlp.enabled) return "report";
  const rule = dlp.rules?.find(
    (each) => isAbout(each, finding) && isForHost(each, context.request),
  );
  if (rule !== undefined) return rule.action;
  if (finding.kind === "structured") return "report";
  if (finding.kind === "injection") return dlp.injection === "withhold" ? "block" : "report";
  return byLevel(dlp.level, finding, context.direction);
}

function isAbout({ rule, about }: DlpRule, finding: DlpFinding): boolean {
  return about.kind === "detector" ? about.name === finding.detector : rule === finding.detector;
}

function isForHost({ hosts }: DlpRule, { resource }: AccessRequest): boolean {
  if (hosts.length === 0) return true;
  if (resource?.kind !== "http" && resource?.kind !== "connect") return false;
  const host = resource.kind === "http" ? resource.target.host : resource.host;
  return hosts.some((pattern) => matchHost(pattern, host));
}

function byLevel(
  level: DlpPolicy["level"],
  { detector, kind, confidence }: DlpFinding,
  direction: DlpContext["direction"],
): DlpAction {
  // What comes in encrypted carries nothing of ours.
  if (detector === "dlp.high-entropy" && direction === "in") return "report";
  switch (level) {
    case "strict":
      return confidence === "high" || kind === "opaque" ? "block" : "report";
    case "moderate":
      if (confidence !== "high") return "report";
      if (kind !== "pii") return "block";
      return direction === "out" ? "redact" : "report";
    case "lenient":
      return "report";
  }
}
