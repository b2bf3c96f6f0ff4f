import type { Verification } from "../../chain/index.ts";
import { readRecords } from "../../chain/index.ts";
import { ERROR_CODES, type ErrorCode } from "../../foundation/error-codes.ts";
import { findRun, listRuns, type Replay, repairRun, replayRun, verifyRun } from "../../runtime/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../command.ts";
import { marksFor, printable, shortHash } from "../render.ts";

/** `ccos chain verify RUN [--replay]`. */
export const chainVerify: Command = {
  name: "chain verify",
  usage: "chain verify RUN|last [--replay] [--repair] [--json]",
  summary: "Check that no record was changed, dropped, moved or cut; --replay re-runs the plan offline to the same head",

  async run(args, io) {
    const parsed = parseCommand(chainVerify, args, { replay: { type: "boolean" }, repair: { type: "boolean" } });
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0) throw usageError(chainVerify, "name one run, or `last`");
    return await verifyAndReport(io, name, { replay: parsed.flag("replay"), repair: parsed.flag("repair") });
  },
};

/** Verify, replay when asked, print both verdicts. Shared with `ccos demo`. */
export async function verifyAndReport(io: Io, name: string, options: { replay: boolean; repair: boolean }): Promise<number> {
  const run = await findRun(io.world.stateDir, name);
  if (options.repair) {
    const moved = await repairRun(run);
    io.say(moved === 0 ? " repair    nothing to repair" : ` repair    ${moved} bytes of a cut write moved to ${run.chain}.torn`);
  }
  const verification = await verifyRun(io.world, run);
  const code = verificationCode(verification);
  const replay = options.replay && code === null ? await replayRun(io.world, run, io.signal) : null;
  const diverged = replay?.kind === "diverged";
  if (io.json) io.out(JSON.stringify({ run: run.id, ok: code === null && !diverged, code: diverged ? "REPLAY_DIVERGED" : code, verification, replay }));
  else {
    const marks = marksFor(io.terminal);
    const lines = [verificationText(verification, marks.red), ...(replay === null ? [] : [replayText(replay, marks.red)])];
    for (const line of lines) io.say(printable(line));
  }
  if (code !== null) return ERROR_CODES[code].exitCode;
  return diverged ? ERROR_CODES.REPLAY_DIVERGED.exitCode : 0;
}

function verificationCode(verification: Verification): ErrorCode | null {
  if (verification.kind === "valid") return verification.sealed ? null : "CHAIN_UNSEALED";
  switch (verification.reason) {
    case "torn":
      return "CHAIN_TORN";
    case "truncated":
      return "CHAIN_TRUNCATED";
    case "signature":
      return "CHAIN_SIGNATURE";
    default:
      return "CHAIN_INTEGRITY";
  }
}

function verificationText(verification: Verification, red: (text: string) => string): string {
  if (verification.kind === "valid") {
    const { records, head } = verification;
    if (verification.sealed) return ` chain     chain VALID      ${records} records · head ${shortHash(head)} · signature ok (key ${verification.keyId})`;
    return ` chain     ${red("chain UNSEALED")}   ${records} records verify, but no signed head says where the chain ends`;
  }
  return ` chain     ${red("chain BROKEN")}     record ${verification.seq}: ${verification.reason}  ${verification.detail}`;
}

function replayText(replay: Replay, red: (text: string) => string): string {
  switch (replay.kind) {
    case "identical":
      return ` replay    replay IDENTICAL re-ran offline to the same head ${shortHash(replay.head)} · ${replay.decisions} decisions derived again`;
    case "identical-until-limit":
      return ` replay    replay IDENTICAL for ${replay.records} records, up to where the run was ended from outside (${replay.by})`;
    default:
      return ` replay    ${red("replay DIVERGED")}  first at record ${replay.seq}: recorded ${replay.recorded.type} ${JSON.stringify(replay.recorded.data)}, replayed ${replay.replayed.type} ${JSON.stringify(replay.replayed.data)}`;
  }
}

/** `ccos chain show RUN`: the records, one line each. */
export const chainShow: Command = {
  name: "chain show",
  usage: "chain show RUN|last [--json]",
  summary: "Print a run's records; --json prints them as NDJSON",

  async run(args, io) {
    const parsed = parseCommand(chainShow, args);
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0) throw usageError(chainShow, "name one run, or `last`");
    const run = await findRun(io.world.stateDir, name);
    if (!io.json) io.say(` ${run.id}  ${run.chain}\n a listing is not a verification: \`ccos chain verify ${run.id}\``);
    for await (const record of readRecords(run.chain)) {
      const { seq, ts, type, data, facts } = record.body;
      if (io.json) io.out(JSON.stringify(record));
      else io.out(printable(`${String(seq).padStart(4)}  ${new Date(ts).toISOString()}  ${type.padEnd(16)} ${JSON.stringify(data)}${Object.keys(facts).length === 0 ? "" : `  facts ${JSON.stringify(facts)}`}`));
    }
    return 0;
  },
};

/** `ccos chain list`: the runs of this state directory, oldest first. */
export const chainList: Command = {
  name: "chain list",
  usage: "chain list [--json]",
  summary: "List the runs under CCOS_HOME",

  async run(args, io) {
    parseCommand(chainList, args);
    const runs = await listRuns(io.world.stateDir);
    if (io.json) io.out(JSON.stringify({ runs }));
    else if (runs.length === 0) io.say(`no runs under ${io.world.stateDir}`);
    else io.out(runs.join("\n"));
    return 0;
  },
};
