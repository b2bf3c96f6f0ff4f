/**
 * A policy file: typed rules over effects, versioned and signed, that hold for every agent whose config names it.
 *
 * Read in this order: PolicyRule, policyFileOf, policyFileFlaw, deniedBy. Deny wins, and what no rule allows is denied: a
 * file can only narrow what a config grants, and add to who must agree and what may be spent. Pure.
 *
 * @module
 */
import { digestOf } from "../chain/index.ts";
import { type AgentConfig, isVerifyKey } from "../config/index.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../foundation/json.ts";
import { type CapabilityRule, parseCapabilityPattern } from "../policy/index.ts";
import { isEffectKind } from "../rtfs/index.ts";
import { BUDGETS } from "./budget.ts";
import { isSignedFor, signFor, type SigningKey } from "./keys.ts";
import { type GovernedCall, isGoverned } from "./requirement.ts";

type Policies = AgentConfig["governance"]["policies"];
type GovernancePolicy = Policies extends ReadonlyMap<string, infer P> ? P : never;

/** One rule. Without selectors it is about every call that has an effect. */
export interface PolicyRule {
  readonly name: string;
  readonly verdict: "allow" | "deny";
  /** Tier, approvals and budgets of what it is about; as a policy of a config. */
  readonly policy: GovernancePolicy;
}

export interface PolicyFile {
  readonly version: number;
  readonly rules: readonly PolicyRule[];
}

/** As it lies in a file. */
export interface SignedPolicyFile {
  readonly v: 1;
  /** Counts up; a config names the least that it takes. */
  readonly version: number;
  readonly rules: readonly JsonObject[];
  readonly key: string;
  readonly signature: string;
}

const RULES_MAX = 256;
const RULE_KEYS = ["name", "verdict", "effects", "capabilities", "risk_tier", "requires_approvals"];
const OPTIONAL_KEYS = ["approve", "budgets"];

/** @returns Null for what is no policy file; its signature is not checked here. */
export function policyFileOf(value: unknown): SignedPolicyFile | null {
  if (!isJsonObject(value) || Object.keys(value).length !== 5) return null;
  const { v, version, rules, key, signature } = value;
  const isSound =
    v === 1 &&
    isCount(version) &&
    Array.isArray(rules) &&
    rulesOf(rules) !== null &&
    typeof key === "string" &&
    isVerifyKey(key) &&
    typeof signature === "string";
  return isSound ? (value as unknown as SignedPolicyFile) : null;
}

/** What a rules file says before it is signed: `{version, rules}`. Null: it is not that. */
export function signPolicyFile(value: unknown, key: SigningKey): SignedPolicyFile | null {
  if (!isJsonObject(value) || Object.keys(value).length !== 2) return null;
  const { version, rules } = value;
  if (!isCount(version) || !Array.isArray(rules) || rulesOf(rules) === null) return null;
  const unsigned = { v: 1, version, rules: rules as JsonObject[], key: key.text } as const;
  return { ...unsigned, signature: signFor("policy", { ...unsigned }, key) };
}

/** Why a config does not take a file; null: it does. */
export function policyFileFlaw(
  file: SignedPolicyFile,
  { key, versionMin }: { readonly key: string | null; readonly versionMin: number },
): string | null {
  const { signature, ...fields } = file;
  if (key === null) return "the config names no key for it";
  if (file.key !== key) return `it is signed with ${file.key}, and the config names ${key}`;
  if (!isSignedFor("policy", fields as unknown as JsonObject, { key, signature }))
    return "its signature does not verify";
  if (file.version < versionMin)
    return `it is version ${file.version}, and the config takes ${versionMin}`;
  return null;
}

/** @param file - Of {@link policyFileOf}. */
export function policyOf({ version, rules }: SignedPolicyFile): PolicyFile {
  const read = rulesOf(rules);
  if (read === null) throw new TypeError("A policy file is read before it is used");
  return { version, rules: read };
}

/** Names the file in records. */
export function policyFileDigest(file: SignedPolicyFile): string {
  return digestOf(file as unknown as JsonObject);
}

/** The capabilities that the file denies, each by the rule that does. A call without an effect is not its concern. */
export function deniedBy(
  { rules }: PolicyFile,
  calls: readonly GovernedCall[],
): readonly CapabilityRule[] {
  return calls
    .filter(({ effects }) => effects.length > 0)
    .flatMap((call): CapabilityRule[] => {
      const about = rules.filter(({ policy }) => isGoverned(policy, call));
      const denying = about.find(({ verdict }) => verdict === "deny");
      if (denying === undefined && about.length > 0) return [];
      const rule = `governance.policy_file ${denying?.name ?? "(no rule allows it)"}`;
      return [{ rule, pattern: call.capability }];
    });
}

function rulesOf(values: readonly JsonValue[]): readonly PolicyRule[] | null {
  const rules = values.map(ruleOf);
  const names = new Set(rules.map((rule) => rule?.name));
  if (rules.length > RULES_MAX || names.size !== rules.length) return null;
  return rules.every((rule) => rule !== null) ? rules : null;
}

function ruleOf(value: JsonValue): PolicyRule | null {
  if (!isJsonObject(value)) return null;
  const keys = Object.keys(value);
  const isKnown = (key: string): boolean => [...RULE_KEYS, ...OPTIONAL_KEYS].includes(key);
  if (!keys.every(isKnown) || !RULE_KEYS.every((key) => Object.hasOwn(value, key))) return null;
  const { name, verdict, effects, capabilities, approve = "plan" } = value;
  const { risk_tier: tier, requires_approvals: approvals } = value;
  const budgets = budgetsOf(value["budgets"] ?? {});
  const isSound =
    typeof name === "string" &&
    /^[a-z0-9][a-z0-9._-]{0,63}$/.test(name) &&
    (verdict === "allow" || verdict === "deny") &&
    isListOf(effects, isEffectKind) &&
    isListOf(capabilities, (text) => parseCapabilityPattern(text).ok) &&
    (tier === "low" || tier === "medium" || tier === "high") &&
    isCount(approvals) &&
    approvals <= 100 &&
    (approve === "plan" || approve === "call") &&
    budgets !== null;
  if (!isSound) return null;
  const policy = {
    effects,
    capabilities,
    riskTier: tier,
    requiresApprovals: approvals,
    approve,
    budgets,
  };
  // Each field was checked above.
  return { name, verdict, policy: policy as unknown as GovernancePolicy };
}

function budgetsOf(value: JsonValue): GovernancePolicy["budgets"] | null {
  if (!isJsonObject(value)) return null;
  const keys: readonly string[] = Object.values(BUDGETS);
  const isSound = Object.entries(value).every(
    ([key, amount]) =>
      keys.includes(key) &&
      typeof amount === "number" &&
      amount >= 0 &&
      amount <= 1e15 &&
      (key === BUDGETS.costMicroUsd || Number.isInteger(amount)),
  );
  if (!isSound) return null;
  const amount = (key: string): number | null => (value[key] as number | undefined) ?? null;
  return {
    maxCostUsd: amount(BUDGETS.costMicroUsd),
    tokenBudget: amount(BUDGETS.tokens),
    maxCalls: amount(BUDGETS.calls),
    wallMs: amount(BUDGETS.wallMs),
    egressBytes: amount(BUDGETS.egressBytes),
    storageBytes: amount(BUDGETS.storageBytes),
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isListOf(value: JsonValue | undefined, check: (text: string) => boolean): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string" && check(each));
}
