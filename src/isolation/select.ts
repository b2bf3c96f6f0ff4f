/**
 * Which wall a program gets: the strongest one that stands on this host and runs it, or none and why.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import type { IsolationProvider, Probe, SandboxProgram } from "./provider.ts";

export interface Selection {
  readonly kind: SandboxProgram["kind"];
  /** The least wall asked: `process`, `wasm`, `container`, `gvisor`, `microvm`. */
  readonly mode: string;
  /** The program needs Unix and loopback sockets. */
  readonly sockets: boolean;
}

/** Minimum strength of each mode. Walls of this version are of the `process` kind. */
const MODE_STRENGTH: ReadonlyMap<string, number> = new Map([
  ["wasm", 1],
  ["process", 10],
  ["container", 60],
  ["gvisor", 60],
  ["microvm", 80],
]);

/**
 * @param providers - Probed in the order of their strength, until one is ready.
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` with what is missing and how to get it.
 */
export async function selectProvider(
  providers: readonly IsolationProvider[],
  selection: Selection,
): Promise<IsolationProvider> {
  const least = MODE_STRENGTH.get(selection.mode);
  if (least === undefined)
    throw unavailable(selection, [`no wall is called "${selection.mode}"`], []);
  const reasons: string[] = [];
  const hints: string[] = [];
  for (const provider of [...providers].sort((left, right) => right.strength - left.strength)) {
    const unfit = unfitness(provider, selection, least);
    const probe: Probe | null = unfit === null ? await provider.probe() : null;
    if (probe?.kind === "ready") return provider;
    reasons.push(`${provider.name}: ${unfit ?? (probe === null ? "" : probe.what.join(", "))}`);
    if (probe !== null && !hints.includes(probe.hint)) hints.push(probe.hint);
  }
  throw unavailable(selection, reasons, hints);
}

function unfitness(
  provider: IsolationProvider,
  selection: Selection,
  least: number,
): string | null {
  if (provider.strength < least) return `is weaker than "${selection.mode}"`;
  if (!provider.runs.has(selection.kind)) return `does not run ${selection.kind} programs`;
  if (selection.sockets && !provider.sockets)
    return "cannot grant sockets without granting the network";
  return null;
}

function unavailable(
  { kind, mode }: Selection,
  reasons: readonly string[],
  hints: readonly string[],
): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot find a wall of at least "${mode}" for ${kind === "rtfs" ? "this plan" : "this program"}`,
    why: reasons.length === 0 ? "no wall was named" : reasons.join("; "),
    fix:
      hints.length === 0
        ? "Run `ccos doctor`, or ask for a lesser :isolation :mode"
        : hints.join("; "),
  });
}
