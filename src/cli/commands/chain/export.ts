/** `ccos chain export RUN --format …`: a chain in a form for others, to stdout. */
import { EXPORT_FORMATS, exportChain, type ExportFormat } from "../../../chain/index.ts";
import { findRun, type RunDirectory, verifyLogged, verifyRun } from "../../../runtime/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../../command.ts";
import { writeOut } from "../../streams.ts";

/** Parts are written together: one line at a time would wait for the reader each time. */
const CHUNK_LENGTH = 64 * 1024;

export const chainExport: Command = {
  name: "chain export",
  usage: `chain export RUN|last --format ${EXPORT_FORMATS.join("|")}`,
  summary: "Print a chain as lines, as one static page, as an OTLP trace, or as OCSF events",

  async run(args, io) {
    const parsed = parseCommand(chainExport, args, { format: { type: "string" } });
    const [name, ...rest] = parsed.positionals;
    const format = EXPORT_FORMATS.find((each) => each === parsed.text("format"));
    if (name === undefined || rest.length > 0 || format === undefined)
      throw usageError(chainExport, "name one run, or `last`, and a format");
    const run = await findRun(io.world.stateDir, name);
    let waiting = "";
    for await (const part of exportChain(run.chain, format, await factsOf(io, run, format))) {
      waiting += part;
      if (waiting.length < CHUNK_LENGTH) continue;
      if (!(await writeOut(waiting))) return 0;
      waiting = "";
    }
    await writeOut(waiting);
    return 0;
  },
};

async function factsOf(
  { world }: Io,
  run: RunDirectory,
  format: ExportFormat,
): Promise<Parameters<typeof exportChain>[2]> {
  const command = `ccos chain verify ${run.id}`;
  if (format !== "html") return { chain: run.id, verdicts: [], command };
  const chain = await verifyRun(world, run);
  if (chain.kind === "broken") {
    const text = `chain BROKEN at record ${chain.seq}: ${chain.reason}, ${chain.detail}`;
    return { chain: run.id, verdicts: [{ good: false, text }], command };
  }
  const log = await verifyLogged(world, run, chain);
  const verdicts = [
    chain.sealed
      ? {
          good: true,
          text: `chain valid, ${chain.records} records, signed with key ${chain.keyId}`,
        }
      : { good: false, text: "no signed head says where the chain ends" },
    log.kind === "logged"
      ? { good: true, text: `head number ${log.index} of ${log.size} in the host log` }
      : {
          good: false,
          text: log.kind === "broken" ? `${log.reason}: ${log.detail}` : "not in the host log",
        },
  ];
  return { chain: run.id, verdicts, command };
}
