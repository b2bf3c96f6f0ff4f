/**
 * The typed agent config: what a valid file means, with every default applied.
 *
 * Deeply read-only. Names are the file's keys in camel case. Null means absent; an empty collection
 * means empty. Collections keyed by names of the author are Maps.
 *
 * @module
 */
import type { FINDING_CODES } from "../foundation/finding-codes.ts";
import type { Weekday } from "../policy/index.ts";
import type { SourceSpan } from "../foundation/source-span.ts";
import type { EffectKind } from "../rtfs/index.ts";

/** `PARSE_ERROR`: the reader's own diagnostics. */
export type FindingCode = keyof typeof FINDING_CODES | "PARSE_ERROR";

/** One thing that is wrong, or worth a thought, in a config. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: "error" | "warning";
  /** Dotted config path in the schema's spelling, `network.egress.rules[0].host`; empty: the whole file. */
  readonly path: string;
  readonly message: string;
  readonly suggestion: string | null;
  /** The key, or the nearest place that produced it. Null: the file has no form at all. */
  readonly span: SourceSpan | null;
}

export interface LoadedConfig {
  /** Null only when no config could be read at all; with errors it is readable but must not be run. */
  readonly config: AgentConfig | null;
  /** In the order of FINDING_CODES, then by path. */
  readonly findings: readonly Finding[];
  /** No finding is an error. */
  readonly valid: boolean;
  /** Where a config path was written; a path that was not written gives its nearest written parent. */
  readonly spanOf: (path: string) => SourceSpan | null;
}

export interface LoadOptions {
  /** The name that spans carry. */
  readonly file: string;
  /** Apply production strictness; implied by `:profile :production`. */
  readonly production?: boolean;
  /** Accept placeholder values, for examples that are shown and never run. */
  readonly allowPlaceholders?: boolean;
}

export const PROFILES = [
  "minimal",
  "networked",
  "microvm",
  "microvm-min",
  "microvm-networked",
  "production",
] as const;
export type Profile = (typeof PROFILES)[number];

export const FEATURES = [
  "network",
  "telemetry",
  "attestation",
  "llm",
  "gpu",
  "fs",
  "wasm",
  "microvm",
  "marketplace",
] as const;
export type Feature = (typeof FEATURES)[number];

/** Weakest first; a mode is the least wall that is accepted. `gvisor` equals `container`. */
export const ISOLATION_MODES = ["wasm", "process", "container", "gvisor", "microvm"] as const;
export type IsolationMode = (typeof ISOLATION_MODES)[number];

export interface AgentConfig {
  readonly version: string;
  readonly agentId: string;
  readonly profile: Profile;
  readonly features: readonly Feature[];
  /** Path of the plan, relative to the config file. */
  readonly plan: string | null;
  readonly orchestrator: OrchestratorConfig;
  readonly network: NetworkConfig;
  readonly microvm: MicrovmConfig | null;
  readonly capabilities: CapabilitiesConfig;
  readonly governance: GovernanceConfig;
  readonly validity: ValidityConfig;
  readonly causalChain: CausalChainConfig;
  readonly marketplace: MarketplaceConfig;
  readonly env: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, SecretConfig>;
  readonly labels: LabelsConfig;
  readonly limits: LimitsConfig;
}

/** Exactly one of the places is given. */
export interface FlowPlaceConfig {
  /** Host pattern. */
  readonly host: string | null;
  /** Absolute; covers what is below. */
  readonly path: string | null;
  /** Capability pattern. */
  readonly capability: string | null;
}

export interface LabelsConfig {
  readonly sources: readonly (FlowPlaceConfig & {
    /** A variable or a secret. */
    readonly env: string | null;
    /** Replies that speak to a model. */
    readonly injection: boolean;
    readonly labels: readonly string[];
  })[];
  readonly sinks: readonly (FlowPlaceConfig & { readonly accepts: readonly string[] })[];
}

export interface OrchestratorConfig {
  readonly isolation: {
    readonly mode: IsolationMode;
    readonly fs: {
      readonly ephemeral: boolean;
      readonly mounts: ReadonlyMap<string, MountConfig>;
    };
  };
  /** Where time and randomness of capabilities come from. */
  readonly determinism: {
    readonly time: "real" | "deterministic";
    readonly random: "real" | "deterministic";
    /** RFC 3339: the beginning of deterministic time; null: the run's own. */
    readonly epoch: string | null;
    /** Null only where nothing is drawn from it. */
    readonly seed: string | null;
  };
  readonly dlp: {
    readonly enabled: boolean;
    readonly policy: "strict" | "moderate" | "lenient";
    readonly rules: readonly DlpRuleConfig[];
    /** Texts whose sight blocks, in any form. */
    readonly canaries: readonly string[];
    /** Words of the house, by the name of their list. */
    readonly dictionaries: ReadonlyMap<string, readonly string[]>;
    readonly injection: "label" | "withhold";
  };
}

/** Exactly one of `rule`, `path` and `field` is given. */
export interface DlpRuleConfig {
  /** A rule's name as verdicts tell it: `dlp.card-number`. */
  readonly rule: string | null;
  /** A path into a JSON body: `$.user.ssn`. */
  readonly path: string | null;
  /** A field of a form. */
  readonly field: string | null;
  readonly action: "block" | "redact" | "report";
  /** Host patterns; empty: every host. */
  readonly hosts: readonly string[];
}

export interface MountConfig {
  readonly mode: "ro" | "rw";
  /** Absolute host directory. */
  readonly source: string | null;
}

export interface NetworkConfig {
  readonly enabled: boolean;
  readonly egress: {
    readonly via: "proxy" | "direct" | "none";
    readonly allowDomains: readonly string[];
    readonly rules: readonly EgressRuleConfig[];
    readonly mtls: boolean;
    /** `sha256/` and the base64 of a 32-byte digest: for every rule that has none of its own. */
    readonly tlsPins: readonly string[];
    /** `file:PATH` of a certificate with its key; never their content. */
    readonly clientCert: string | null;
  };
}

export interface EgressRuleConfig {
  readonly host: string;
  readonly schemes: readonly ("http" | "https")[];
  /** Empty: not written; the port in `host`, else the standard port of each scheme. */
  readonly ports: readonly number[];
  readonly methods: readonly string[];
  readonly paths: readonly string[];
  readonly addresses: readonly string[];
  readonly tunnel: boolean;
  readonly inspect: boolean;
  readonly websocket: boolean;
  /** Null: bodies are not read for it. */
  readonly jsonRpc: {
    readonly methods: readonly string[];
    /** Null: every tool. */
    readonly tools: readonly string[] | null;
  } | null;
  /** As the network's. Empty: those of the network. */
  readonly tlsPins: readonly string[];
  readonly ask: boolean;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
}

export interface MicrovmConfig {
  readonly kernel: { readonly image: string; readonly cmdline: string };
  readonly rootfs: { readonly image: string; readonly ro: boolean };
  readonly resources: { readonly vcpus: number; readonly memMb: number };
  readonly devices: {
    readonly nic: { readonly enabled: boolean; readonly proxyNs: string | null };
    readonly vsock: { readonly enabled: boolean; readonly cid: number | null };
  };
  readonly attestation: {
    readonly enabled: boolean;
    /** `{kind: "policy"}`: `:policy-resolved`, the digest comes from an image lock file or a policy. */
    readonly expectRootfsHash:
      | { readonly kind: "digest"; readonly text: string }
      | { readonly kind: "policy" }
      | null;
  };
}

export interface CapabilitiesConfig {
  readonly http: {
    readonly enabled: boolean;
    readonly egress: { readonly allowDomains: readonly string[]; readonly mtls: boolean };
  };
  readonly fs: {
    readonly enabled: boolean;
    readonly paths: readonly FilePathConfig[];
  };
  readonly llm: { readonly enabled: boolean; readonly models: readonly string[] };
  /** Null: the base set. */
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[];
  /** Patterns; what is granted and matches is asked about before it happens. */
  readonly ask: readonly string[];
}

export interface FilePathConfig {
  readonly path: string;
  readonly mode: "ro" | "rw";
  readonly ask: boolean;
}

export interface GovernanceConfig {
  /** What becomes of advice; what the gate would deny stops a start in every mode. Null: nobody asks for advice. */
  readonly admission: AdmissionMode | null;
  readonly approvers: readonly ApproverConfig[];
  /** How long an approval is waited for, milliseconds; then it is a deny. */
  readonly approvalMs: number;
  /** Of all runs of this agent together, kept in the state directory. */
  readonly budgets: BudgetConfig;
  /** Each holds for what matches it; where several match, each of them holds. */
  readonly policies: ReadonlyMap<string, GovernancePolicy>;
  /** A signed policy file, relative to the config file. It only narrows. */
  readonly policyFile: string | null;
  /** The least version of it that is taken. */
  readonly policyVersion: number;
  /** Public keys: whose envelopes start a plan, whose policy file holds. */
  readonly keys: { readonly verify: string | null; readonly policy: string | null };
}

export const ADMISSION_MODES = ["warn", "enforce", "strict"] as const;
export type AdmissionMode = (typeof ADMISSION_MODES)[number];

/** Somebody whose signature counts. */
export interface ApproverConfig {
  readonly name: string;
  /** `ed25519:` and the base64 of 32 bytes. */
  readonly key: string;
  /** The host's user who this is: a run that was started as that user cannot be approved by them. */
  readonly uid: number | null;
}

export interface GovernancePolicy {
  /** Kinds of effects and capability patterns that it is about. Both empty: every call. */
  readonly effects: readonly EffectKind[];
  readonly capabilities: readonly string[];
  readonly riskTier: "low" | "medium" | "high";
  readonly requiresApprovals: number;
  /** What is approved: the plan before it starts, or each call before it happens. */
  readonly approve: "plan" | "call";
  /** Of one run. */
  readonly budgets: BudgetConfig;
}

/** Null: no budget of this kind is set. */
export interface BudgetConfig {
  readonly maxCostUsd: number | null;
  readonly tokenBudget: number | null;
  readonly maxCalls: number | null;
  readonly wallMs: number | null;
  readonly egressBytes: number | null;
  readonly storageBytes: number | null;
}

/** When the agent may act. */
export interface ValidityConfig {
  /** RFC 3339. */
  readonly from: string | null;
  readonly until: string | null;
  /** Empty: at any time. */
  readonly windows: readonly ValidityWindowConfig[];
}

export interface ValidityWindowConfig {
  /** Empty: every day. */
  readonly days: readonly Weekday[];
  /** `HH:MM`. */
  readonly from: string;
  readonly until: string;
  readonly zone: string;
}

export interface CausalChainConfig {
  readonly storage: {
    readonly mode: "in_memory" | "append_file" | "vsock_stream" | "sqlite";
    readonly path: string | null;
    readonly bufferLocal: boolean | null;
  };
  readonly anchor: AnchorConfig;
}

export interface AnchorConfig {
  readonly enabled: boolean;
  /** Where a run's checkpoint is put when it is sealed. */
  readonly target: "none" | "file" | "git" | "http" | "rfc3161";
  /** Directory of `file` and `git`. */
  readonly path: string | null;
  /** Of `http` and `rfc3161`. */
  readonly url: string | null;
  /** Whether a run whose checkpoint could not be anchored is left without its head. */
  readonly required: boolean;
}

export interface MarketplaceConfig {
  readonly registryPaths: readonly string[];
  readonly readonly: boolean | null;
}

export interface SecretConfig {
  /** `env:NAME` or `file:PATH`. */
  readonly source: string;
  /** Canonical `scheme://host:port`; never empty in a valid config. */
  readonly origins: readonly string[];
  /** Path patterns; empty: every path. */
  readonly paths: readonly string[];
  /** Lower-case header names; never empty in a valid config. */
  readonly headers: readonly string[];
}

export interface LimitsConfig {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly memoryMb: number;
  readonly pids: number;
  readonly outputBytes: number;
  readonly diskMb: number;
  /** Evaluation steps of the program. */
  readonly fuel: number;
  /** Non-tail calls in each other. */
  readonly depth: number;
  /** Capability calls of one run. */
  readonly calls: number;
  /** Wall clock of one capability call. */
  readonly callMs: number;
}
