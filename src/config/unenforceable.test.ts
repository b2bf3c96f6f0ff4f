import { expect, test } from "vitest";
import { loadConfig, unenforceable } from "./index.ts";

function pathsOf(fields: string): readonly string[] {
  const { config } = loadConfig(`(agent.config ${fields})`, { file: "a.rtfs" });
  if (config === null) throw new Error("the test's config cannot be read");
  return unenforceable(config).map((each) => each.path);
}

test.each([
  ["", []],
  [":orchestrator {:isolation {:mode :process}}", []],
  [":orchestrator {:isolation {:mode :container}}", []],
  [":orchestrator {:isolation {:mode :gvisor}}", []],
  [":orchestrator {:isolation {:mode :microvm}}", []],
  [":microvm {:attestation {:enabled true}}", []],
  [":microvm {:devices {:nic {:enabled true}}}", ["microvm.devices.nic.enabled"]],
  [":network {:enabled true :egress {:via :direct}}", ["network.egress.via"]],
  [':network {:enabled true :egress {:mtls true :client-cert "file:k.pem"}}', []],
  [':network {:enabled true :egress {:tls_pins ["x"]}}', []],
  [":causal_chain {:storage {:mode :sqlite}}", ["causal_chain.storage.mode"]],
  [":causal_chain {:storage {:mode :vsock_stream}}", ["causal_chain.storage.mode"]],
  [':causal_chain {:storage {:mode :append_file :path "chain.jsonl"}}', []],
  [':causal_chain {:storage {:mode :append_file :path "c"}}', ["causal_chain.storage.path"]],
  [
    ":governance {:policies {:network_access {:requires_approvals 2}}}",
    ["governance.policies.network_access.requires_approvals"],
  ],
  [':marketplace {:registry_paths ["./capabilities/"]}', ["marketplace.registry_paths"]],
  [":causal_chain {:anchor {:enabled true}}", ["causal_chain.anchor.enabled"]],
  [
    ":governance {:policies {:default {:requires_approvals 1}}}",
    ["governance.policies.default.requires_approvals"],
  ],
  [':governance {:keys {:verify "keys/g.pub"}}', ["governance.keys.verify"]],
  [":capabilities {:llm {:enabled true}}", ["capabilities.llm.enabled"]],
  [":features [:llm :gpu]", ["features", "features"]],
] as const)("unenforceable(%s) names %j", (fields, paths) => {
  expect(pathsOf(fields)).toEqual(paths);
});
