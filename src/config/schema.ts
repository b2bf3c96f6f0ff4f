/**
 * The schema of agent.config: every field, its spelling, its default and the shape of its value.
 *
 * docs/agent-config.md is the same table in words, held equal by a test. What one field's value alone
 * decides is here; what needs two fields, or a grammar, is in the rules.
 *
 * @module
 */
import {
  type Bounds,
  block,
  type Decoder,
  field,
  flag,
  integer,
  list,
  named,
  optionalAmount,
  optionalBlock,
  optionalFlag,
  optionalList,
  optionalProse,
  optionalText,
  optionalWord,
  requiredInteger,
  requiredProse,
  requiredText,
  requiredWord,
  text,
  word,
  words,
} from "./decoder.ts";
import { WEEKDAYS } from "../policy/index.ts";
import { microvm } from "./microvm-schema.ts";
import { EFFECT_KINDS } from "../rtfs/index.ts";
import { describeNode } from "./node.ts";
import {
  ADMISSION_MODES,
  type AgentConfig,
  type ApproverConfig,
  type BudgetConfig,
  type CapabilitiesConfig,
  type CausalChainConfig,
  type DlpRuleConfig,
  type EgressRuleConfig,
  FEATURES,
  type FilePathConfig,
  type GovernanceConfig,
  type GovernancePolicy,
  ISOLATION_MODES,
  type LabelsConfig,
  type LimitsConfig,
  type MarketplaceConfig,
  type MountConfig,
  type NetworkConfig,
  type OrchestratorConfig,
  PROFILES,
  type SecretConfig,
  type ValidityConfig,
  type ValidityWindowConfig,
} from "./types.ts";

const DAY_MS = 86_400_000;
const GIB = 1024 * 1024 * 1024;

/** A run may take a week; timers of the host end at 24 days. */
const DURATION: Bounds = { min: 1, max: 7 * DAY_MS };
const MEGABYTES: Bounds = { min: 1, max: 1024 * 1024 };

/** Bounds of every limit; `docs/agent-config.md` lists them. */
export const LIMIT_BOUNDS: Readonly<Record<keyof LimitsConfig, Bounds>> = {
  wallMs: DURATION,
  cpuMs: DURATION,
  memoryMb: { min: 16, max: 1024 * 1024 },
  pids: { min: 1, max: 32_768 },
  outputBytes: { min: 1, max: GIB },
  diskMb: MEGABYTES,
  fuel: { min: 1, max: 1e15 },
  depth: { min: 1, max: 1_000_000 },
  calls: { min: 0, max: 10_000_000 },
  callMs: DURATION,
};

const mount: Decoder<MountConfig> = block<MountConfig>({
  mode: field("mode", requiredWord(["ro", "rw"])),
  source: field("source", optionalText),
});

const dlpRule: Decoder<DlpRuleConfig> = block<DlpRuleConfig>({
  rule: field("rule", optionalText),
  path: field("path", optionalText),
  field: field("field", optionalProse),
  action: field("action", requiredWord(["block", "redact", "report"])),
  hosts: field("hosts", list(requiredText)),
});

const orchestrator: Decoder<OrchestratorConfig> = block<OrchestratorConfig>({
  isolation: field(
    "isolation",
    block<OrchestratorConfig["isolation"]>({
      mode: field("mode", word(ISOLATION_MODES, "wasm")),
      fs: field(
        "fs",
        block<OrchestratorConfig["isolation"]["fs"]>({
          ephemeral: field("ephemeral", flag(false)),
          mounts: field("mounts", named(mount)),
        }),
      ),
    }),
  ),
  determinism: field(
    "determinism",
    block<OrchestratorConfig["determinism"]>({
      time: field("time", word(["real", "deterministic"], "real")),
      random: field("random", word(["real", "deterministic"], "real")),
      epoch: field("epoch", optionalText),
      seed: field("seed", optionalText),
    }),
  ),
  dlp: field(
    "dlp",
    block<OrchestratorConfig["dlp"]>({
      enabled: field("enabled", flag(false)),
      policy: field("policy", word(["strict", "moderate", "lenient"], "lenient")),
      rules: field("rules", list(dlpRule)),
      canaries: field("canaries", list(requiredProse)),
      dictionaries: field("dictionaries", named(list(requiredProse))),
      injection: field("injection", word(["label", "withhold"], "label")),
    }),
  ),
});

/** A keyword or a string, in upper case. */
const method: Decoder<string> = (node, path, reading) => {
  if (node?.kind === "keyword" || node?.kind === "string") return node.text.toUpperCase();
  const found = node === undefined ? "nothing" : describeNode(node);
  reading.refuse("TYPE_MISMATCH", path, `${path} takes a keyword such as :GET, not ${found}`);
  return "GET";
};

const BYTES: Bounds = { min: 0, max: GIB };

const egressRule: Decoder<EgressRuleConfig> = block<EgressRuleConfig>({
  host: field("host", requiredText),
  schemes: field("schemes", withDefault(optionalList(requiredWord(["https", "http"])), ["https"])),
  ports: field("ports", list(requiredInteger({ min: 1, max: 65_535 }))),
  methods: field("methods", withDefault(optionalList(method), ["GET", "HEAD"])),
  paths: field("paths", list(requiredText)),
  addresses: field("addresses", list(requiredText)),
  tunnel: field("tunnel", flag(false)),
  inspect: field("inspect", flag(false)),
  websocket: field("websocket", flag(false)),
  jsonRpc: field(
    "json-rpc",
    optionalBlock(
      block<NonNullable<EgressRuleConfig["jsonRpc"]>>({
        methods: field("methods", list(requiredText)),
        tools: field("tools", optionalList(requiredText)),
      }),
    ),
  ),
  tlsPins: field("tls_pins", list(requiredText)),
  ask: field("ask", flag(false)),
  maxRequestBytes: field("max-request-bytes", integer(1_048_576, BYTES)),
  maxResponseBytes: field("max-response-bytes", integer(10_485_760, BYTES)),
});

const network: Decoder<NetworkConfig> = block<NetworkConfig>({
  enabled: field("enabled", flag(false)),
  egress: field(
    "egress",
    block<NetworkConfig["egress"]>({
      via: field("via", word(["proxy", "direct", "none"], "none")),
      allowDomains: field("allow-domains", list(requiredText)),
      rules: field("rules", list(egressRule)),
      mtls: field("mtls", flag(false)),
      tlsPins: field("tls_pins", list(requiredText)),
      clientCert: field("client-cert", optionalText),
    }),
  ),
});

const pathWithMode: Decoder<FilePathConfig> = block<FilePathConfig>({
  path: field("path", requiredText),
  mode: field("mode", word(["ro", "rw"], "ro")),
  ask: field("ask", flag(false)),
});

/** A string is read only; a map says its mode. */
const filePath: Decoder<FilePathConfig> = (node, path, reading) =>
  node?.kind === "map"
    ? pathWithMode(node, path, reading)
    : { path: requiredText(node, path, reading), mode: "ro", ask: false };

const capabilities: Decoder<CapabilitiesConfig> = block<CapabilitiesConfig>({
  http: field(
    "http",
    block<CapabilitiesConfig["http"]>({
      enabled: field("enabled", flag(false)),
      egress: field(
        "egress",
        block<CapabilitiesConfig["http"]["egress"]>({
          allowDomains: field("allow-domains", list(requiredText)),
          mtls: field("mtls", flag(false)),
        }),
      ),
    }),
  ),
  fs: field(
    "fs",
    block<CapabilitiesConfig["fs"]>({
      enabled: field("enabled", flag(false)),
      paths: field("paths", list(filePath)),
    }),
  ),
  llm: field(
    "llm",
    block<CapabilitiesConfig["llm"]>({
      enabled: field("enabled", flag(false)),
      models: field("models", list(requiredText)),
    }),
  ),
  allow: field("allow", optionalList(requiredText)),
  deny: field("deny", list(requiredText)),
  ask: field("ask", list(requiredText)),
});

const AMOUNT: Bounds = { min: 0, max: 1e15 };

const budgets: Decoder<BudgetConfig> = block<BudgetConfig>({
  maxCostUsd: field("max_cost_usd", optionalAmount({ min: 0, max: 1e9 }, false)),
  tokenBudget: field("token_budget", optionalAmount(AMOUNT, true)),
  maxCalls: field("max_calls", optionalAmount(AMOUNT, true)),
  wallMs: field("wall_ms", optionalAmount(AMOUNT, true)),
  egressBytes: field("egress_bytes", optionalAmount(AMOUNT, true)),
  storageBytes: field("storage_bytes", optionalAmount(AMOUNT, true)),
});

const policy: Decoder<GovernancePolicy> = block<GovernancePolicy>({
  effects: field("effects", words(EFFECT_KINDS)),
  capabilities: field("capabilities", list(requiredText)),
  riskTier: field("risk_tier", word(["low", "medium", "high"], "low")),
  requiresApprovals: field("requires_approvals", integer(0, { min: 0, max: 100 })),
  approve: field("approve", word(["plan", "call"], "plan")),
  budgets: field("budgets", budgets),
});

const approver: Decoder<ApproverConfig> = block<ApproverConfig>({
  name: field("name", requiredText),
  key: field("key", requiredText),
  uid: field("uid", optionalAmount({ min: 0, max: 4_294_967_294 }, true)),
});

const governance: Decoder<GovernanceConfig> = block<GovernanceConfig>({
  admission: field("admission", optionalWord(ADMISSION_MODES)),
  approvers: field("approvers", list(approver)),
  approvalMs: field("approval_ms", integer(600_000, DURATION)),
  budgets: field("budgets", budgets),
  policies: field("policies", named(policy)),
  policyFile: field("policy_file", optionalText),
  policyVersion: field("policy_version", integer(0, AMOUNT)),
  keys: field(
    "keys",
    block<GovernanceConfig["keys"]>({
      verify: field("verify", optionalProse),
      policy: field("policy", optionalProse),
    }),
  ),
});

const validity: Decoder<ValidityConfig> = block<ValidityConfig>({
  from: field("from", optionalText),
  until: field("until", optionalText),
  windows: field(
    "windows",
    list(
      block<ValidityWindowConfig>({
        days: field("days", words(WEEKDAYS)),
        from: field("from", text("00:00")),
        until: field("until", text("24:00")),
        zone: field("zone", text("UTC")),
      }),
    ),
  ),
});

const causalChain: Decoder<CausalChainConfig> = block<CausalChainConfig>({
  storage: field(
    "storage",
    block<CausalChainConfig["storage"]>({
      mode: field(
        "mode",
        word(["in_memory", "append_file", "vsock_stream", "sqlite"], "in_memory"),
      ),
      path: field("path", optionalText),
      bufferLocal: field("buffer_local", optionalFlag),
    }),
  ),
  anchor: field(
    "anchor",
    block<CausalChainConfig["anchor"]>({
      enabled: field("enabled", flag(false)),
      target: field("target", word(["none", "file", "git", "http", "rfc3161"], "none")),
      path: field("path", optionalText),
      url: field("url", optionalText),
      required: field("required", flag(false)),
    }),
  ),
});

const marketplace: Decoder<MarketplaceConfig> = block<MarketplaceConfig>({
  registryPaths: field("registry_paths", list(requiredText)),
  readonly: field("readonly", optionalFlag),
});

const secret: Decoder<SecretConfig> = block<SecretConfig>({
  source: field("source", requiredText),
  origins: field("origins", list(requiredText)),
  paths: field("paths", list(requiredText)),
  headers: field("headers", list(requiredText)),
});

/** A keyword or a string. */
const label: Decoder<string> = (node, path, reading) =>
  node?.kind === "keyword" ? node.text : requiredText(node, path, reading);

const place = {
  host: field("host", optionalText),
  path: field("path", optionalText),
  capability: field("capability", optionalText),
} as const;

const labels: Decoder<LabelsConfig> = block<LabelsConfig>({
  sources: field(
    "sources",
    list(
      block<LabelsConfig["sources"][number]>({
        ...place,
        env: field("env", optionalText),
        injection: field("injection", flag(false)),
        labels: field("labels", list(label)),
      }),
    ),
  ),
  sinks: field(
    "sinks",
    list(
      block<LabelsConfig["sinks"][number]>({ ...place, accepts: field("accepts", list(label)) }),
    ),
  ),
});

const limits: Decoder<LimitsConfig> = block<LimitsConfig>({
  wallMs: field("wall-ms", integer(600_000, LIMIT_BOUNDS.wallMs)),
  cpuMs: field("cpu-ms", integer(600_000, LIMIT_BOUNDS.cpuMs)),
  memoryMb: field("memory-mb", integer(512, LIMIT_BOUNDS.memoryMb)),
  pids: field("pids", integer(64, LIMIT_BOUNDS.pids)),
  outputBytes: field("output-bytes", integer(10_485_760, LIMIT_BOUNDS.outputBytes)),
  diskMb: field("disk-mb", integer(64, LIMIT_BOUNDS.diskMb)),
  fuel: field("fuel", integer(50_000_000, LIMIT_BOUNDS.fuel)),
  depth: field("depth", integer(10_000, LIMIT_BOUNDS.depth)),
  calls: field("calls", integer(10_000, LIMIT_BOUNDS.calls)),
  callMs: field("call-ms", integer(30_000, LIMIT_BOUNDS.callMs)),
});

/** The whole config. An absent block is a block of defaults, but `microvm`, which may be absent. */
export const agentConfig: Decoder<AgentConfig> = block<AgentConfig>({
  version: field("version", text("0.1")),
  agentId: field("agent-id", text("agent.default")),
  profile: field("profile", word(PROFILES, "minimal")),
  features: field("features", words(FEATURES)),
  plan: field("plan", optionalText),
  orchestrator: field("orchestrator", orchestrator),
  network: field("network", network),
  microvm: field("microvm", optionalBlock(microvm)),
  capabilities: field("capabilities", capabilities),
  governance: field("governance", governance),
  validity: field("validity", validity),
  causalChain: field("causal_chain", causalChain),
  marketplace: field("marketplace", marketplace),
  env: field("env", named(requiredProse)),
  secrets: field("secrets", named(secret)),
  labels: field("labels", labels),
  limits: field("limits", limits),
});

function withDefault<T>(read: Decoder<T | null>, fallback: T): Decoder<T> {
  return (node, path, reading) => read(node, path, reading) ?? fallback;
}
