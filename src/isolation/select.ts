/**
 * Which wall a program gets: the strongest of the lightest kind that its mode allows, that stands on this host, runs it
 * and was measured to hold what is asked, or none; and of each wall why or why not. A wall with a kernel of its own
 * costs ten times a start: who wants one asks for it.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import type { IsolationProvider, SandboxProgram, ScriptLanguage } from "./provider.ts";

export interface Selection {
  readonly kind: SandboxProgram["kind"];
  /** Of a script. */
  readonly language?: ScriptLanguage | undefined;
  /** The least wall asked: `process`, `wasm`, `container`, `gvisor`, `microvm`. */
  readonly mode: string;
  /** The program needs Unix and loopback sockets. */
  readonly sockets: boolean;
  /** The only provider, or kind of provider, that may be taken, and who says so. Null: any. */
  readonly named: { readonly value: string; readonly from: string } | null;
}

/**
 * Why a wall was taken or passed over. `unfit`: it cannot run this program. `not-held`: it was measured not to hold
 * a guarantee. `not-needed`: one before it was taken.
 */
export interface Candidate {
  readonly name: string;
  readonly verdict:
    | "taken"
    | "not-named"
    | "weaker"
    | "unfit"
    | "missing"
    | "not-held"
    | "not-needed";
  readonly why: string;
}

export interface Selected<T> {
  readonly provider: IsolationProvider;
  readonly measured: T;
  /** Every wall, in the order in which they were looked at. */
  readonly candidates: readonly Candidate[];
}

/** What was measured of a wall; `broken` says what it does not hold although it is needed, or null. */
export interface Measured<T> {
  readonly broken: string | null;
  readonly measured: T;
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
 * @param providers - Looked at in the order of inOrder, until one is taken.
 * @param measure - Called for a wall that stands and could run the program.
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` with the reason of every wall and how to get what is missing.
 */
export async function selectWall<T>(
  providers: readonly IsolationProvider[],
  selection: Selection,
  measure: (provider: IsolationProvider) => Promise<Measured<T>>,
): Promise<Selected<T>> {
  const ordered = inOrder(providers);
  const candidates: Candidate[] = [];
  const hints: string[] = [];
  for (const [at, provider] of ordered.entries()) {
    const { name } = provider;
    const unfit = unfitness(provider, selection);
    if (unfit !== null) {
      candidates.push({ name, ...unfit });
      continue;
    }
    const probe = await provider.probe();
    if (probe.kind === "missing") {
      candidates.push({ name, verdict: "missing", why: probe.what.join(", ") });
      if (!hints.includes(probe.hint)) hints.push(probe.hint);
      continue;
    }
    const { broken, measured } = await measure(provider);
    if (broken !== null) {
      candidates.push({ name, verdict: "not-held", why: `measured not to hold ${broken}` });
      continue;
    }
    candidates.push({ name, verdict: "taken", why: `at least "${selection.mode}" was asked` });
    const rest = ordered.slice(at + 1).map((each): Candidate => notNeeded(each, name, selection));
    return { provider, measured, candidates: [...candidates, ...rest] };
  }
  throw unavailable(selection, candidates, hints);
}

function notNeeded(provider: IsolationProvider, taken: string, selection: Selection): Candidate {
  const { name } = provider;
  const unfit = unfitness(provider, selection);
  return unfit === null
    ? { name, verdict: "not-needed", why: `${taken} comes before it` }
    : { name, ...unfit };
}

/** What is known without looking at the host. */
function unfitness(
  provider: IsolationProvider,
  { kind, language, mode, sockets, named }: Selection,
): Pick<Candidate, "verdict" | "why"> | null {
  const least = MODE_STRENGTH.get(mode);
  if (least === undefined) return { verdict: "unfit", why: `no wall is called "${mode}"` };
  if (named !== null && !isNamed(provider.name, named.value))
    return { verdict: "not-named", why: `${named.from} names "${named.value}"` };
  if (provider.strength < least) return { verdict: "weaker", why: `is weaker than "${mode}"` };
  if (!provider.runs.has(kind)) return { verdict: "unfit", why: `does not run ${kind} programs` };
  const without = language === undefined ? undefined : provider.withoutLanguages?.get(language);
  if (without !== undefined)
    return { verdict: "unfit", why: `does not run scripts in ${language}: ${without}` };
  if (sockets && !provider.sockets)
    return { verdict: "unfit", why: "cannot grant sockets without granting the network" };
  return null;
}

/** `process/bubblewrap` by its name, by its kind `process`, or by how it is raised, `bubblewrap`. */
function isNamed(name: string, wanted: string): boolean {
  return name === wanted || name.split("/").includes(wanted);
}

function unavailable(
  { kind, mode }: Selection,
  candidates: readonly Candidate[],
  hints: readonly string[],
): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot find a wall of at least "${mode}" for ${kind === "rtfs" ? "this plan" : "this program"}`,
    why:
      candidates.length === 0
        ? "no wall was named"
        : candidates.map(({ name, why }) => `${name}: ${why}`).join("; "),
    fix:
      hints.length === 0
        ? "Run `ccos doctor`, or ask for a lesser :isolation :mode"
        : hints.join("; "),
    details: { candidates: candidates.map((each) => ({ ...each })) },
  });
}
