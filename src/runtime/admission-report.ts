/**
 * The report of an admission, stage by stage; and the body of the envelope that names all of it.
 *
 * Read in this order: AdmissionReport, reportAdmission, envelopeBody. `ccos plan` shows it; a start with a mode of
 * admission is held to its advice. What the gate would deny is refused in every mode, before any advice. Pure.
 *
 * @module
 */
import { digestOf } from "../chain/index.ts";
import type { AgentConfig } from "../config/index.ts";
import type { JsonObject } from "../foundation/json.ts";
import { bodyDigest, type EnvelopeBody, isGoverned, limitsOf } from "../governance/index.ts";
import { checkTypes, compileProgram, readForms, rowToJson } from "../rtfs/index.ts";
import type { Admission, SiteJudgement } from "./admission.ts";
import { approvalsOfPlan } from "./approvals.ts";
import { validatorOf } from "./contracts.ts";
import { moduleDigests, resolverOf } from "./plan-modules.ts";
import type { PreparedRun } from "./prepare.ts";
import { estimateJson, estimateResources, type ResourceEstimate } from "./resource-estimate.ts";

export type AdmissionMode = NonNullable<AgentConfig["governance"]["admission"]>;

export interface StageFinding {
  /** `deny`: refused in every mode. `error`, `warning`: advice; the mode says what follows. */
  readonly severity: "deny" | "error" | "warning";
  readonly message: string;
  /** Null: not at a line. */
  readonly line: number | null;
}

export interface AdmissionStage {
  readonly name: string;
  /** Nothing of it denies, and nothing of it is an error. */
  readonly ok: boolean;
  readonly summary: string;
  readonly findings: readonly StageFinding[];
}

export interface AdmissionReport {
  readonly stages: readonly AdmissionStage[];
  readonly resources: ResourceEstimate;
}

const RISKS = ["low", "medium", "high"] as const;
/** Findings of one stage that are told. */
const FINDINGS_MAX = 50;

export function reportAdmission(prepared: PreparedRun, admission: Admission): AdmissionReport {
  const resources = estimateOf(prepared, admission);
  const stages = [
    stage("parse", parsedText(prepared, admission), []),
    typesStage(prepared),
    sitesStage("effects", admission.sites),
    contractsStage(prepared, admission),
    stage(
      "concurrency",
      "branches are evaluated one after another: no two of them write at once",
      [],
    ),
    resourcesStage(prepared.config, resources),
    sitesStage("policy", admission.sites),
    approvalsStage(prepared, admission),
  ];
  return { stages, resources };
}

/** Errors keep a start from going on from `enforce` on, warnings in `strict`. */
function adviceAgainst(advice: readonly StageFinding[], mode: AdmissionMode) {
  if (mode === "warn") return [];
  return advice.filter(({ severity }) => severity === "error" || mode === "strict");
}

function stage(name: string, summary: string, findings: readonly StageFinding[]): AdmissionStage {
  const ok = findings.every(({ severity }) => severity === "warning");
  return { name, ok, summary, findings: findings.slice(0, FINDINGS_MAX) };
}

function parsedText({ inputs }: PreparedRun, { steps, sites }: Admission): string {
  return `${steps.length} steps, ${sites.length} calls, ${inputs.modules.length} modules`;
}

function typesStage({ inputs, registry }: PreparedRun): AdmissionStage {
  const forms = readForms(inputs.planSource ?? "", { file: inputs.planFile ?? "" });
  const program = forms.ok
    ? compileProgram(forms.value, { resolver: resolverOf(inputs.modules) })
    : forms;
  if (!program.ok) throw new TypeError("A plan that was outlined compiles");
  const { findings } = checkTypes(program.value, (id) => {
    const capability = registry.find(id);
    return capability === undefined ? null : validatorOf(capability);
  });
  const said = findings.map(({ severity, message, span }) => ({
    severity,
    message,
    line: span.line,
  }));
  const summary = said.length === 0 ? "nothing is certain to fail" : `${said.length} findings`;
  return stage("types", summary, said);
}

/** Codes of what the inference of effects refuses; every other denial is the policy's. */
const EFFECT_CODES: ReadonlySet<string> = new Set([
  "CAPABILITY_ID_COMPUTED",
  "UNKNOWN_CAPABILITY",
  "EFFECT_UNDERDECLARED",
  "EFFECT_DENIED",
]);

/** What is refused at its call: because its effects are not known, or because no rule grants it. */
function sitesStage(name: "effects" | "policy", sites: readonly SiteJudgement[]): AdmissionStage {
  const findings = sites.flatMap(({ verdict, span }): StageFinding[] => {
    if (verdict.kind !== "deny" || EFFECT_CODES.has(verdict.code) !== (name === "effects"))
      return [];
    const message = `${verdict.code}: ${verdict.reason}`;
    return [{ severity: "deny", message, line: span.line }];
  });
  const known = name === "effects" ? "known of each call" : "each call is granted";
  return stage(name, findings.length > 0 ? `${findings.length} calls refused` : known, findings);
}

function contractsStage({ registry }: PreparedRun, { sites }: Admission): AdmissionStage {
  const ids = [...new Set(sites.flatMap(({ capability }) => capability ?? []))].sort();
  const texts = ids.flatMap((id) => {
    const found = registry.find(id);
    return found === undefined ? [] : [`${id} ${found.manifest.version}`];
  });
  return stage("contracts", texts.length === 0 ? "none is needed" : texts.join(", "), []);
}

/** Pots whose limit the estimate passes, or cannot be compared with. */
function resourcesStage(
  { limits, governance }: AgentConfig,
  estimate: ResourceEstimate,
): AdmissionStage {
  const findings: StageFinding[] = [];
  const compare = (name: string, most: number | null, limit: number | undefined): void => {
    if (limit === undefined || (most !== null && most <= limit)) return;
    const message =
      most === null
        ? `no bound is known for what ${name} (${limit}) holds: it may end the run`
        : `it can need ${most}, and ${name} holds ${limit}`;
    findings.push({ severity: "warning", message, line: null });
  };
  compare("limits.calls", estimate.calls, limits.calls);
  for (const [name, { budgets }] of governance.policies) {
    const pot = limitsOf(budgets);
    const path = `governance.policies.${name}.budgets`;
    compare(`${path}.max_calls`, estimate.calls, pot.get("calls"));
    compare(`${path}.max_cost_usd`, estimate.costMicroUsd, pot.get("costMicroUsd"));
    compare(`${path}.token_budget`, estimate.tokens, pot.get("tokens"));
  }
  const text = (most: number | null): string =>
    most === null ? "unbounded, held by limits" : String(most);
  const summary = `calls ${text(estimate.calls)}; tokens ${text(estimate.tokens)}; cost ${text(estimate.costMicroUsd)} µUSD`;
  return stage("resources", summary, findings);
}

function approvalsStage(prepared: PreparedRun, admission: Admission): AdmissionStage {
  const { approvals, rules } = approvalsOfPlan(prepared);
  const asks = admission.sites.filter(({ verdict }) => verdict.kind === "ask").length;
  const before =
    approvals === 0
      ? "nobody before the start"
      : `${approvals} before the start (${rules.join(", ")})`;
  return stage("approvals", asks === 0 ? before : `${before}, and ${asks} calls ask first`, []);
}

function estimateOf({ registry }: PreparedRun, { flow, callable }: Admission): ResourceEstimate {
  const meters = new Map<number, { costMicroUsd: number; tokens: number }>();
  for (const byId of callable.values()) {
    for (const [id, calls] of byId) {
      const meter = registry.find(id)?.manifest.meter;
      const cost = { costMicroUsd: meter?.costMicroUsdMax ?? 0, tokens: meter?.tokensMax ?? 0 };
      for (const { site } of calls) meters.set(site, cost);
    }
  }
  return estimateResources(flow, (site) => meters.get(site) ?? { costMicroUsd: 0, tokens: 0 });
}

export interface JudgedStart {
  readonly mode: AdmissionMode | null;
  /** Digest of the envelope's body. */
  readonly envelope: string;
  readonly advice: readonly StageFinding[];
  /** Of the advice, what keeps it from starting. */
  readonly against: readonly StageFinding[];
}

/** What a start is told. Without a mode nobody asked for advice. */
export function judgeStart(prepared: PreparedRun, admission: Admission): JudgedStart {
  const { admission: mode } = prepared.config.governance;
  const envelope = bodyDigest(envelopeBody(prepared, admission));
  if (mode === null) return { mode, envelope, advice: [], against: [] };
  const report = reportAdmission(prepared, admission);
  const findings = report.stages.flatMap((each) => each.findings);
  const advice = findings.filter(({ severity }) => severity !== "deny");
  return { mode, envelope, advice, against: adviceAgainst(advice, mode) };
}

/** Everything that the judgement depends on and comes to. Equal inputs give equal bytes. */
export function envelopeBody(prepared: PreparedRun, admission: Admission): EnvelopeBody {
  const { config, digests, inputs, profiles, registry } = prepared;
  const ids = [...new Set(admission.sites.flatMap(({ capability }) => capability ?? []))].sort();
  const contracts = ids.flatMap((id): JsonObject[] => {
    const manifest = registry.find(id)?.manifest;
    if (manifest === undefined) return [];
    const digest = digestOf(manifest as unknown as JsonObject);
    return [{ id, version: manifest.version, digest }];
  });
  return {
    agent: config.agentId,
    plan: digests.plan,
    modules: moduleDigests(inputs.modules),
    config: digests.config,
    policy: digests.policy,
    profiles: digestOf(profiles.map(({ digest }) => digest)),
    effects: rowToJson(admission.planEffects),
    contracts,
    resources: estimateJson(estimateOf(prepared, admission)),
    approvals: approvalsOfPlan(prepared).approvals,
    riskTier: riskOf(prepared, admission),
  };
}

/** The highest tier of the policies that are about a call of the plan. */
function riskOf({ config }: PreparedRun, { sites }: Admission): string {
  const calls = sites.map(({ capability, effects }) => ({ capability: capability ?? "", effects }));
  const tiers = [...config.governance.policies.values()]
    .filter(
      (policy) =>
        (policy.effects.length === 0 && policy.capabilities.length === 0) ||
        calls.some((call) => isGoverned(policy, call)),
    )
    .map(({ riskTier }) => RISKS.indexOf(riskTier));
  return RISKS[Math.max(0, ...tiers)] ?? "high";
}
