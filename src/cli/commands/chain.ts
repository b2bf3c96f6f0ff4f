/**
 * `ccos chain verify`, `show` and `list`: what the records of past runs say, and whether they may
 * be believed.
 *
 * @module
 */
import type { Verification } from "../../chain/index.ts";
import { readRecords } from "../../chain/index.ts";
import { ERROR_CODES, type ErrorCode } from "../../foundation/error-codes.ts";
import { unreachable } from "../../foundation/result.ts";
import {
  findRun,
  listRuns,
  type Replay,
  repairRun,
  replayRun,
  verifyRun,
} from "../../runtime/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../command.ts";
import { marksFor, type Paint, printable, shortHash } from "../render.ts";

/** `ccos chain verify RUN [--replay]`. */
export const chainVerify: Command = {
  name: "chain verify",
  usage: "chain verify RUN|last [--replay] [--repair] [--json]",
  summary:
    "Check that no record was changed, dropped, moved or cut; --replay re-runs the plan offline to the same head",

  async run(args, io) {
    const parsed = parseCommand(chainVerify, args, {
      replay: { type: "boolean" },
      repair: { type: "boolean" },
    });
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0)
      throw usageError(chainVerify, "name one run, or `last`");
    return await verifyAndReport(io, name, {
      replay: parsed.flag("replay"),
      repair: parsed.flag("repair"),
    });
  },
};

/** Verify, replay when asked, print both verdicts. Shared with `ccos demo`. */
export async function verifyAndReport(
  io: Io,
  name: string,
  options: { replay: boolean; repair: boolean },
): Promise<number> {
  const run = await findRun(io.world.stateDir, name);
  if (options.repair) {
    const moved = await repairRun(run);
    io.say(
      moved === 0
        ? " repair    nothing to repair"
        : ` repair    ${moved} bytes of a cut write moved to ${run.chain}.torn`,
    );
  }
  const verification = await verifyRun(io.world, run);
  const code = verificationCode(verification);
  const { red } = marksFor(io.terminal);
  if (!io.json) io.say(verificationText(verification, red));
  const replay = options.replay && code === null ? await replayRun(io.world, run, io.signal) : null;
  const failure = code ?? (replay === null ? null : REPLAY_CODES[replay.kind]);
  if (!io.json && replay !== null) io.say(replayText(replay, red));
  if (io.json) {
    io.out(
      JSON.stringify({ run: run.id, ok: failure === null, code: failure, verification, replay }),
    );
  }
  return failure === null ? 0 : ERROR_CODES[failure].exitCode;
}

const REPLAY_CODES: Readonly<Record<Replay["kind"], ErrorCode | null>> = {
  identical: null,
  "identical-until-limit": null,
  diverged: "REPLAY_DIVERGED",
  unavailable: "REPLAY_UNAVAILABLE",
};

const BREAK_CODES: Readonly<Partial<Record<string, ErrorCode>>> = {
  torn: "CHAIN_TORN",
  truncated: "CHAIN_TRUNCATED",
  signature: "CHAIN_SIGNATURE",
};

function verificationCode(verification: Verification): ErrorCode | null {
  if (verification.kind === "valid") return verification.sealed ? null : "CHAIN_UNSEALED";
  return BREAK_CODES[verification.reason] ?? "CHAIN_INTEGRITY";
}

function verificationText(verification: Verification, red: Paint): string {
  if (verification.kind === "valid") {
    const { records, head } = verification;
    if (verification.sealed)
      return ` chain     chain VALID      ${records} records · head ${shortHash(head)} · signature ok (key ${verification.keyId})`;
    return ` chain     ${red("chain UNSEALED")}   ${records} records verify, but no signed head says where the chain ends`;
  }
  return ` chain     ${red("chain BROKEN")}     record ${verification.seq}: ${verification.reason}  ${printable(verification.detail)}`;
}

function replayText(replay: Replay, red: Paint): string {
  switch (replay.kind) {
    case "identical":
      return ` replay    replay IDENTICAL re-ran offline to the same head ${shortHash(replay.head)} · ${replay.decisions} decisions derived again`;
    case "identical-until-limit":
      return ` replay    replay IDENTICAL for ${replay.records} records, up to where the run was ended from outside (${printable(replay.by)})`;
    case "diverged": {
      const recorded = `${replay.recorded.type} ${JSON.stringify(replay.recorded.data)}`;
      const replayed = `${replay.replayed.type} ${JSON.stringify(replay.replayed.data)}`;
      return ` replay    ${red("replay DIVERGED")}  first at record ${replay.seq}: ${printable(`recorded ${recorded}, replayed ${replayed}`)}`;
    }
    case "unavailable":
      return ` replay    ${red("replay UNAVAILABLE")}  ${printable(replay.why)}`;
    default:
      return unreachable(replay);
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
    if (name === undefined || rest.length > 0)
      throw usageError(chainShow, "name one run, or `last`");
    const run = await findRun(io.world.stateDir, name);
    if (!io.json)
      io.say(
        ` ${run.id}  ${run.chain}\n a listing is not a verification: \`ccos chain verify ${run.id}\``,
      );
    for await (const record of readRecords(run.chain)) {
      const { seq, ts, type, data, facts } = record.body;
      if (io.json) io.out(JSON.stringify(record));
      else
        io.out(
          printable(
            `${String(seq).padStart(4)}  ${new Date(ts).toISOString()}  ${type.padEnd(16)} ${JSON.stringify(data)}${Object.keys(facts).length === 0 ? "" : `  facts ${JSON.stringify(facts)}`}`,
          ),
        );
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
