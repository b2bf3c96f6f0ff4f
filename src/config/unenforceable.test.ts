import { expect, test } from "vitest";
import { loadConfig, unenforceable } from "./index.ts";

const KEY = `ed25519:${"A".repeat(43)}=`;

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
  [':causal_chain {:storage {:mode :sqlite :path "chain.db"}}', []],
  [':causal_chain {:storage {:mode :sqlite :path "x.db"}}', ["causal_chain.storage.path"]],
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
    `:governance {:policies {:default {:requires_approvals 2}} :approvers [{:name "ann" :key "${KEY}"}]}`,
    ["governance.policies.default.requires_approvals"],
  ],
  [
    `:governance {:policies {:default {:requires_approvals 1}} :approvers [{:name "ann" :key "${KEY}"}]}`,
    [],
  ],
  [
    ':network {:enabled true :egress {:rules [{:host "a.example.com" :tunnel true}]}} :governance {:budgets {:max_calls 1} :policies {:p {:budgets {:egress_bytes 1}}}}',
    ["governance.budgets", "governance.policies.p.budgets"],
  ],
  [
    `:network {:enabled true :egress {:rules [{:host "a.example.com" :tunnel true}]}} :governance {:policies {:p {:approve :call :requires_approvals 1}} :approvers [{:name "ann" :key "${KEY}"}]}`,
    ["governance.policies.p.approve"],
  ],
  [':governance {:policy_file "p.json"}', ["governance.policy_file"]],
  [`:governance {:policy_file "p.json" :keys {:policy "${KEY}"}}`, []],
  [`:governance {:keys {:verify "${KEY}"}}`, []],
  [':capabilities {:ask ["ccos.io.*"]}', ["governance.approvers"]],
  [
    ':features [:fs] :capabilities {:fs {:enabled true :paths [{:path "/w" :ask true}]}}',
    ["governance.approvers"],
  ],
  [':governance {:keys {:verify "keys/g.pub"}}', ["governance.keys.verify"]],
  [":capabilities {:llm {:enabled true}}", ["capabilities.llm.enabled"]],
  [":features [:llm :gpu]", ["features", "features"]],
] as const)("unenforceable(%s) names %j", (fields, paths) => {
  expect(pathsOf(fields)).toEqual(paths);
});
