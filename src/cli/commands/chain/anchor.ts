/**
 * `ccos chain anchor` and `anchors`: the host log's checkpoint put where this host cannot take it back, and whether what was put
 * there still agrees with the log.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import {
  anchorCheckpoint,
  type AnchorTarget,
  type Checkpoint,
  hostLog,
  isAnchorUrl,
  openCheckpoint,
  originOf,
  readAnchors,
  readCheckpoint,
  readLog,
  type Review,
  reviewAnchor,
} from "../../../chain/index.ts";
import { CcosError } from "../../../foundation/errors.ts";
import { fileIdentity } from "../../../host/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../../command.ts";
import { marksFor, printable } from "../../render.ts";
import { keyOf } from "./checkpoint-file.ts";

/** `ccos chain anchor KIND WHERE`. */
export const chainAnchor: Command = {
  name: "chain anchor",
  usage: "chain anchor file|git DIRECTORY | http|rfc3161 URL [--json]",
  summary:
    "Put the host log's checkpoint into a directory or git repository, or send it to another host or a time stamping authority",

  async run(args, io) {
    const parsed = parseCommand(chainAnchor, args);
    const target = targetOf(io, parsed.positionals);
    const log = hostLog(io.world.stateDir);
    const last = await readCheckpoint(log, await keyOf(io, undefined));
    if (last === null) {
      throw new CcosError("INPUT_NOT_FOUND", {
        what: "Cannot anchor the host log",
        why: `nothing was ever logged in "${log.directory}"`,
        fix: "Run an agent first",
      });
    }
    const { note, ...checkpoint } = last;
    const request = { log, target, nowMs: io.world.nowMs, signal: io.signal };
    const anchor = await anchorCheckpoint(request, { checkpoint, note });
    if (anchor.proof === null) {
      throw new CcosError("IO_ERROR", {
        what: `Cannot anchor ${checkpoint.size} heads`,
        why: anchor.error,
        fix: "Look at the target, then anchor again",
      });
    }
    if (io.json) io.out(JSON.stringify(anchor));
    else io.say(` anchored  ${checkpoint.size} heads at ${printable(whereOf(target))}`);
    return 0;
  },
};

function targetOf(io: Io, [kind, where = "", ...rest]: readonly string[]): AnchorTarget {
  if (rest.length === 0 && where !== "") {
    if (kind === "file" || kind === "git") {
      return { kind, path: isAbsolute(where) ? where : join(io.cwd, where) };
    }
    if ((kind === "http" || kind === "rfc3161") && isAnchorUrl(where)) return { kind, url: where };
  }
  throw usageError(chainAnchor, "name a kind and where");
}

function whereOf(target: AnchorTarget): string {
  return `${target.kind} ${"path" in target ? target.path : target.url}`;
}

/** `ccos chain anchors`. */
export const chainAnchors: Command = {
  name: "chain anchors",
  usage: "chain anchors [--json]",
  summary:
    "List where checkpoints were put, and whether each is still there and the log goes on from it",

  async run(args, io) {
    const parsed = parseCommand(chainAnchors, args);
    if (parsed.positionals.length > 0) throw usageError(chainAnchors, "it takes no words");
    const publicKey = await keyOf(io, undefined);
    const log = hostLog(io.world.stateDir);
    if (fileIdentity(log.anchors) === null) {
      io.say("nothing was ever anchored");
      return 0;
    }
    const isSigned = (note: string): Checkpoint | null => {
      const opened = openCheckpoint(note, { name: originOf(publicKey), publicKey });
      return opened.ok ? opened.value : null;
    };
    let isBroken = false;
    for await (const anchor of readAnchors(log)) {
      const root = await readLog(log, publicKey, (tree) =>
        anchor.size > tree.size ? null : tree.rootAt(anchor.size),
      );
      const review = await reviewAnchor(anchor, () => root, isSigned);
      isBroken ||= review.verdict === "gone" || review.verdict === "log-fork";
      if (io.json) io.out(JSON.stringify(review));
      else io.out(reviewText(io, review));
    }
    return isBroken ? 65 : 0;
  },
};

function reviewText(io: Io, { anchor, verdict }: Review): string {
  const { red } = marksFor(io.terminal);
  const time = new Date(anchor.atMs).toISOString();
  const where = printable(
    `${whereOf(anchor.target)}${anchor.error === "" ? "" : `: ${anchor.error}`}`,
  );
  const word = verdict === "holds" ? verdict : red(verdict);
  return `${time}  ${String(anchor.size).padStart(8)} heads  ${word.padEnd(8)}  ${where}`;
}
