/**
 * `ccos run`: a plan, or any program after `--`, behind the walls. Own flags end at `--`; nothing
 * behind it is read as ours.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import { type RunInputs, runAgent } from "../../runtime/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../command.ts";
import { planInputs, readSource, type StagedFile, stageCommand } from "../inputs.ts";
import { exitCodeOf, reportJson, reportScreen, RunScreen } from "../run-screen.ts";
import { valueText } from "../value-text.ts";

/** `ccos run FILE`, or `ccos run --policy FILE -- PROGRAM ARGS…`. */
export const run: Command = {
  name: "run",
  usage: "run FILE [--json]   |   run --policy FILE [--json] -- PROGRAM [ARGS…]",
  summary:
    "Run an agent's plan, or any program, behind the walls; one line per effect as it is decided",

  async run(args, io) {
    const separator = args.indexOf("--");
    const own = separator < 0 ? args : args.slice(0, separator);
    const command = separator < 0 ? null : args.slice(separator + 1);
    const parsed = parseCommand(run, own, {
      policy: { type: "string" },
      production: { type: "boolean" },
    });
    const production = parsed.flag("production");
    const policy = parsed.text("policy");
    if (command === null) {
      const [file, ...rest] = parsed.positionals;
      if (policy !== undefined) throw usageError(run, "--policy goes with `-- PROGRAM`");
      if (file === undefined || rest.length > 0) throw usageError(run, "name one config file");
      const inputs = await planInputs(io.cwd, file, production);
      if (inputs.planSource === null)
        throw usageError(
          run,
          `${file} names no :plan; for a program use --policy ${file} -- PROGRAM`,
        );
      return await runAndReport(io, inputs, []);
    }
    if (policy === undefined || parsed.positionals.length > 0)
      throw usageError(run, "name the config with --policy FILE before `--`");
    if (command.length === 0) throw usageError(run, "name a program after `--`");
    const staged = await stageCommand(io.cwd, command);
    const inputs: RunInputs = {
      configFile: policy,
      configSource: await readSource(io.cwd, policy),
      planFile: null,
      planSource: null,
      modules: [],
      command,
      staged: staged.map(({ path, digest }) => ({ path, digest })),
      production,
    };
    return await runAndReport(io, inputs, staged);
  },
};

/** Run, show each effect, print the result on stdout. Shared with `ccos demo`. */
export async function runAndReport(
  io: Io,
  inputs: RunInputs,
  staged: readonly StagedFile[],
): Promise<number> {
  const screen = new RunScreen(io);
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
    signal: io.signal,
    early: io.early,
  });
  const status = exitCodeOf(report.outcome);
  if (io.json)
    io.out(
      JSON.stringify(reportJson(report, screen.events, Buffer.concat(output).toString("utf8"))),
    );
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
  return status;
}
