/**
 * From source texts to a decided run, without touching the machine: read → expand → validate → compile the
 * policy → outline the plan → admit. `run`, `plan`, `why` and `replay` all start here, so they cannot differ.
 *
 * @module
 */
import { builtinProviders, type CapabilityRegistry, createRegistry } from "../capability/index.ts";
import { digestOf } from "../chain/index.ts";
import {
  type AgentConfig,
  boundConfig,
  compilePolicy,
  type Finding,
  type LoadedConfig,
  loadConfig,
  type RunBounds,
  unenforceable,
} from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import {
  policyFileDigest,
  type SignedEnvelope,
  type SignedPolicyFile,
} from "../governance/index.ts";
import { boundsAllowFile, type Policy } from "../policy/index.ts";
import {
  type Diagnostic,
  type LinkedModule,
  type LinkedOutline,
  outlinePlan,
  readForms,
} from "../rtfs/index.ts";
import { type Admission, admitPlan } from "./admission.ts";
import { type DerivedProfile, deriveStepProfiles } from "./step-profile.ts";
import { governedConfig, narrowedPolicy, policyFileIn } from "./policy-file.ts";
import { resolverOf } from "./plan-modules.ts";
import type { ProgramFile } from "./program-kind.ts";

/** The texts a run is made of; kept under `inputs/` so that a replay starts from the same bytes. */
export interface RunInputs {
  readonly configFile: string;
  readonly configSource: string;
  /** Null for an external program. */
  readonly planFile: string | null;
  readonly planSource: string | null;
  /** What the plan imports, by the names it imports; see plan-modules.ts. */
  readonly modules: readonly LinkedModule[];
  /** An external program: argv, and the digests of the files staged for it. */
  readonly command: readonly string[] | null;
  /** What runs the program when it is a file: `command` names it and its arguments, `staged` is that file. */
  readonly program?: ProgramFile;
  readonly staged: readonly { readonly path: string; readonly digest: string }[];
  readonly production: boolean;
  /** Bound as `args` and `arg0`, `arg1`, … in a plan, wire values. Absent: none. */
  readonly args?: readonly JsonValue[];
  /** What the config's `governance.policy_file` names. Absent: it names none. */
  readonly policyFile?: SignedPolicyFile;
  /** Who saw exactly this and signed it. Absent: nobody. */
  readonly envelope?: SignedEnvelope;
  /** What the operator's settings and environment allow at most. Absent: nobody says anything. */
  readonly bounds?: RunBounds;
}

export interface PreparedRun {
  /** Its modules are those that were judged with the plan: recorded, shipped and kept are no others. */
  readonly inputs: RunInputs;
  readonly config: AgentConfig;
  readonly warnings: readonly Finding[];
  readonly policy: Policy;
  readonly registry: CapabilityRegistry;
  /** Null for an external program: it has no plan to admit. */
  readonly admission: Admission | null;
  /** First that of the code outside any step; empty for an external program. */
  readonly profiles: readonly DerivedProfile[];
  readonly digests: { readonly config: string; readonly plan: string; readonly policy: string };
}

/**
 * @throws {CcosError} `CONFIG_INVALID`, `PARSE_ERROR` with every diagnostic, `UNENFORCEABLE` naming each field.
 */
export function prepareRun(given: RunInputs): PreparedRun {
  // Whoever hands in the bounds of production has its strictness too.
  const production = given.production || given.bounds?.environment === "production";
  const inputs = { ...given, production };
  const { config: written, warnings } = validConfig(inputs);
  const registry = createRegistry(builtinProviders());
  const file = policyFileIn(written, inputs);
  const governed = file === null ? written : governedConfig(written, file);
  const config = budgetedConfig(boundedConfig(governed, inputs));
  const compiled = boundPolicy(compilePolicy(config), inputs.bounds);
  const policy = file === null ? compiled : narrowedPolicy(compiled, file, registry);
  if (inputs.command !== null) refuseUnread(inputs, policy);
  const outline = outlineOf(inputs);
  const admission = outline === null ? null : admitPlan(outline, policy, registry);
  return {
    inputs: { ...inputs, modules: outline?.modules ?? [] },
    config,
    warnings,
    policy,
    registry,
    admission,
    profiles: admission === null ? [] : deriveStepProfiles(admission, policy, config),
    digests: {
      config: digestOf(inputs.configSource),
      plan: digestOf(inputs.planSource ?? commandData(inputs)),
      policy:
        inputs.policyFile === undefined
          ? digestOf(policyData(policy))
          : digestOf([policyData(policy), policyFileDigest(inputs.policyFile)]),
    },
  };
}

function commandData({ command, staged, program }: RunInputs): JsonValue {
  const words = [command, staged, ...(program === undefined ? [] : [program])];
  return words as unknown as JsonValue;
}

/** Refuse a config that this version or its rules cannot hold to its word. */
export function refuseUnenforceable(config: AgentConfig, file: string): void {
  const broken = unenforceable(config);
  if (broken.length === 0) return;
  throw new CcosError("UNENFORCEABLE", {
    what: `Cannot start an agent from "${file}"`,
    why: broken.map(({ path, why }) => `${path}: ${why}`).join("; "),
    fix: "Remove or weaken the named fields yourself; nothing is weakened silently",
    details: { fields: broken.map(({ path }) => path) },
  });
}

/** The config as it holds under the operator's bounds. */
function boundedConfig(written: AgentConfig, { bounds, production }: RunInputs): AgentConfig {
  if (bounds === undefined) return written;
  const config = boundConfig(written, bounds);
  const { mode, fs } = config.orchestrator.isolation;
  const isProduction = production || config.profile === "production";
  if (bounds.provider?.value === "mock" && (isProduction || mode !== "wasm")) {
    const asked = isProduction ? "production" : `a wall of at least "${mode}"`;
    throw refused("Cannot take the mock", `it runs nothing, and ${asked} is asked`);
  }
  for (const [name, { source }] of fs.mounts) {
    if (source !== null && !boundsAllowFile(bounds.reach, source))
      throw refused(`Cannot mount "${name}"`, `the settings' fs_policy does not hold "${source}"`);
  }
  return config;
}

/** A budget of time is a limit of the wall: it holds for a program that makes no call too. */
function budgetedConfig(config: AgentConfig): AgentConfig {
  const times = [...config.governance.policies.values()].flatMap(({ budgets }) =>
    budgets.wallMs === null ? [] : [Math.max(1, budgets.wallMs)],
  );
  if (times.length === 0) return config;
  const wallMs = Math.min(config.limits.wallMs, ...times);
  return { ...config, limits: { ...config.limits, wallMs } };
}

/** Some rule lets a program speak to hosts itself. */
export function wantsProxy(policy: Policy): boolean {
  return policy.egress.some((rule) => rule.tunnel || rule.inspect === true);
}

/** What a program of its own sends and receives past the gate is neither scanned nor labelled. */
function refuseUnread({ program }: RunInputs, policy: Policy): void {
  if (policy.flow !== undefined) {
    const why =
      "what a program of its own receives does not pass the gate, so its labels are not known";
    throw unheld("labels.sources", why, "Write it as a plan, or remove :labels");
  }
  const { enabled, canaries = [] } = policy.dlp;
  const looks = enabled || canaries.length > 0;
  // A tunnel that passes unread is said so by its rule; any other request of the program could be read, and is not.
  const isUnread = wantsProxy(policy) && policy.egress.some((rule) => !rule.tunnel);
  if (!looks || !isUnread || program?.kind === "bytecode") return;
  const why =
    "DLP does not see what a program sends through its proxy, which a rule with :inspect or :tunnel gives it";
  const fix =
    "Remove :inspect and :tunnel, so that its requests are calls; or have rules with :tunnel alone, which pass unread";
  throw unheld(enabled ? "orchestrator.dlp.enabled" : "orchestrator.dlp.canaries", why, fix);
}

function unheld(field: string, why: string, fix: string): CcosError {
  const what = "Cannot start this program";
  const details = { fields: [field] };
  return new CcosError("UNENFORCEABLE", { what, why: `${field}: ${why}`, fix, details });
}

function refused(what: string, why: string): CcosError {
  return new CcosError("ENVIRONMENT_REFUSED", { what, why, fix: "See `ccos config show`" });
}

function boundPolicy(policy: Policy, bounds: RunBounds | undefined): Policy {
  return bounds === undefined || bounds.reach.length === 0
    ? policy
    : { ...policy, bounds: bounds.reach };
}

type ConfigText = Pick<RunInputs, "configFile" | "configSource" | "production">;
let last: { readonly text: ConfigText; readonly loaded: LoadedConfig } | null = null;

/** The same text is not read twice in a row: the command line asks for `:plan` before it prepares the run. */
function configOf(text: ConfigText): LoadedConfig {
  const { configFile: file, configSource, production } = text;
  const known = last;
  if (
    known?.text.configSource === configSource &&
    known.text.configFile === file &&
    known.text.production === production
  ) {
    return known.loaded;
  }
  const loaded = loadConfig(configSource, { file, production });
  last = { text, loaded };
  return loaded;
}

/** The path of the plan as the config writes it; null when it names none or has no readable config. */
export function planNamedBy(text: ConfigText): string | null {
  return configOf(text).config?.plan ?? null;
}

/** The path of the policy file as the config writes it; null when it names none or has no readable config. */
export function policyFileNamedBy(text: ConfigText): string | null {
  return configOf(text).config?.governance.policyFile ?? null;
}

/** @throws {CcosError} `CONFIG_INVALID` with the first error and the codes of all. */
export function validConfig(text: ConfigText): {
  readonly config: AgentConfig;
  readonly warnings: readonly Finding[];
} {
  const loaded = configOf(text);
  if (loaded.config !== null && loaded.valid)
    return { config: loaded.config, warnings: loaded.findings };
  const errors = loaded.findings.filter((finding) => finding.severity === "error");
  const first = errors[0];
  throw new CcosError("CONFIG_INVALID", {
    what: `Cannot use the agent config "${text.configFile}"`,
    why: `${errors.length} error${errors.length === 1 ? "" : "s"}, the first: ${first?.code ?? ""} ${first?.message ?? ""}`,
    fix: `Run \`ccos check ${text.configFile}\` for all of them`,
    place: first?.span ?? undefined,
    details: { codes: errors.map((finding) => finding.code) },
  });
}

/** Null for an external program. */
function outlineOf({ planSource, planFile: file, modules }: RunInputs): LinkedOutline | null {
  if (planSource === null || file === null) return null;
  const forms = readForms(planSource, { file });
  if (!forms.ok) throw planError(file, forms.error);
  const outline = outlinePlan(forms.value, { resolver: resolverOf(modules) });
  if (!outline.ok) throw planError(file, outline.error);
  return outline.value;
}

function planError(file: string, diagnostics: readonly Diagnostic[]): CcosError {
  const first = diagnostics[0];
  return new CcosError("PARSE_ERROR", {
    what: `Cannot read the plan "${file}"`,
    why: `${first?.message ?? ""}${diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : ""}`,
    fix: first?.hint,
    place: first?.span,
    details: { diagnostics: diagnostics.map((each) => each.message) },
  });
}

/** A policy is plain data already; the cast says so to the type checker. */
function policyData(policy: Policy): JsonObject {
  return policy as unknown as JsonObject;
}
