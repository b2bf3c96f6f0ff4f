/**
 * The second law, as a list: what a valid config may ask and this version cannot hold, each with
 * its field and reason.
 *
 * @module
 */
import { isVerifyKey } from "./governance-rules.ts";
import type { AgentConfig, BudgetConfig } from "./types.ts";

export interface UnenforceableField {
  readonly path: string;
  readonly why: string;
}

/** The one file a run's chain goes to, below its directory. */
const OWN_CHAINS: ReadonlyMap<string, string> = new Map([
  ["append_file", "chain.jsonl"],
  ["sqlite", "chain.db"],
]);

type Claim = readonly [asked: boolean, path: string, why: string];

/**
 * What a valid config asks and this version cannot hold at run time. Any entry stops a start; nothing is
 * weakened instead. Empty: the config can be enforced, as far as a config alone can tell.
 */
export function unenforceable(config: AgentConfig): readonly UnenforceableField[] {
  return [...wallClaims(config), ...networkClaims(config), ...runClaims(config)]
    .filter(([asked]) => asked)
    .map(([, path, why]) => ({ path, why }));
}

function wallClaims({ microvm }: AgentConfig): readonly Claim[] {
  return [
    [
      microvm?.devices.nic.enabled ?? false,
      "microvm.devices.nic.enabled",
      "a machine of this version has no network card",
    ],
  ];
}

function networkClaims({ network }: AgentConfig): readonly Claim[] {
  return [
    [
      network.enabled && network.egress.via === "direct",
      "network.egress.via",
      "no wall lets a program out around the proxy",
    ],
  ];
}

function runClaims(config: AgentConfig): readonly Claim[] {
  const { causalChain, governance, capabilities, features, marketplace } = config;
  const asks =
    capabilities.ask.length > 0 ||
    [...capabilities.fs.paths, ...config.network.egress.rules].some(({ ask }) => ask);
  const { mode, path } = causalChain.storage;
  const own = OWN_CHAINS.get(mode);
  const llm = "this version has no model capability to bound";
  return [
    [
      mode === "vsock_stream",
      "causal_chain.storage.mode",
      "this version keeps no chain in :vsock_stream",
    ],
    [
      causalChain.anchor.enabled && causalChain.anchor.target === "none",
      "causal_chain.anchor.enabled",
      "it names no :target to anchor checkpoints at",
    ],
    [
      own !== undefined && path !== null && path !== own,
      "causal_chain.storage.path",
      `this version writes each run's chain to its own directory; name "${own}"`,
    ],
    ...governanceClaims(governance),
    ...tunnelClaims(config),
    [
      asks && governance.approvers.length === 0,
      "governance.approvers",
      "a rule asks first, and nobody is named who may answer",
    ],
    [
      marketplace.registryPaths.length > 0,
      "marketplace.registry_paths",
      "this version loads no capabilities from registries",
    ],
    [capabilities.llm.enabled, "capabilities.llm.enabled", llm],
    [features.includes("llm"), "features", `:llm: ${llm}`],
    [features.includes("gpu"), "features", ":gpu: this version gives no program a GPU"],
  ];
}

/** What a program sends through its proxy passes no gate: nobody counts it, and nobody can be asked about it. */
function tunnelClaims({ governance, network }: AgentConfig): readonly Claim[] {
  const tunnels =
    network.enabled && network.egress.rules.some(({ tunnel, inspect }) => tunnel || inspect);
  const isMetered = ({ maxCalls, egressBytes }: BudgetConfig): boolean =>
    maxCalls !== null || egressBytes !== null;
  const why = "a rule has :tunnel or :inspect, and what passes the proxy is not counted";
  const asks = "a rule has :tunnel or :inspect, and nobody is asked about what passes the proxy";
  return [
    [tunnels && isMetered(governance.budgets), "governance.budgets", why],
    ...[...governance.policies].flatMap(([name, policy]): readonly Claim[] => {
      const path = `governance.policies.${name}`;
      const perCall = policy.approve === "call" && policy.requiresApprovals > 0;
      return [
        [tunnels && isMetered(policy.budgets), `${path}.budgets`, why],
        [tunnels && perCall, `${path}.approve`, asks],
      ];
    }),
  ];
}

function governanceClaims({
  policies,
  approvers,
  keys,
  policyFile,
}: AgentConfig["governance"]): readonly Claim[] {
  const claims = [...policies].map(
    ([name, { requiresApprovals }]): Claim => [
      requiresApprovals > approvers.length,
      `governance.policies.${name}.requires_approvals`,
      `:governance names ${approvers.length} approvers, so ${requiresApprovals} can never agree`,
    ],
  );
  const why = "no key in governance.keys.policy says whose policy file holds";
  return [
    ...claims,
    [policyFile !== null && !isVerifyKey(keys.policy ?? ""), "governance.policy_file", why],
    [
      keys.verify !== null && !isVerifyKey(keys.verify),
      "governance.keys.verify",
      "it names a key that lies elsewhere; write the key itself: ed25519:BASE64",
    ],
  ];
}
