/**
 * `ccos chain prove` and `check-proof`: a few hundred bytes that show, without this host, that it logged a run's head or a
 * record of it.
 *
 * @module
 */
import {
  auditLog,
  base64Of,
  checkProof,
  hostLog,
  PROOF_LENGTH_MAX,
  proofText,
  prove,
} from "../../../chain/index.ts";
import { CcosError } from "../../../foundation/errors.ts";
import { findRun } from "../../../runtime/index.ts";
import { type Command, parseCommand, usageError } from "../../command.ts";
import { printable, shortHash } from "../../render.ts";
import { keyOf, readNamed } from "./checkpoint-file.ts";

/** `ccos chain prove RUN [SEQ]`. */
export const chainProve: Command = {
  name: "chain prove",
  usage: "chain prove RUN|last [SEQ] [--json]",
  summary:
    "Print a proof that the host log has a run's head, and a record under it (C2SP tlog-proof)",

  async run(args, io) {
    const parsed = parseCommand(chainProve, args);
    const [name, seqText, ...rest] = parsed.positionals;
    const seq = seqText === undefined ? null : Number(seqText);
    const isSeq =
      seq === null || (/^[0-9]{1,12}$/.test(seqText ?? "") && Number.isSafeInteger(seq));
    if (name === undefined || rest.length > 0 || !isSeq)
      throw usageError(chainProve, "name one run, or `last`, and the number of a record");
    const run = await findRun(io.world.stateDir, name);
    const publicKey = await keyOf(io, undefined);
    const log = hostLog(io.world.stateDir);
    const audit = await auditLog({ log, publicKey, chain: run.id });
    const logged = "kind" in audit ? undefined : audit.heads.at(-1);
    if (logged === undefined) {
      throw new CcosError("CHAIN_INTEGRITY", {
        what: `Cannot prove ${run.id}`,
        why:
          "kind" in audit ? `${audit.reason}, ${audit.detail}` : "the host log has no head of it",
        fix: `Run \`ccos chain verify ${run.id}\` for what happened to it`,
      });
    }
    const record = seq === null ? {} : { record: { path: run.chain, seq } };
    const proof = await prove({ log, publicKey, ...logged, ...record });
    const text = proofText(proof);
    if (!io.json) io.out(text.trimEnd());
    else {
      const { path, record: proven } = proof;
      const below = proven === null ? null : { ...proven, path: proven.path.map(base64Of) };
      io.out(JSON.stringify({ ...proof, path: path.map(base64Of), record: below, text }));
    }
    return 0;
  },
};

/** `ccos chain check-proof FILE`. */
export const chainCheckProof: Command = {
  name: "chain check-proof",
  usage: "chain check-proof FILE [--key FILE] [--json]",
  summary: "Check a proof offline with a host's public key",

  async run(args, io) {
    const parsed = parseCommand(chainCheckProof, args, { key: { type: "string" } });
    const [file, ...rest] = parsed.positionals;
    if (file === undefined || rest.length > 0)
      throw usageError(chainCheckProof, "name one file that `ccos chain prove` made");
    const publicKey = await keyOf(io, parsed.text("key"));
    const checked = checkProof(await readNamed(io, file, PROOF_LENGTH_MAX), publicKey);
    if (!checked.ok) {
      throw new CcosError("PROOF_INVALID", {
        what: `Cannot believe proof "${file}"`,
        why: checked.error,
        fix: "Name the key of the host that logged it: --key FILE",
      });
    }
    const { checkpoint, index, head, record } = checked.value;
    if (io.json) io.out(JSON.stringify({ ok: true, checkpoint, index, head, record }));
    else {
      io.say(
        ` proof     head LOGGED      ${head.chain} · ${head.records} records · head ${shortHash(head.head)}\n` +
          ` log       number ${index} of ${checkpoint.size} in ${checkpoint.origin} · root ${shortHash(checkpoint.root)}`,
      );
      if (record !== null) {
        const { seq, ts, type, data } = record;
        const time = new Date(ts).toISOString();
        io.out(printable(`${seq}  ${time}  ${type}  ${JSON.stringify(data)}`));
      }
    }
    return 0;
  },
};
