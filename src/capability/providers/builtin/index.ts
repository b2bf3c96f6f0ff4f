import { BUILTIN_PROVIDER } from "../../registry.ts";
import type { CapabilityProvider } from "../../types.ts";
import { CONSOLE } from "./console.ts";
import { DATA } from "./data.ts";
import { fileCapabilities } from "./files.ts";
import { LABELS } from "./labels.ts";
import { NETWORK } from "./network.ts";
import { SYSTEM } from "./system.ts";

/** The built-ins of one run. Call it once per run: file handles live in what it returns. */
export function builtinProviders(): readonly CapabilityProvider[] {
  const all = [...SYSTEM, ...CONSOLE, ...DATA, ...NETWORK, ...LABELS, ...fileCapabilities()];
  return [{ name: BUILTIN_PROVIDER, describe: () => all }];
}
