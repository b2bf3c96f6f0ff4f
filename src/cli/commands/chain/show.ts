/** `ccos chain show` and `list`: what the records of past runs say. */
import { type ChainRecord, isRecordType, readRecords } from "../../../chain/index.ts";
import { findRun, listRuns } from "../../../runtime/index.ts";
import { type Command, parseCommand, usageError } from "../../command.ts";
import { printable } from "../../render.ts";

/** `ccos chain show RUN`: the records, one line each. */
export const chainShow: Command = {
  name: "chain show",
  usage: "chain show RUN|last [--type TYPE] [--step NAME] [--capability ID] [--json]",
  summary: "Print a run's records, all or those that fit; --json prints them as NDJSON",

  async run(args, io) {
    const parsed = parseCommand(chainShow, args, {
      type: { type: "string" },
      step: { type: "string" },
      capability: { type: "string" },
    });
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0)
      throw usageError(chainShow, "name one run, or `last`");
    const run = await findRun(io.world.stateDir, name);
    if (!io.json)
      io.say(
        ` ${run.id}  ${run.chain}\n a listing is not a verification: \`ccos chain verify ${run.id}\``,
      );
    const wanted = {
      type: parsed.text("type"),
      step: parsed.text("step"),
      capability: parsed.text("capability"),
    };
    if (wanted.type !== undefined && !isRecordType(wanted.type))
      throw usageError(chainShow, `no record is called "${wanted.type}"`);
    const columns = Object.entries(wanted).filter(
      (each): each is [string, string] => each[1] !== undefined,
    );
    for await (const record of readRecords(run.chain, new Map(columns))) {
      if (!isWanted(record, wanted)) continue;
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

interface Wanted {
  readonly type: string | undefined;
  readonly step: string | undefined;
  readonly capability: string | undefined;
}

function isWanted({ body }: ChainRecord, { type, step, capability }: Wanted): boolean {
  const { data } = body;
  return (
    (type === undefined || body.type === type) &&
    (step === undefined || data["step"] === step) &&
    (capability === undefined || data["capability"] === capability)
  );
}

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
