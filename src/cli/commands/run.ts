/**
 * `ccos run`: a plan, a program file, or any program after `--`, behind the walls. Own flags end at `--`; nothing
 * behind it is read as ours.
 *
 * @module
 */
import {
  POOL_SIZE_MAX,
  type ProgramFile,
  programFileOf,
  type RunInputs,
} from "../../runtime/index.ts";
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../command.ts";
import {
  planInputs,
  policyFileInputs,
  readSource,
  type StagedFile,
  stageCommand,
  stageProgram,
} from "../inputs.ts";
import { parseEnvelope } from "../envelope-file.ts";
import { runAndReport } from "../run-report.ts";
import {
  type Operator,
  readOperator,
  runBounds,
  SETTINGS_FLAGS,
  SETTINGS_USAGE,
  TIGHTER_FLAGS,
  TIGHTER_USAGE,
} from "../settings.ts";
import { runBatch } from "./run-batch.ts";

/** Guests that wait in a batch unless `--warm` says otherwise. */
const WARM_DEFAULT = 2;

/** `ccos run FILE -- ARGS…`; `--policy FILE PROGRAM.js ARGS…`; `--policy FILE -- PROGRAM ARGS…`; `--batch FILE`. */
export const run: Command = {
  name: "run",
  usage: `run FILE [--envelope FILE] [FLAGS] [-- ARGS…]   |   run --policy FILE [FLAGS] PROGRAM.js|.py|.sh|.wasm [ARGS…] [-- ARGS…]   |   run --policy FILE [FLAGS] -- PROGRAM [ARGS…]   |   run --batch [FILE|-] [FLAGS] [--warm N]; FLAGS: ${SETTINGS_USAGE} ${TIGHTER_USAGE} [--production] [--json]`,
  summary:
    "Run an agent's plan, or any program, behind the walls; one line per effect as it is decided",

  async run(args, io) {
    const separator = args.indexOf("--");
    const own = separator < 0 ? args : args.slice(0, separator);
    const command = separator < 0 ? null : args.slice(separator + 1);
    const parsed = parseCommand(run, own, {
      policy: { type: "string" },
      envelope: { type: "string" },
      production: { type: "boolean" },
      batch: { type: "boolean" },
      warm: { type: "string" },
      ...SETTINGS_FLAGS,
      ...TIGHTER_FLAGS,
    });
    const operator = await readOperator(run, io, parsed);
    if (parsed.flag("batch")) return await batch(parsed, command, operator, io);
    if (parsed.text("warm") !== undefined) throw usageError(run, "--warm goes with --batch");
    const policy = parsed.text("policy");
    if (policy !== undefined && parsed.text("envelope") !== undefined)
      throw usageError(run, "--envelope is of a plan, and --policy runs another program");
    const bounds = runBounds(operator);
    const production = parsed.flag("production") || operator.environment === "production";
    if (policy === undefined) {
      const [file, ...rest] = parsed.positionals;
      if (file === undefined || rest.length > 0)
        throw usageError(run, "name one config file, or --policy FILE before `-- PROGRAM`");
      // Words of a shell are texts, whatever they look like.
      const envelope = await envelopeIn(io, parsed);
      const words = command === null ? {} : { args: command };
      const given = { ...bounds, ...envelope, ...words };
      const inputs = await planInputs(io.cwd, file, production, given);
      if (inputs.planSource === null)
        throw usageError(
          run,
          `${file} names no :plan; for a program use --policy ${file} -- PROGRAM`,
        );
      return await runAndReport(io, inputs, [], operator.findings);
    }
    const config = { policy, production, bounds };
    const [file, ...words] = parsed.positionals;
    if (file !== undefined) {
      const program = fileProgram(file);
      const staged = await stageProgram(io.cwd, file);
      const all = [file, ...words, ...(command ?? [])];
      const inputs = await commandInputs(io, config, all, [staged]);
      return await runAndReport(io, { ...inputs, program }, [staged], operator.findings);
    }
    if (command === null)
      throw usageError(run, "--policy goes with `-- PROGRAM` or a program file");
    if (command.length === 0) throw usageError(run, "name a program after `--`");
    const staged = await stageCommand(io.cwd, command);
    const inputs = await commandInputs(io, config, command, staged);
    return await runAndReport(io, inputs, staged, operator.findings);
  },
};

/** The envelope that `--envelope` names. */
async function envelopeIn(io: Io, parsed: Parsed): Promise<Pick<RunInputs, "envelope">> {
  const file = parsed.text("envelope");
  if (file === undefined) return {};
  const text = await readSource(io.cwd, file);
  return { envelope: parseEnvelope(file, text) };
}

async function batch(
  parsed: Parsed,
  command: readonly string[] | null,
  operator: Operator,
  io: Io,
): Promise<number> {
  const [file = "-", ...rest] = parsed.positionals;
  const isOwn =
    parsed.text("policy") === undefined &&
    parsed.text("envelope") === undefined &&
    !parsed.flag("production");
  if (command !== null || rest.length > 0 || !isOwn)
    throw usageError(run, "--batch reads one file or stdin; each line is a job");
  const warm = parsed.text("warm") ?? String(WARM_DEFAULT);
  if (!/^\d{1,3}$/.test(warm) || Number(warm) > POOL_SIZE_MAX)
    throw usageError(run, `--warm is a number up to ${POOL_SIZE_MAX}`);
  return await runBatch(io, file, { warm: Number(warm), operator });
}

function fileProgram(file: string): ProgramFile {
  const program = programFileOf(file);
  if (program !== null) return program;
  throw usageError(
    run,
    `${file} has no extension that says what runs it (.js, .py, .sh, .wasm); write \`-- PROGRAM\``,
  );
}

interface Config {
  readonly policy: string;
  readonly production: boolean;
  readonly bounds: ReturnType<typeof runBounds>;
}

async function commandInputs(
  io: Io,
  { policy, production, bounds }: Config,
  command: readonly string[],
  staged: readonly StagedFile[],
): Promise<RunInputs> {
  const configSource = await readSource(io.cwd, policy);
  const text = { configFile: policy, configSource, production };
  return {
    ...text,
    ...(await policyFileInputs(io.cwd, text)),
    planFile: null,
    planSource: null,
    modules: [],
    command,
    staged: staged.map(({ path, digest }) => ({ path, digest })),
    ...bounds,
  };
}
