/**
 * Contracts of capabilities as effect rows, and the matching of policy as the matching of rows.
 *
 * A capability's manifest names the kinds; where the arguments of a call that decide are known, the
 * resource it asks for (by the same function the gate decides on) narrows them. Pure.
 *
 * @module
 */
import type { Capability, CapabilityRegistry } from "../capability/index.ts";
import { unreachable } from "../foundation/result.ts";
import {
  canonicalCapability,
  isAddressLiteral,
  matchHost,
  type ResourceRequest,
} from "../policy/index.ts";
import {
  type EffectContracts,
  type EffectKind,
  type EffectMatchers,
  type EffectRow,
  type KnownArguments,
  makeRow,
  meetRows,
  type ParameterValue,
  rowOfKinds,
  type Value,
} from "../rtfs/index.ts";

/** Ranges of addresses are compared as written: a plan names the range that its config names. */
export const POLICY_MATCHERS: EffectMatchers = {
  domain(outer, inner) {
    if (!inner.startsWith("*.")) return matchHost(outer, inner);
    return outer.startsWith("*.") && matchHost(outer, inner.slice(2));
  },
  range: (outer, inner) => outer === inner,
};

/** What calls of registered capabilities can do. A kind outside the vocabulary makes one unknown. */
export function contractsOf(registry: CapabilityRegistry): EffectContracts {
  return (written, known) => {
    const id = canonicalCapability(written);
    const capability = id.ok ? registry.find(id.value.id) : undefined;
    if (capability === undefined) return null;
    const effects = effectsOn(capability, knownResource(capability, known));
    return effects === null ? null : { effects };
  };
}

const kindRows = new WeakMap<Capability, EffectRow | null>();

/** What a call can do, on this resource where it is known. Null: a kind of its contract is not in the vocabulary. */
export function effectsOn(
  capability: Capability,
  resource: ResourceRequest | null,
): EffectRow | null {
  const known = kindRows.get(capability);
  const effects = known === undefined ? rowOfKinds(capability.manifest.effects) : known;
  kindRows.set(capability, effects);
  if (effects === null || resource === null) return effects;
  return meetRows(effects, rowOfResource(resource), POLICY_MATCHERS);
}

/** The resource that a call is certain to ask for; null when that is not known before the run. */
export function knownResource(
  capability: Capability,
  { args, named }: KnownArguments,
): ResourceRequest | null {
  if (args.includes(undefined)) return capability.settle?.({ args, named }) ?? null;
  const asked = capability.access(args as readonly Value[]);
  return asked.ok ? asked.value : null;
}

/** What touching exactly this resource needs. */
export function rowOfResource(resource: ResourceRequest): EffectRow {
  switch (resource.kind) {
    case "http": {
      const { host, port, scheme } = resource.target;
      return network(host, { methods: [resource.method], ports: [`${port}`], protocols: [scheme] });
    }
    case "connect":
      return network(resource.host, {
        methods: "any",
        ports: [`${resource.port}`],
        protocols: "any",
      });
    case "file":
      return row("fs", {
        paths: [resource.path],
        modes: [resource.operation === "read" ? "read" : "write"],
      });
    case "environment":
      return makeRow([], POLICY_MATCHERS);
    default:
      return unreachable(resource);
  }
}

type Values = Readonly<Record<string, ParameterValue>>;

/** A name says nothing of addresses: which ranges it may resolve to is decided when it is dialled. */
function network(host: string, values: Values): EffectRow {
  const ranges = isAddressLiteral(host) ? [host] : [];
  return row("network", { ...values, domains: [host], ip_ranges: ranges, mTLS: false });
}

function row(kind: EffectKind, values: Values): EffectRow {
  return makeRow([[kind, new Map(Object.entries(values))]], POLICY_MATCHERS);
}
