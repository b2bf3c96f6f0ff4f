/** Every way of raising a wall that this version knows. */
import type { IsolationProvider } from "./provider.ts";
import { createBubblewrap } from "./providers/bubblewrap.ts";
import { createGvisor } from "./providers/gvisor.ts";
import { createLandlock } from "./providers/landlock.ts";
import { createNodePermission } from "./providers/node-permission.ts";
import { createUnshare } from "./providers/unshare.ts";

export interface ProviderOptions {
  /** The Node that runs us; shown inside the walls. */
  readonly nodePath: string;
  /** Where providers keep what outlives a run. */
  readonly stateDir: string;
  /** Names of the only providers to make. Absent: all. */
  readonly only?: readonly string[];
}

/** Every provider of this version, strongest first; none is probed yet. */
export function createProviders({ nodePath, only }: ProviderOptions): readonly IsolationProvider[] {
  const all = [
    createGvisor(nodePath),
    createBubblewrap(nodePath),
    createUnshare(nodePath),
    createLandlock(nodePath),
    createNodePermission(nodePath),
  ];
  return only === undefined ? all : all.filter((provider) => only.includes(provider.name));
}
