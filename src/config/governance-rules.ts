/**
 * Rules of governance: whose word counts, and for what.
 *
 * @module
 */
import { parseCapabilityPattern } from "../policy/index.ts";
import { quoted, segmentOf } from "./display.ts";
import type { RuleContext } from "./rule-context.ts";

/** 32 bytes. The name is the algorithm: no key can be read as one of another kind. */
const VERIFY_KEY = /^ed25519:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const APPROVER_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const APPROVERS_MAX = 100;

/** Whether a text is a public key itself, and not where one lies. */
export function isVerifyKey(text: string): boolean {
  return VERIFY_KEY.test(text);
}

export function checkGovernance({ config, complain }: RuleContext): void {
  const { approvers, policies } = config.governance;
  const refuse = (index: number, key: string, message: string): void =>
    complain("INVALID_APPROVER", `governance.approvers[${index}].${key}`, message);
  const names = new Set<string>();
  const keys = new Set<string>();
  for (const [index, { name, key }] of approvers.entries()) {
    if (!APPROVER_NAME.test(name)) refuse(index, "name", `${quoted(name)} is not a name`);
    if (names.has(name)) refuse(index, "name", `${quoted(name)} is named twice`);
    if (!isVerifyKey(key)) refuse(index, "key", "a key is ed25519: and the base64 of 32 bytes");
    // One key under two names would be two approvals of one person.
    if (keys.has(key)) refuse(index, "key", "two approvers have this key");
    names.add(name);
    keys.add(key);
  }
  if (approvers.length > APPROVERS_MAX) {
    refuse(APPROVERS_MAX, "name", `there are more than ${APPROVERS_MAX} approvers`);
  }
  for (const [name, { capabilities }] of policies) {
    for (const [index, text] of capabilities.entries()) {
      const pattern = parseCapabilityPattern(text);
      if (pattern.ok) continue;
      const at = `governance.policies.${segmentOf(name)}.capabilities[${index}]`;
      complain("INVALID_CAPABILITY_PATTERN", at, pattern.error);
    }
  }
}
