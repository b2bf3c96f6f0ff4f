/**
 * `ccos policy`: what a config's policy would allow, did allow, and would have to allow at least.
 *
 * @module
 */
import { resolve } from "node:path";
import { type ChainRecord, readRecords } from "../../chain/index.ts";
import { ERROR_CODES } from "../../foundation/error-codes.ts";
import { readSigningKey, signPolicyFile } from "../../governance/index.ts";
import { writeAtomic } from "../../host/index.ts";
import { explainVerdict, type Widening } from "../../policy/index.ts";
import {
  type Backtest,
  backtest,
  comparePolicies,
  deadEndConfig,
  type PreparedRun,
  prepareRun,
  proposalOf,
  runAgent,
  wishesOfPlan,
  wishesOfRun,
  type Wishes,
} from "../../runtime/index.ts";
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../command.ts";
import { parseJson, planInputs, policyFileInputs, readSource, stageCommand } from "../inputs.ts";
import { printable } from "../render.ts";

const SHOWN_MAX = 20;

export const policyProve: Command = {
  name: "policy prove",
  usage: "policy prove BEFORE AFTER [--json]",
  summary:
    "Prove that a changed config allows no more than before, or show a request that it does; exit 77",

  async run(args, io) {
    const [before, after] = await twoIn(policyProve, io, parseCommand(policyProve, args));
    const [first] = comparePolicies(before, after, 1);
    if (io.json)
      io.out(JSON.stringify({ wider: first !== undefined, counterexample: first ?? null }));
    else if (first === undefined)
      io.out("no wider: every request is decided as before, or stricter");
    else io.out(`wider  ${wideningText(first)}`);
    return first === undefined ? 0 : ERROR_CODES.POLICY_WIDER.exitCode;
  },
};

export const policyDiff: Command = {
  name: "policy diff",
  usage: "policy diff BEFORE AFTER [--json]",
  summary:
    "What a changed config allows that it did not, and what it no longer does, each with a request",

  async run(args, io) {
    const [before, after] = await twoIn(policyDiff, io, parseCommand(policyDiff, args));
    const more = comparePolicies(before, after, SHOWN_MAX);
    const less = comparePolicies(after, before, SHOWN_MAX);
    if (io.json) io.out(JSON.stringify({ more, less }));
    else if (more.length + less.length === 0)
      io.out("the same: every request is decided as before");
    for (const each of io.json ? [] : more) io.out(`+ ${wideningText(each)}`);
    for (const each of io.json ? [] : less) io.out(`- ${wideningText(each)}`);
    return 0;
  },
};

export const policyTest: Command = {
  name: "policy test",
  usage: "policy test CONFIG --against RUN… [--json]",
  summary:
    "Decide the calls of recorded runs again under a config: each decision that flips; exit 77 when one does",

  async run(args, io) {
    const parsed = parseCommand(policyTest, args, { against: { type: "string", multiple: true } });
    const [file, ...more] = parsed.positionals;
    const runs = [...parsed.texts("against"), ...more];
    if (file === undefined || runs.length === 0)
      throw usageError(policyTest, "name one config, and runs behind --against");
    const { policy } = await preparedOf(io, file);
    const tests: Backtest[] = [];
    for (const run of runs) tests.push(await backtest(io.world, policy, run));
    const flips = tests.flatMap((each) => each.flips);
    if (io.json) io.out(JSON.stringify({ tests }));
    for (const { run, decisions, passedOver } of io.json ? [] : tests)
      io.say(`${run}  ${decisions} decisions, ${passedOver} not the policy's`);
    for (const { run, seq, request, was, is } of io.json ? [] : flips)
      io.out(
        printable(`flips  ${run} record ${seq}: was ${was}, is ${explainVerdict(is, request)}`),
      );
    if (!io.json && flips.length === 0) io.out("no decision flips");
    return flips.length === 0 ? 0 : ERROR_CODES.POLICY_FLIPPED.exitCode;
  },
};

export const policyLearn: Command = {
  name: "policy learn",
  usage: "policy learn CONFIG [-- PROGRAM ARGS…] [--json]",
  summary:
    "The least policy that a config's plan needs, or a program that runs where everything is denied",

  async run(args, io) {
    const separator = args.indexOf("--");
    const parsed = parseCommand(policyLearn, separator < 0 ? args : args.slice(0, separator));
    const [file, ...rest] = parsed.positionals;
    if (file === undefined || rest.length > 0) throw usageError(policyLearn, "name one config");
    const command = separator < 0 ? null : args.slice(separator + 1);
    const wishes =
      command === null ? await wishesInPlan(io, file) : await wishesInDeadEnd(io, file, command);
    const { text, unknown } = proposalOf(wishes);
    if (io.json) io.out(JSON.stringify({ config: text, unknown, requests: wishes.requests }));
    else {
      io.out(text);
      for (const each of unknown) io.say(printable(`not in it: ${each}`));
    }
    return 0;
  },
};

export const policySign: Command = {
  name: "policy sign",
  usage: "policy sign RULES --key KEY --out FILE [--json]",
  summary:
    "Sign a file of rules over effects, so that configs that name its key hold their agents to it",

  async run(args, io) {
    const flags = { key: { type: "string" }, out: { type: "string" } } as const;
    const parsed = parseCommand(policySign, args, flags);
    const [file, ...rest] = parsed.positionals;
    const [key, out] = [parsed.text("key"), parsed.text("out")];
    if (file === undefined || rest.length > 0 || key === undefined || out === undefined)
      throw usageError(policySign, "name one file of rules, --key KEY and --out FILE");
    const rules = parseJson(await readSource(io.cwd, file));
    const signed = signPolicyFile(rules, await readSigningKey(resolve(io.cwd, key)));
    if (signed === null)
      throw usageError(
        policySign,
        `${file} is not {"version": N, "rules": [...]}; see docs/governance.md`,
      );
    const path = resolve(io.cwd, out);
    await writeAtomic(path, new TextEncoder().encode(`${JSON.stringify(signed)}\n`), 0o644);
    const { version } = signed;
    if (io.json) io.out(JSON.stringify({ file: path, version, key: signed.key }));
    else io.say(printable(`signed ${path}, version ${version}, with ${signed.key}`));
    return 0;
  },
};

async function wishesInPlan(io: Io, file: string): Promise<Wishes> {
  const { admission } = prepareRun(await planInputs(io.cwd, file, false));
  if (admission === null) throw usageError(policyLearn, `${file} names no :plan; write -- PROGRAM`);
  return wishesOfPlan(admission);
}

/** A run like any other, kept and recorded, in which nothing is granted. */
async function wishesInDeadEnd(io: Io, file: string, command: readonly string[]): Promise<Wishes> {
  if (command.length === 0) throw usageError(policyLearn, "name a program after `--`");
  const { mode } = (await preparedOf(io, file)).config.orchestrator.isolation;
  const staged = await stageCommand(io.cwd, command);
  const terminal = {
    stdin: null,
    out: (chunk: Uint8Array) => void process.stderr.write(chunk),
    error: (chunk: Uint8Array) => void process.stderr.write(chunk),
  };
  const report = await runAgent(io.world, {
    inputs: {
      configFile: file,
      configSource: deadEndConfig(mode),
      planFile: null,
      planSource: null,
      modules: [],
      command,
      staged: staged.map(({ path, digest }) => ({ path, digest })),
      production: false,
    },
    staged,
    terminal,
    observe: () => undefined,
    signal: io.signal,
  });
  const records: ChainRecord[] = [];
  for await (const record of readRecords(report.directory.chain)) records.push(record);
  return wishesOfRun(records);
}

function wideningText({ request, why }: Widening): string {
  const what = request === null ? "" : `${requestText(request)}: `;
  return printable(`${what}${why}`);
}

function requestText(request: NonNullable<Widening["request"]>): string {
  const verdict = { kind: "allow", rule: "" } as const;
  return explainVerdict(verdict, request)
    .replace(/^ALLOWED /, "")
    .replace(/ by $/, "");
}

async function twoIn(
  command: Command,
  io: Io,
  { positionals }: Parsed,
): Promise<readonly [PreparedRun, PreparedRun]> {
  const [before, after, ...rest] = positionals;
  if (before === undefined || after === undefined || rest.length > 0)
    throw usageError(command, "name two configs");
  return [await preparedOf(io, before), await preparedOf(io, after)];
}

/** The config alone: its plan is no part of its policy. */
async function preparedOf(io: Io, file: string): Promise<PreparedRun> {
  const configSource = await readSource(io.cwd, file);
  const text = { configFile: file, configSource, production: false };
  return prepareRun({
    ...text,
    ...(await policyFileInputs(io.cwd, text)),
    planFile: null,
    planSource: null,
    modules: [],
    command: [],
    staged: [],
  });
}
