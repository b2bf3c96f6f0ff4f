/** For codes.test.ts: the cases of governance, beside those of finding-cases.ts. */
import type { Case } from "./egress-finding-cases.ts";

const APPROVER_KEY = `ed25519:${"A".repeat(43)}=`;
const plain = (fields: string): string => `(agent.config\n  ${fields})`;

export const GOVERNANCE_CASES: readonly Case[] = [
  {
    code: "INVALID_PATH",
    path: "governance.policy_file",
    line: 2,
    source: plain(':governance {:policy_file "/p.json"}'),
  },
  {
    code: "INVALID_CAPABILITY_PATTERN",
    path: "capabilities.ask[0]",
    line: 2,
    source: plain(':capabilities {:ask ["ccos.*.x"]}'),
  },
  {
    code: "INVALID_CAPABILITY_PATTERN",
    path: "governance.policies.p.capabilities[0]",
    line: 2,
    source: plain(':governance {:policies {:p {:capabilities ["ccos.*.x"]}}}'),
  },
  {
    code: "INVALID_APPROVER",
    path: "governance.approvers[0].name",
    line: 2,
    source: plain(`:governance {:approvers [{:name "../x" :key "${APPROVER_KEY}"}]}`),
  },
  {
    code: "INVALID_APPROVER",
    path: "governance.approvers[0].key",
    line: 2,
    source: plain(':governance {:approvers [{:name "ann" :key "rsa:AAAA"}]}'),
  },
  {
    code: "INVALID_APPROVER",
    path: "governance.approvers[1].key",
    line: 3,
    source: plain(
      `:governance {:approvers [{:name "ann" :key "${APPROVER_KEY}"}\n{:name "bob" :key "${APPROVER_KEY}"}]}`,
    ),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].ask",
    line: 3,
    source: plain(
      ':features [:network] :network {:enabled true :egress {:via :proxy\n :rules [{:host "a.example.com" :tunnel true :ask true}]}}',
    ),
  },
];
