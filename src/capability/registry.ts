/**
 * The registry: one exact id, one capability. Nothing falls through, nothing is overwritten.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { canonicalCapability } from "../policy/index.ts";
import type { Capability, CapabilityProvider } from "./types.ts";

export interface CapabilityRegistry {
  /** Exact lookup by canonical id. Undefined: nobody registered it. */
  find(id: string): Capability | undefined;
  /** Every capability, sorted by id. */
  list(): readonly Capability[];
}

/** The provider whose ids are `ccos.*`; every other provider must use its own namespace. */
export const BUILTIN_PROVIDER = "builtin";
const RESERVED_PREFIX = "ccos.";

/**
 * Collect what the providers describe. The registry never changes afterwards.
 *
 * @throws {CcosError} `INTERNAL` when an id is not canonical, is described twice, or is `ccos.*`
 * without being a built-in: a defect of whoever assembled the providers.
 */
export function createRegistry(providers: readonly CapabilityProvider[]): CapabilityRegistry {
  const byId = new Map<string, Capability>();
  const owners = new Map<string, string>();
  for (const provider of providers) {
    for (const capability of provider.describe()) {
      const { id } = capability.manifest;
      const reason = refusal(provider.name, id, owners.get(id));
      if (reason !== null) throw unregistrable(provider.name, id, reason);
      byId.set(id, capability);
      owners.set(id, provider.name);
    }
  }
  const sorted = [...byId.keys()].sort().map((id) => byId.get(id)!);
  return { find: (id) => byId.get(id), list: () => sorted };
}

function refusal(provider: string, id: string, owner: string | undefined): string | null {
  const canonical = canonicalCapability(id);
  if (!canonical.ok) return canonical.error;
  if (canonical.value.id !== id) return `its canonical id is "${canonical.value.id}"`;
  if (owner !== undefined) return `provider "${owner}" has already registered it`;
  const reserved = id.startsWith(RESERVED_PREFIX);
  if (reserved && provider !== BUILTIN_PROVIDER) return "ccos.* is reserved for built-ins";
  return null;
}

function unregistrable(provider: string, id: string, why: string): CcosError {
  return new CcosError("INTERNAL", {
    what: `Cannot register capability "${id.slice(0, 256)}" of provider "${provider}"`,
    why,
    fix: "Give each capability its own canonical id in its provider's namespace",
  });
}
