/** One run from its inputs to what is shown of it; shared by `run`, `run --batch` and `demo`. */
import type { Finding } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { runAgent, type RunInputs, type RunReport, type WaitingGuests } from "../runtime/index.ts";
import type { Io } from "./command.ts";
import type { StagedFile } from "./inputs.ts";
import { exitCodeOf, reportJson, reportScreen, RunScreen } from "./run-screen.ts";
import { valueText } from "./value-text.ts";

/** Run, show each effect, print the result on stdout. */
export async function runAndReport(
  io: Io,
  inputs: RunInputs,
  staged: readonly StagedFile[],
  findings: readonly Finding[] = [],
): Promise<number> {
  const screen = new RunScreen(io);
  // The settings are the run's too: what of them is not followed is told with it.
  for (const finding of findings) screen.show({ kind: "warning", finding });
  return showReport(io, screen, await runPlan(io, inputs, io.early, { staged, screen }));
}

/** Print a run's end; its exit code. @throws {CcosError} `PROVIDER_CRASHED`. */
export function showReport(io: Io, screen: RunScreen, { report, json }: Reported): number {
  if (io.json) io.out(JSON.stringify(json));
  else {
    if (report.outcome.kind === "value") io.out(valueText(report.outcome.value));
    for (const line of reportScreen(report, screen, io.terminal)) io.say(line);
  }
  if (!io.json && report.outcome.kind === "failed" && report.outcome.code === "PROVIDER_CRASHED") {
    throw new CcosError("PROVIDER_CRASHED", {
      what: "Cannot finish the run",
      why: report.outcome.message,
      fix: "Run `ccos doctor`",
    });
  }
  return exitCodeOf(report.outcome);
}

interface Reported {
  readonly report: RunReport;
  /** What `--json` prints. */
  readonly json: object;
}

/** Run once. With `io.json` the program's output is kept for the report. */
export async function runPlan(
  io: Io,
  inputs: RunInputs,
  waiting: WaitingGuests | null,
  { staged, screen }: { readonly staged: readonly StagedFile[]; readonly screen: RunScreen } = {
    staged: [],
    screen: new RunScreen(io),
  },
): Promise<Reported> {
  const output: Uint8Array[] = [];
  const report = await runAgent(io.world, {
    inputs,
    staged,
    terminal: {
      get stdin() {
        return process.stdin;
      },
      out: (chunk) => void (io.json ? output.push(chunk) : process.stdout.write(chunk)),
      error: (chunk) => void process.stderr.write(chunk),
    },
    observe: (event) => screen.show(event),
    // Its own: what listens to it goes with the run.
    signal: AbortSignal.any([io.signal]),
    waiting,
  });
  const stdout = Buffer.concat(output).toString("utf8");
  return { report, json: reportJson(report, screen.events, stdout) };
}
