/**
 * From an execution context to the agent config that says the same, as text: there is one way into a run.
 *
 * A context that no rule can hold is refused here: `Full` policies and deny lists grant what nobody named.
 *
 * @module
 */
import { FILE_CAPABILITIES } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { levelDefaults, matchCapability } from "../policy/index.ts";
import { printValue } from "../rtfs/index.ts";

export type ExecutionNetworkPolicy =
  | "Denied"
  | "Full"
  | { readonly AllowList: readonly string[] }
  | { readonly DenyList: readonly string[] };

export type ExecutionFsPolicy =
  | "None"
  | "Full"
  | { readonly ReadOnly: readonly string[] }
  | { readonly ReadWrite: readonly string[] };

export interface ExecutionConfig {
  readonly timeoutMs: number;
  readonly memoryLimitMb: number;
  /** Processors, as an average over `timeoutMs`. */
  readonly cpuLimit: number;
  readonly networkPolicy: ExecutionNetworkPolicy;
  readonly fsPolicy: ExecutionFsPolicy;
  readonly envVars: ReadonlyMap<string, string>;
}

/** The figures of the settings that were shipped first. */
export const EXECUTION_DEFAULTS: ExecutionConfig = {
  timeoutMs: 30_000,
  memoryLimitMb: 128,
  cpuLimit: 0.5,
  networkPolicy: "Denied",
  fsPolicy: "None",
  envVars: new Map(),
};

/** Who asks. Null in a context means `pure`: no capability at all. */
export interface RuntimeContext {
  readonly level: "pure" | "controlled";
  /** Capability ids and patterns that a controlled program may use. */
  readonly capabilities: readonly string[];
}

/** A level's memory is what a program's values may take: below this, not every wall can start our evaluator. */
const MEMORY_MB_MIN = 128;
/** A level's time is a program's: the wall's own start comes on top, which a busy host may stretch. */
const START_MS = 10_000;
const MIB = 1024 * 1024;

const HTTP = "ccos.network.http-fetch";

/** The permissions that the context holds too. */
export function grantedBy(
  context: RuntimeContext | null,
  permissions: readonly string[],
): readonly string[] {
  if (context === null || context.level === "pure") return [];
  // `*` is for level full, which no context has.
  const held = context.capabilities.filter((pattern) => pattern !== "*");
  return permissions.filter(
    (permission) =>
      permission !== "*" &&
      held.some((pattern) => pattern === permission || matchCapability(pattern, permission)),
  );
}

/** @throws {CcosError} `UNENFORCEABLE` for a policy that names nothing. */
export function configText(
  config: ExecutionConfig,
  granted: readonly string[],
  context: RuntimeContext | null,
): string {
  const level = levelDefaults(context?.level ?? "pure").limits;
  const wallMs = Math.min(config.timeoutMs, (level.wallMs ?? Infinity) + START_MS);
  const levelMb = Math.max(MEMORY_MB_MIN, (level.memoryBytes ?? Infinity) / MIB);
  const memoryMb = Math.min(config.memoryLimitMb, levelMb);
  const cpuMs = Math.max(1, Math.floor(wallMs * config.cpuLimit));
  const hosts = hostsOf(config.networkPolicy);
  const files = filesOf(config.fsPolicy);
  const holds = (capability: string): boolean =>
    granted.some((pattern) => matchCapability(pattern, capability));
  // A block grants all of its capabilities: those that nobody permitted are taken out again.
  const withheld = FILE_CAPABILITIES.filter((each) => !holds(each));
  const env = [...config.envVars].map(([name, value]) => `${text(name)} ${text(value)}`);
  return `(agent.config
  :agent-id "execution"
  :features [:network :fs]
  :limits {:wall-ms ${wallMs} :cpu-ms ${cpuMs} :memory-mb ${memoryMb}}
  :network {:enabled ${hosts.length > 0} :egress {:via :proxy :rules [${hosts.map(hostRule).join(" ")}]}}
  :capabilities {:allow [${granted.filter(isCapability).map(text).join(" ")}]
                 :http {:enabled ${holds(HTTP) && hosts.length > 0}}
                 :deny [${withheld.map(text).join(" ")}]
                 :fs {:enabled ${files.length > 0 && withheld.length < FILE_CAPABILITIES.length} :paths [${files.join(" ")}]}}
  :env {${env.join(" ")}})
`;
}

/** `external_program` and `native_function` are permissions to `execute`, not capabilities. */
function isCapability(permission: string): boolean {
  return permission.includes(".");
}

function text(value: string): string {
  return printValue(value);
}

function hostRule(host: string): string {
  return `{:host ${text(host)} :schemes [:https :http] :methods [:GET :HEAD :POST :PUT :PATCH :DELETE]}`;
}

function hostsOf(policy: ExecutionNetworkPolicy): readonly string[] {
  if (policy === "Denied") return [];
  if (policy !== "Full" && "AllowList" in policy) return policy.AllowList;
  throw unenforceable("networkPolicy", policy === "Full" ? "Full" : "DenyList", "an AllowList");
}

function filesOf(policy: ExecutionFsPolicy): readonly string[] {
  if (policy === "None") return [];
  if (policy === "Full") throw unenforceable("fsPolicy", "Full", "ReadOnly or ReadWrite paths");
  const [paths, mode] = "ReadOnly" in policy ? [policy.ReadOnly, "ro"] : [policy.ReadWrite, "rw"];
  return paths.map((path) => `{:path ${text(path)} :mode :${mode}}`);
}

function unenforceable(field: string, word: string, instead: string): CcosError {
  return new CcosError("UNENFORCEABLE", {
    what: `Cannot execute with ${field} ${word}`,
    why: "it grants what nobody named, and no rule can hold that",
    fix: `Give ${instead}`,
  });
}
