/**
 * Which wall a program gets: the strongest of the lightest kind that its mode allows and that stands on this
 * host, or none and why. A wall with a kernel of its own costs ten times a start: who wants one asks for it.
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

const CONTAINER_STRENGTH = 60;
const MICROVM_STRENGTH = 80;

/** Minimum strength of each mode. */
const MODE_STRENGTH: ReadonlyMap<string, number> = new Map([
  ["wasm", 1],
  ["process", 10],
  ["container", CONTAINER_STRENGTH],
  ["gvisor", CONTAINER_STRENGTH],
  ["microvm", MICROVM_STRENGTH],
]);

/** In the order in which they are to be tried: lighter kinds first, the stronger first in each. */
export function inOrder(providers: readonly IsolationProvider[]): readonly IsolationProvider[] {
  const weight = ({ strength }: IsolationProvider): number =>
    [CONTAINER_STRENGTH, MICROVM_STRENGTH].filter((least) => strength >= least).length;
  return [...providers].sort(
    (left, right) => weight(left) - weight(right) || right.strength - left.strength,
  );
}

/**
 * @param providers - Probed in the order of inOrder, until one is ready.
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
  for (const provider of inOrder(providers)) {
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
