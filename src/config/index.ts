/** The front door of config: read, check and compile an agent.config. */
export { findingsToJson, formatFindings } from "./format.ts";
export { isAllowedKernelWord, kernelWords } from "./kernel-words.ts";
export { loadConfig } from "./load.ts";
export { compilePolicy, FILE_CAPABILITIES } from "./policy.ts";
export { PROFILES_SOURCE } from "./profiles.ts";
export { nearest } from "./nearest.ts";
export type { AgentConfig, Finding, IsolationMode, LimitsConfig, LoadedConfig } from "./types.ts";
export { ISOLATION_MODES } from "./types.ts";
export { LIMIT_BOUNDS } from "./schema.ts";
export { isVerifyKey } from "./governance-rules.ts";
export { unenforceable } from "./unenforceable.ts";
export { ENVIRONMENTS } from "./settings-types.ts";
export type { EnvironmentName, LoadedSettings, RunBounds, Settings } from "./settings-types.ts";
export { boundConfig, boundsOf, type BoundsSources, loadSettings } from "./settings.ts";
export { parseDuration, parseSize } from "./units.ts";
export { compileValidity } from "./validity-rules.ts";
