/**
 * What one step of an admitted plan may do at most: a pure function of the plan, the config and the policy.
 *
 * Read in this order: StepProfile, deriveStepProfiles. A profile is what the step's calls can ask for (admission.ts)
 * cut to what the rules grant, one grant for each rule, so that every host and path in it names the line that allows it. It
 * grants nothing by itself: each call is still decided by the policy and held to the plan (gate.ts). Its digest is in
 * the chain before the first step; the same inputs give the same bytes.
 *
 * @module
 */
import { digestOf } from "../chain/index.ts";
import type { AgentConfig, IsolationMode } from "../config/index.ts";
import type { JsonObject } from "../foundation/json.ts";
import type { EgressRule, FileRule, Policy } from "../policy/index.ts";
import { type EffectRow, makeRow, meetRows, type ParameterValue } from "../rtfs/index.ts";
import type { Admission } from "./admission.ts";
import { POLICY_MATCHERS } from "./effect-contracts.ts";

/** What one rule of the policy lets the step reach. Lists are sorted; `"any"` never stands in them. */
export interface NetworkGrant {
  /** Config path of the rule. */
  readonly rule: string;
  readonly domains: readonly string[];
  readonly methods: readonly string[];
  readonly ports: readonly number[];
  readonly schemes: readonly string[];
  /** Path patterns; empty: every path. */
  readonly paths: readonly string[];
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
}

export interface FileGrant {
  readonly rule: string;
  readonly paths: readonly string[];
  readonly modes: readonly string[];
}

export interface StepProfile {
  /** Null: the code outside any step. */
  readonly step: string | null;
  readonly parent: string | null;
  readonly networkAcl: {
    readonly allowDomains: readonly string[];
    readonly allowMethods: readonly string[];
    readonly grants: readonly NetworkGrant[];
  };
  readonly fsPolicy: {
    /** Writable inside the wall, gone with it. */
    readonly workdir: "tmpfs";
    readonly capabilitiesMount: "ro";
    readonly allowedPaths: readonly FileGrant[];
  };
  /** `real`: only with a capability whose contract has the effect; a plan itself has no clock and no randomness. */
  readonly determinism: { readonly time: Determinism; readonly random: Determinism };
  /** True: the config and its features have it, and a call of the step needs it. */
  readonly featureGates: { readonly llm: boolean; readonly gpu: boolean };
  readonly limits: AgentConfig["limits"];
  /** The least wall that the step's effects ask for; the run's own is at least this. */
  readonly isolation: IsolationMode;
}

type Determinism = "deterministic" | "real";

export interface DerivedProfile {
  readonly profile: StepProfile;
  /** `sha256:` and 64 hex digits, of the profile as canonical JSON. */
  readonly digest: string;
}

/** First that of the code outside any step, then the steps in source order. */
export function deriveStepProfiles(
  admission: Pick<Admission, "effects" | "steps">,
  policy: Policy,
  config: AgentConfig,
): readonly DerivedProfile[] {
  const parents = new Map(admission.steps.map(({ name, parent }) => [name, parent]));
  return admission.effects.map(({ step, row }) => {
    const parent = step === null ? null : (parents.get(step) ?? null);
    const profile = profileOf({ step, parent, row }, policy, config);
    return { profile, digest: digestOf(profile as unknown as JsonObject) };
  });
}

interface Step {
  readonly step: string | null;
  readonly parent: string | null;
  readonly row: EffectRow;
}

function profileOf({ step, parent, row }: Step, policy: Policy, config: AgentConfig): StepProfile {
  const grants = policy.egress.flatMap((rule) => networkGrant(rule, row));
  const { time, random } = config.orchestrator.determinism;
  const real = (kind: "clock" | "random", asked: Determinism): Determinism =>
    row.has(kind) ? asked : "deterministic";
  const { capabilities, features } = config;
  return {
    step,
    parent,
    networkAcl: {
      allowDomains: united(grants.map(({ domains }) => domains)),
      allowMethods: united(grants.map(({ methods }) => methods)),
      grants,
    },
    fsPolicy: {
      workdir: "tmpfs",
      capabilitiesMount: "ro",
      allowedPaths: policy.files.flatMap((rule) => fileGrant(rule, row)),
    },
    determinism: { time: real("clock", time), random: real("random", random) },
    featureGates: {
      llm: row.has("llm") && capabilities.llm.enabled && features.includes("llm"),
      gpu: row.has("gpu") && features.includes("gpu"),
    },
    limits: config.limits,
    isolation: isolationOf(row, config.orchestrator.isolation.mode),
  };
}

function networkGrant(rule: EgressRule, row: EffectRow): readonly NetworkGrant[] {
  const granted = new Map<string, ParameterValue>([
    ["domains", [rule.host]],
    ["methods", [...rule.methods]],
    ["ports", rule.ports.map(String)],
    ["protocols", [...rule.schemes]],
    ["ip_ranges", "any"],
    ["mTLS", false],
  ]);
  const both = meetRows(makeRow([["network", granted]], POLICY_MATCHERS), row, POLICY_MATCHERS);
  const network = both.get("network");
  if (network === undefined) return [];
  return [
    {
      rule: rule.rule,
      domains: items(network.get("domains")),
      methods: items(network.get("methods")),
      ports: items(network.get("ports")).map(Number),
      schemes: items(network.get("protocols")),
      paths: [...rule.paths],
      requestBytesMax: rule.requestBytesMax,
      responseBytesMax: rule.responseBytesMax,
    },
  ];
}

function fileGrant({ rule, path, mode }: FileRule, row: EffectRow): readonly FileGrant[] {
  const modes = mode === "ro" ? ["read"] : ["read", "write"];
  const granted = new Map<string, ParameterValue>([
    ["paths", [path]],
    ["modes", modes],
  ]);
  const both = meetRows(makeRow([["fs", granted]], POLICY_MATCHERS), row, POLICY_MATCHERS);
  const fs = both.get("fs");
  return fs === undefined
    ? []
    : [{ rule, paths: items(fs.get("paths")), modes: items(fs.get("modes")) }];
}

/** A rule names every item, and so does what is within it. */
function items(value: ParameterValue | undefined): readonly string[] {
  if (typeof value !== "object") throw new TypeError("A grant names its items");
  return value;
}

function united(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort();
}

/** Pure code asks for no more than a sandbox of the language; what reaches the machine itself, for one of its own. */
function isolationOf(row: EffectRow, mode: IsolationMode): IsolationMode {
  const kinds = [...row.keys()];
  if (kinds.some((kind) => kind === "process" || kind === "ipc" || kind === "device"))
    return "microvm";
  return kinds.length === 0 ? "wasm" : mode;
}
