/**
 * The policy file of a run: what it adds to the config, and what it takes from the policy. Pure.
 *
 * @module
 */
import type { CapabilityRegistry } from "../capability/index.ts";
import type { AgentConfig } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { deniedBy, policyFileFlaw, policyOf, type SignedPolicyFile } from "../governance/index.ts";
import type { Policy } from "../policy/index.ts";

type PolicyFile = ReturnType<typeof policyOf>;

/** Of the inputs of a run. */
interface Handed {
  readonly configFile: string;
  readonly policyFile?: SignedPolicyFile;
}

/**
 * Null: the config names none.
 *
 * @throws {CcosError} `POLICY_FILE_REFUSED`: it names one that was not handed in, or that its key did not sign.
 */
export function policyFileIn(
  { governance }: AgentConfig,
  { policyFile: file, configFile }: Handed,
): PolicyFile | null {
  const { policyFile: path, policyVersion: versionMin, keys } = governance;
  if (path === null) return null;
  if (file === undefined) throw refused(configFile, `"${path}" was not handed in with it`);
  const flaw = policyFileFlaw(file, { key: keys.policy, versionMin });
  if (flaw !== null) throw refused(configFile, `of its policy file: ${flaw}`);
  return policyOf(file);
}

/** With the file's tiers, approvals and budgets beside the config's own. */
export function governedConfig(config: AgentConfig, { rules }: PolicyFile): AgentConfig {
  const own = rules.map(({ name, policy }) => [`policy_file ${name}`, policy] as const);
  const policies = new Map([...config.governance.policies, ...own]);
  return { ...config, governance: { ...config.governance, policies } };
}

/** Without what the file denies: a deny of the policy itself, which everybody who decides sees. */
export function narrowedPolicy(
  policy: Policy,
  file: PolicyFile,
  registry: CapabilityRegistry,
): Policy {
  const calls = registry
    .list()
    .map(({ manifest: { id, effects } }) => ({ capability: id, effects }));
  const tunnel = { capability: "ccos.network.connect", effects: ["network"] };
  return { ...policy, deny: [...policy.deny, ...deniedBy(file, [...calls, tunnel])] };
}

function refused(config: string, why: string): CcosError {
  return new CcosError("POLICY_FILE_REFUSED", {
    what: `Cannot use the agent config "${config}"`,
    why,
    fix: "Have it signed: `ccos policy sign RULES --key KEY --out FILE`",
  });
}
