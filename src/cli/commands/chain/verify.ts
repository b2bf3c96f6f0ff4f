/**
 * `ccos chain verify`: whether the records of a past run may be believed.
 *
 * @module
 */
import type { Checkpoint, LogVerdict, Verification } from "../../../chain/index.ts";
import { ERROR_CODES, type ErrorCode } from "../../../foundation/error-codes.ts";
import { unreachable } from "../../../foundation/result.ts";
import {
  findRun,
  type Replay,
  repairRun,
  replayRun,
  verifyLogged,
  verifyRun,
} from "../../../runtime/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../../command.ts";
import { marksFor, type Paint, printable, shortHash } from "../../render.ts";
import { readPinned } from "./checkpoint-file.ts";

/** `ccos chain verify RUN [--replay]`. */
export const chainVerify: Command = {
  name: "chain verify",
  usage: "chain verify RUN|last [--replay] [--repair] [--links] [--checkpoint FILE] [--json]",
  summary:
    "Check that no record was changed, dropped, moved or cut; --replay re-runs the plan offline to the same head",

  async run(args, io) {
    const parsed = parseCommand(chainVerify, args, {
      replay: { type: "boolean" },
      repair: { type: "boolean" },
      links: { type: "boolean" },
      checkpoint: { type: "string" },
    });
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0)
      throw usageError(chainVerify, "name one run, or `last`");
    return await verifyAndReport(io, name, {
      replay: parsed.flag("replay"),
      repair: parsed.flag("repair"),
      links: parsed.flag("links"),
      pinned: await readPinned(io, parsed.text("checkpoint")),
    });
  },
};

export interface VerifyRequest {
  readonly replay: boolean;
  readonly repair: boolean;
  /** Of a long chain look at hashes and links alone: that every byte is what was signed. */
  readonly links: boolean;
  /** A checkpoint of the host log that was kept elsewhere. */
  readonly pinned: Checkpoint | null;
}

/** Verify, replay when asked, print both verdicts. Shared with `ccos demo`. */
export async function verifyAndReport(
  io: Io,
  name: string,
  { replay: isReplay, repair, links, pinned }: VerifyRequest,
): Promise<number> {
  const run = await findRun(io.world.stateDir, name);
  if (repair) {
    const { bytes, head } = await repairRun(io.world, run);
    if (bytes > 0) io.say(` repair    ${bytes} bytes of a cut write moved to ${run.chain}.torn`);
    if (head) io.say(" repair    the head that the host log has is back beside the chain");
    if (bytes === 0 && !head) io.say(" repair    nothing to repair");
  }
  const verification = await verifyRun(io.world, run, links ? "links" : undefined);
  const isValid = verification.kind === "valid";
  const log = isValid ? await verifyLogged(io.world, run, verification, pinned) : null;
  const code = logCode(log) ?? verificationCode(verification);
  const { red } = marksFor(io.terminal);
  if (!io.json) {
    io.say(verificationText(verification, red));
    if (log !== null) io.say(logText(log, red));
  }
  const replay = isReplay && code === null ? await replayRun(io.world, run, io.signal) : null;
  const failure = code ?? (replay === null ? null : REPLAY_CODES[replay.kind]);
  if (!io.json && replay !== null) io.say(replayText(replay, red));
  if (io.json) {
    const ok = failure === null;
    io.out(JSON.stringify({ run: run.id, ok, code: failure, verification, log, replay }));
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

const LOG_CODES: Readonly<Record<(LogVerdict & { kind: "broken" })["reason"], ErrorCode>> = {
  "log-signature": "CHAIN_SIGNATURE",
  "log-changed": "CHAIN_INTEGRITY",
  "log-rollback": "CHAIN_ROLLBACK",
  "log-fork": "CHAIN_FORK",
  truncated: "CHAIN_TRUNCATED",
  rollback: "CHAIN_ROLLBACK",
  fork: "CHAIN_FORK",
  stripped: "CHAIN_SIGNATURE",
};

function logCode(log: LogVerdict | null): ErrorCode | null {
  return log?.kind === "broken" ? LOG_CODES[log.reason] : null;
}

function logText(log: LogVerdict, red: Paint): string {
  switch (log.kind) {
    case "logged": {
      const pinned = log.pinned ? " · goes on from the given checkpoint" : "";
      return ` log       head LOGGED      number ${log.index} of ${log.size} in the host log${pinned}`;
    }
    case "unlogged":
      return ` log       not logged       none of the ${log.size} heads in the host log is of this chain`;
    case "broken":
      return ` log       ${red("log BROKEN")}       ${log.reason}  ${printable(log.detail)}`;
    default:
      return unreachable(log);
  }
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
