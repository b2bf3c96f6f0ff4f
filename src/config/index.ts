/** The front door of config: read, check and compile an agent.config. */
export { findingsToJson, formatFindings } from "./format.ts";
export { loadConfig } from "./load.ts";
export { compilePolicy } from "./policy.ts";
export { PROFILES_SOURCE } from "./profiles.ts";
export { FEATURES, ISOLATION_MODES, PROFILES } from "./types.ts";
export type {
  AgentConfig,
  CapabilitiesConfig,
  CausalChainConfig,
  EgressRuleConfig,
  Feature,
  Finding,
  FindingCode,
  GovernanceConfig,
  GovernancePolicy,
  IsolationMode,
  LimitsConfig,
  LoadedConfig,
  LoadOptions,
  MarketplaceConfig,
  MicrovmConfig,
  MountConfig,
  NetworkConfig,
  OrchestratorConfig,
  Profile,
  SecretConfig,
} from "./types.ts";
export { unenforceable } from "./unenforceable.ts";
