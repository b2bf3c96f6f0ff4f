/** The front door of policy: everything pure that answers "may this happen?". */
export { isAddressLiteral } from "./address.ts";
export { bindingAllows } from "./binding.ts";
export { boundsAllowFile } from "./bounds.ts";
export {
  canonicalCapability,
  matchCapability,
  parseCapabilityPattern,
} from "./capability-pattern.ts";
export type { CapabilityName, CapabilityPattern } from "./capability-pattern.ts";
export { compileDecide } from "./compiled.ts";
export { decide } from "./decide.ts";
export { decideEgress } from "./egress-match.ts";
export { decideContent } from "./dlp/decide-content.ts";
export type { ContentDecision, ContentRequest } from "./dlp/decide-content.ts";
export type { ContentPart } from "./dlp/byte-text.ts";
export { DETECTORS, DLP_RULE_NAMES } from "./dlp/detectors.ts";
export { parseJsonPath } from "./dlp/json-path.ts";
export { judgeIncoming, judgeOutgoing } from "./dlp/judge.ts";
export type { Judgement, Outgoing } from "./dlp/judge.ts";
export type { Detector } from "./dlp/detector.ts";
export { findKnownSecrets } from "./dlp/known-secrets.ts";
export type { KnownSecret, SecretFinding } from "./dlp/known-secrets.ts";
export { scanContent } from "./dlp/scan.ts";
export type { DlpFinding, ScanOptions } from "./dlp/scan.ts";
export { decideFlow, DECLASSIFY, PUBLIC_LABEL, receivedLabels } from "./labels.ts";
export type { Received } from "./labels.ts";
export { opensTunnel, selectEgressRule, speaksOfTls } from "./egress-match.ts";
export { coversRpcMethod } from "./rpc-method.ts";
export { explainVerdict } from "./explain.ts";
export { matchHost, parseHostPattern, parseRuleHost } from "./host.ts";
export type { HostPattern } from "./host.ts";
export { levelDefaults, NAMED_POLICIES } from "./levels.ts";
export type { PolicyLimits, PolicyPreset } from "./levels.ts";
export { meetPolicies } from "./meet.ts";
export { matchPath, matchPaths, parsePathPattern } from "./path-pattern.ts";
export type { PathPattern } from "./path-pattern.ts";
export { parseAuthority, parseTarget, formatHost } from "./target.ts";
export type { Authority } from "./target.ts";
export { type Actors, type Widening, widenings } from "./widening.ts";
export type {
  AccessRequest,
  CapabilityRule,
  DlpPolicy,
  DlpRule,
  EgressRule,
  FileRule,
  FlowPlace,
  FlowPolicy,
  HttpTarget,
  JsonRpcRule,
  Policy,
  PolicyBound,
  ResourceRequest,
  SecretBinding,
  Verdict,
} from "./types.ts";
export {
  isTimeZone,
  outsideValidity,
  type Validity,
  type ValidityWindow,
  WEEKDAYS,
  type Weekday,
} from "./validity.ts";
