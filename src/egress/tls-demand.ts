import type { ClientIdentity, TlsDemand } from "../host/index.ts";
import type { EgressRule } from "../policy/index.ts";

/** What this process trusts, and what it shows. */
export interface TlsIdentity {
  readonly trustAnchors?: string;
  readonly identity?: ClientIdentity;
}

/** What a host must show under this rule, and what it is shown. */
export function tlsDemandOf(
  { trustAnchors, identity }: TlsIdentity,
  host: string,
  rule: EgressRule,
): TlsDemand {
  return { host, trustAnchors, identity, pins: rule.pins };
}
