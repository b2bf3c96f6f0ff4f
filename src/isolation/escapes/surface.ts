/**
 * The trials that try to get out: network, names, sockets, files, environment, processes, kernel.
 *
 * Read in this order: surfaceTrials, judge. An attack's claim that it got through counts where only it
 * can know; what the host's canaries saw counts always. `held` needs at least one attempt that was
 * blocked, a host that reached its own canary, and an attack that worked where it was allowed to.
 *
 * @module
 */
import { type Canaries, type CanaryState, openCanaries } from "../../host/index.ts";
import type { Guarantee, Measurement } from "../provider.ts";
import { plain, type Report, targetsOf } from "./attack.ts";
import { scriptProgram } from "./attack-script.ts";
import {
  type Attacker,
  endingText,
  type Attackers,
  nodeProgram,
  type Observation,
  observe,
  perlProgram,
  type Trial,
  type TrialContext,
} from "./trial.ts";

const SURFACE = [
  "network",
  "loopback",
  "dns",
  "unix-sockets",
  "files-read",
  "files-write",
  "environment",
  "processes",
  "kernel-surface",
] as const satisfies readonly Guarantee[];
type Surface = (typeof SURFACE)[number];

/**
 * The trials of one provider. Inside an engine a script; else Node as a broken guest always; perl with raw system calls where external
 * programs run, with sockets allowed when the wall takes such a spec: the widest wall it offers.
 */
export function surfaceTrials({ by, node: asNode }: Attackers): readonly Trial[] {
  if (by === "script") {
    const run = (context: TrialContext) => attackWith(context, "script", false);
    return [{ name: "surface by a script", guarantees: SURFACE, run }];
  }
  const node: Trial = {
    name: "surface by node",
    guarantees: SURFACE,
    run: (context) => attackWith(context, "node", by === "perl"),
  };
  const flags: Trial = { name: "flags by node", guarantees: ["files-write"], run: attackFlags };
  const perl: Trial = {
    name: "surface by perl",
    guarantees: SURFACE,
    run: (context) => attackWith(context, "perl", true),
  };
  return [...(asNode ? [node, flags] : []), ...(by === "perl" ? [perl] : [])];
}

async function attackWith(
  context: TrialContext,
  by: Attacker,
  kernelWall: boolean,
): Promise<readonly Measurement[]> {
  const canaries = await openCanaries(context.stateDir);
  try {
    const silent = new Set(await canaries.reach());
    const observation = await ATTACKS[by](context, canaries);
    const state = await canaries.look();
    // Inside a kernel wall a child process is allowed; only its system calls matter, which perl tries.
    const asked = SURFACE.filter(
      (each) => by === "perl" || !kernelWall || each !== "kernel-surface",
    );
    return asked.map((guarantee) => judge(guarantee, { by, observation, state, silent, canaries }));
  } finally {
    await canaries.close();
  }
}

function byScript(context: TrialContext, canaries: Canaries): Promise<Observation> {
  return observe(context, {
    program: scriptProgram({ mode: "surface", targets: targetsOf(canaries) }),
  });
}

function byNode(context: TrialContext, canaries: Canaries): Promise<Observation> {
  return observe(context, {
    program: nodeProgram({ mode: "surface", targets: targetsOf(canaries) }),
  });
}

async function byPerl(context: TrialContext, canaries: Canaries): Promise<Observation> {
  const program = perlProgram({ mode: "surface", targets: targetsOf(canaries) });
  try {
    return await observe(context, { program, sockets: true });
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ISOLATION_UNAVAILABLE"))
      throw cause;
    return await observe(context, { program });
  }
}

const ATTACKS = { node: byNode, perl: byPerl, script: byScript } as const;

interface Evidence {
  readonly by: Attacker;
  readonly observation: Observation;
  readonly state: CanaryState;
  /** Canaries that the host itself could not reach. */
  readonly silent: ReadonlySet<string>;
  readonly canaries: Canaries;
}

function judge(guarantee: Surface, evidence: Evidence): Measurement {
  const mine = evidence.observation.reports.filter((report) => report.guarantee === guarantee);
  const seen = seenByHost(guarantee, evidence);
  if (seen !== null) return { guarantee, verdict: "not-held", evidence: `${evidence.by}: ${seen}` };
  const through = mine.find((report) => report.outcome === "through" && claims(report, evidence));
  if (through !== undefined) {
    return {
      guarantee,
      verdict: "not-held",
      evidence: `${evidence.by}: ${through.attempt}: ${through.saw}`,
    };
  }
  if (evidence.silent.has(guarantee)) {
    return {
      guarantee,
      verdict: "not-measured",
      evidence: "the host could not reach its own canary",
    };
  }
  return { guarantee, ...blocked(mine, evidence) };
}

/** Attempts that the attack alone cannot tell from its own private copy are believed to the host. */
function claims(report: Report, { canaries }: Evidence): boolean {
  if (report.guarantee === "files-write") return !/^(create|report|sqlite)/.test(report.attempt);
  if (report.attempt === "terminate" || report.attempt === "_debugProcess") return false;
  // A small pid exists in every pid namespace: only a large one says which process answered.
  if (report.attempt === "see") return canaries.decoyPid > 2_000;
  if (report.attempt === "supervisor") return process.pid > 2_000;
  return true;
}

function seenByHost(guarantee: Surface, { state, canaries, observation }: Evidence): string | null {
  const contacts = {
    network: "network",
    loopback: "loopback",
    dns: "dns",
    "unix-sockets": "unix",
  } as const;
  if (guarantee in contacts) {
    const count = state.contacts[contacts[guarantee as keyof typeof contacts]];
    return count === 0 ? null : `${count} contacts reached the host's listener`;
  }
  if (guarantee === "files-write" && state.touched[0] !== undefined)
    return `${plain(state.touched[0])} was written`;
  if (guarantee === "processes" && !state.decoyAlive) return "a process of the host was ended";
  const stolen = observation.reports.some((report) => report.saw.includes(canaries.token));
  return guarantee === "files-read" && stolen ? "the content of a host file was read" : null;
}

function blocked(
  reports: readonly Report[],
  { by, observation }: Evidence,
): Omit<Measurement, "guarantee"> {
  const refusals = reports.filter(
    (report) => report.outcome === "blocked" && !report.saw.startsWith("twin:"),
  );
  const broken = reports.find((report) => report.saw.startsWith("twin:"));
  const twinWanted =
    reports.length > 0 &&
    !["network", "loopback", "dns", "unix-sockets"].includes(reports[0]?.guarantee ?? "");
  if (refusals.length === 0) {
    const why = plain(observation.complaint) || endingText(observation.ending);
    return { verdict: "not-measured", evidence: `${by}: the attack did not run: ${why}` };
  }
  if (broken !== undefined)
    return { verdict: "not-measured", evidence: `${by}: its allowed twin failed: ${broken.saw}` };
  if (twinWanted && !reports.some((report) => report.outcome === "twin")) {
    return { verdict: "not-measured", evidence: `${by}: its allowed twin did not run` };
  }
  const reasons = [...new Set(refusals.map((report) => report.saw))].slice(0, 3).join(", ");
  return { verdict: "held", evidence: `${by}: ${refusals.length} attempts blocked (${reasons})` };
}

/** V8's own switches write files from below the permission model. */
async function attackFlags(context: TrialContext): Promise<readonly Measurement[]> {
  const canaries = await openCanaries(context.stateDir);
  try {
    const directory = (canaries.files[0] ?? "").replace(/\/[^/]*$/, "");
    const observation = await observe(context, {
      program: nodeProgram({ mode: "flags", directory }),
    });
    const { touched } = await canaries.look();
    const ran = observation.reports.some((report) => report.outcome === "twin");
    if (touched[0] !== undefined)
      return [
        {
          guarantee: "files-write",
          verdict: "not-held",
          evidence: `node: V8 flags wrote ${plain(touched[0])}`,
        },
      ];
    if (!ran)
      return [
        {
          guarantee: "files-write",
          verdict: "not-measured",
          evidence: `node: flags attack did not run: ${plain(observation.complaint)}`,
        },
      ];
    return [
      {
        guarantee: "files-write",
        verdict: "held",
        evidence: `V8 flags wrote nothing (${endingText(observation.ending)})`,
      },
    ];
  } finally {
    await canaries.close();
  }
}
