/**
 * `ccos chain checkpoint`: the host log's signed state, to be kept elsewhere; with `--since`, that it goes on from one
 * that was kept.
 *
 * @module
 */
import {
  base64Of,
  type Checkpoint,
  hostLog,
  isConsistent,
  proveConsistency,
  readCheckpoint,
} from "../../../chain/index.ts";
import { CcosError } from "../../../foundation/errors.ts";
import { type Command, type Io, parseCommand, usageError } from "../../command.ts";
import { keyOf, readPinned } from "./checkpoint-file.ts";

/** `ccos chain checkpoint [--since FILE]`. */
export const chainCheckpoint: Command = {
  name: "chain checkpoint",
  usage: "chain checkpoint [--since FILE] [--json]",
  summary:
    "Print the host log's signed checkpoint, to be kept elsewhere; --since proves what it goes on from",

  async run(args, io) {
    const parsed = parseCommand(chainCheckpoint, args, { since: { type: "string" } });
    if (parsed.positionals.length > 0) throw usageError(chainCheckpoint, "it takes no words");
    const since = await readPinned(io, parsed.text("since"));
    const publicKey = await keyOf(io, undefined);
    const log = hostLog(io.world.stateDir);
    const now = await readCheckpoint(log, publicKey);
    if (now === null) {
      throw new CcosError("INPUT_NOT_FOUND", {
        what: "Cannot print a checkpoint",
        why: `nothing was ever logged in "${log.directory}"`,
        fix: "Run an agent first",
      });
    }
    const path = since === null ? null : await pathSince(io, since);
    if (io.json) {
      const { note, ...checkpoint } = now;
      const consistency = path === null ? null : { from: since, path: path.map(base64Of) };
      io.out(JSON.stringify({ checkpoint, note, consistency }));
      return 0;
    }
    io.out(now.note.trimEnd());
    if (since !== null)
      io.say(` log       goes on from the ${since.size} heads of the given checkpoint`);
    return 0;
  },
};

/** @throws {CcosError} `CHAIN_ROLLBACK`, `CHAIN_FORK`. */
async function pathSince(io: Io, since: Checkpoint): Promise<readonly string[]> {
  const what = "Cannot go on from the given checkpoint";
  const log = hostLog(io.world.stateDir);
  const proof = await proveConsistency(log, await keyOf(io, undefined), since);
  if (proof === null) {
    const why = `it counts ${since.size} heads, more than the host log`;
    throw new CcosError("CHAIN_ROLLBACK", { what, why });
  }
  if (isConsistent(since, proof.to, proof.path)) return proof.path;
  const why = `the first ${since.size} heads of the host log are others`;
  throw new CcosError("CHAIN_FORK", { what, why });
}
