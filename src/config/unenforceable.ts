/**
 * The second law, as a list: what a valid config may ask and this version cannot hold, each with
 * its field and reason.
 *
 * @module
 */
import type { AgentConfig } from "./types.ts";

export interface UnenforceableField {
  readonly path: string;
  readonly why: string;
}

/** The one file a run's chain goes to, below its directory. */
const OWN_CHAIN = "chain.jsonl";

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

function runClaims({
  causalChain,
  governance,
  capabilities,
  features,
  marketplace,
}: AgentConfig): readonly Claim[] {
  const { mode, path } = causalChain.storage;
  const llm = "this version has no model capability to bound";
  return [
    [
      mode === "vsock_stream" || mode === "sqlite",
      "causal_chain.storage.mode",
      `this version keeps no chain in :${mode}`,
    ],
    [
      causalChain.anchor.enabled && causalChain.anchor.target === "none",
      "causal_chain.anchor.enabled",
      "it names no :target to anchor checkpoints at",
    ],
    [
      mode === "append_file" && path !== null && path !== OWN_CHAIN,
      "causal_chain.storage.path",
      `this version writes each run's chain to its own directory; name "${OWN_CHAIN}"`,
    ],
    ...approvalClaims(governance),
    [
      marketplace.registryPaths.length > 0,
      "marketplace.registry_paths",
      "this version loads no capabilities from registries",
    ],
    [
      governance.keys.verify !== null,
      "governance.keys.verify",
      "this version verifies no signed plans",
    ],
    [capabilities.llm.enabled, "capabilities.llm.enabled", llm],
    [features.includes("llm"), "features", `:llm: ${llm}`],
    [features.includes("gpu"), "features", ":gpu: this version gives no program a GPU"],
  ];
}

function approvalClaims({ policies }: AgentConfig["governance"]): readonly Claim[] {
  return [...policies].map(([name, { requiresApprovals }]) => [
    requiresApprovals > 0,
    `governance.policies.${name}.requires_approvals`,
    "this version has nobody to ask for an approval",
  ]);
}
