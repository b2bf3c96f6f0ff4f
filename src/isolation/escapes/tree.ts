/**
 * The trials about what is left: the process tree after close, after the supervisor was killed, and
 * the descriptors that a supervisor leaves open.
 *
 * Read in this order: treeTrials, attackTree, attackSupervisor, superviseAttack. Every process of an
 * attack carries a random marker in its command line, or its wall's processes do where the host does not
 * see the attack's; the host looks for it, through every namespace.
 * The twin: the marker is seen while the wall stands.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { processesNaming, type Supervised, superviseProcess } from "../../host/index.ts";
import type { Measurement, SandboxProgram } from "../provider.ts";
import { parseReport, plain, type Report } from "./attack.ts";
import { scriptProgram } from "./attack-script.ts";
import {
  type Attacker,
  type Attackers,
  endingText,
  nodeProgram,
  observe,
  paceOf,
  perlProgram,
  specOf,
  type Trial,
  type TrialContext,
} from "./trial.ts";

/** How long the tree may need to vanish, milliseconds. */
const GONE_WITHIN_MS = 3_000;
const SUPERVISOR_MS = 12_000;

/** What a supervisor is told, as one line of JSON on its stdin. */
export interface SupervisorJob {
  readonly provider: string;
  readonly nodePath: string;
  readonly stateDir: string;
  /** Of a wall that boots one; else null. */
  readonly imageDir: string | null;
  readonly by: Attacker;
  readonly marker: string;
}

export function treeTrials({ by }: Attackers): readonly Trial[] {
  return [
    { name: `tree by ${by}`, guarantees: ["tree-gone"], run: (context) => attackTree(context, by) },
    {
      name: `supervisor by ${by}`,
      guarantees: ["tree-gone-after-supervisor-kill", "descriptors"],
      run: (context) => attackSupervisor(context, by),
    },
  ];
}

function treeProgram(by: Attacker, marker: string): SandboxProgram {
  if (by === "perl") return perlProgram({ mode: "tree", seconds: 20, marker });
  if (by === "node") return nodeProgram({ mode: "sleep", ms: 20_000 }, marker);
  return scriptProgram({ mode: "sleep", ms: 8_000 }, marker);
}

function freshMarker(): string {
  return `ccos-tree-${randomBytes(8).toString("hex")}`;
}

/** Daemons that changed session and ignore signals; the leader ends, then the wall is closed. */
async function attackTree(context: TrialContext, by: Attacker): Promise<readonly Measurement[]> {
  const marker = freshMarker();
  let alive = 0;
  const onUp = async (): Promise<void> => {
    alive = (await processesNaming(marker)).length;
  };
  const limits = by === "perl" ? {} : { wallMs: (by === "node" ? 600 : 2_500) * paceOf(context) };
  const program = treeProgram(by, marker);
  const seen = await observe(context, { program, limits, label: marker, onUp });
  const left = await leftAfter(marker);
  const why = `${endingText(seen.ending)} ${plain(seen.complaint)}`;
  return [{ guarantee: "tree-gone", ...judgeTree(alive, left, why) }];
}

async function leftAfter(marker: string): Promise<number> {
  const deadline = Date.now() + GONE_WITHIN_MS;
  let left = await processesNaming(marker);
  while (left.length > 0 && Date.now() < deadline) {
    await pause(25);
    left = await processesNaming(marker);
  }
  for (const pid of left) endProcess(pid);
  return left.length;
}

/** A survivor is a defect of the wall; it is not left behind by the measurement too. */
function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause;
  }
}

function judgeTree(alive: number, left: number, why: string): Omit<Measurement, "guarantee"> {
  if (left > 0)
    return { verdict: "not-held", evidence: `${left} of ${alive} processes were still there` };
  if (alive === 0) return { verdict: "not-measured", evidence: `the tree was never seen: ${why}` };
  return { verdict: "held", evidence: `${alive} processes seen, none left` };
}

async function attackSupervisor(
  context: TrialContext,
  by: Attacker,
): Promise<readonly Measurement[]> {
  const { supervisor, provider, nodePath, stateDir } = context;
  if (supervisor === null) return bothUnmeasured("no supervisor program was found to kill");
  const job: SupervisorJob = {
    provider: provider.name,
    nodePath,
    stateDir,
    imageDir: provider.machine?.imageDir ?? null,
    by,
    marker: freshMarker(),
  };
  const child = await superviseProcess(supervisor, JSON.stringify(job));
  try {
    const lines = await child.linesUntil(/^up$/m, SUPERVISOR_MS * paceOf(context));
    const alive = (await processesNaming(job.marker)).length;
    await child.kill();
    const left = await leftAfter(job.marker);
    return [
      {
        guarantee: "tree-gone-after-supervisor-kill",
        ...judgeTree(alive, left, plain(child.complaint())),
      },
      {
        guarantee: "descriptors",
        ...judgeDescriptors(
          lines.flatMap((line) => parseReport(line) ?? []),
          child,
        ),
      },
    ];
  } finally {
    await child.kill();
  }
}

function bothUnmeasured(evidence: string): readonly Measurement[] {
  return [
    { guarantee: "tree-gone-after-supervisor-kill", verdict: "not-measured", evidence },
    { guarantee: "descriptors", verdict: "not-measured", evidence },
  ];
}

function judgeDescriptors(
  reports: readonly Report[],
  child: Supervised,
): Omit<Measurement, "guarantee"> {
  const fds = reports.filter((each) => each.guarantee === "descriptors");
  const leaked = fds.find((each) => each.saw === child.planted || each.outcome === "through");
  if (leaked !== undefined)
    return {
      verdict: "not-held",
      evidence: `a file of the supervisor is open as fd ${leaked.attempt}`,
    };
  const own = fds.filter((each) => each.outcome === "twin").length;
  if (own < 3)
    return {
      verdict: "not-measured",
      evidence: `the attack did not run: ${plain(child.complaint())}`,
    };
  return {
    verdict: "held",
    evidence: `fd 60 of the supervisor is not among the ${fds.length} descriptors inside`,
  };
}

/**
 * The supervisor's side: print what descriptors are inside, raise the tree, print `up`, and wait to be
 * killed. Runs in a process of its own (measure-supervisor.ts).
 */
export async function superviseAttack(
  context: TrialContext,
  job: SupervisorJob,
  print: (line: string) => void,
): Promise<void> {
  const mode = { mode: "descriptors" } as const;
  const programs = { perl: perlProgram, node: nodeProgram, script: scriptProgram };
  const { reports } = await observe(context, { program: programs[job.by](mode) });
  for (const { guarantee, attempt, outcome, saw } of reports)
    print([guarantee, attempt, outcome, saw].join("\t"));
  const pace = paceOf(context);
  const spec = specOf({ limits: { wallMs: 20_000 * pace }, label: job.marker }, pace);
  const session = await context.provider.open(spec);
  const execution = await session.execute(stayingTree(job), context.signal);
  execution.stdout.once("data", () => print("up"));
  execution.stderr.on("data", (chunk: Buffer) => print(`! ${plain(chunk.toString("latin1"))}`));
  await execution.ending;
  await session.close();
}

/** Like the tree above, but its leader stays, so that the wall stands when the supervisor dies. */
function stayingTree({ by, marker }: SupervisorJob): SandboxProgram {
  return by === "perl"
    ? perlProgram({ mode: "stay", seconds: 20, marker })
    : treeProgram(by, marker);
}
