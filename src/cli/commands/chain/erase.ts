/** `ccos chain erase RUN`: the results of a run made unreadable for ever; its chain stays, and verifies. */
import { openPayloads } from "../../../chain/index.ts";
import { CcosError } from "../../../foundation/errors.ts";
import { fileIdentity, hasWriter } from "../../../host/index.ts";
import { findRun } from "../../../runtime/index.ts";
import { type Command, parseCommand, usageError } from "../../command.ts";

export const chainErase: Command = {
  name: "chain erase",
  usage: "chain erase RUN|last [--json]",
  summary:
    "Destroy the key of a run's results: the chain still verifies, its results are gone for ever",

  async run(args, io) {
    const parsed = parseCommand(chainErase, args);
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0)
      throw usageError(chainErase, "name one run, or `last`");
    const run = await findRun(io.world.stateDir, name);
    if (fileIdentity(run.payloads) !== null && (await hasWriter(run.payloads))) {
      throw new CcosError("IO_ERROR", {
        what: `Cannot erase the results of ${run.id}`,
        why: "a process still writes them",
        fix: "Wait for the run to end",
      });
    }
    const had = fileIdentity(run.payloadKey) !== null;
    if (had) await (await openPayloads(run.payloads, run.payloadKey)).erase();
    if (io.json) io.out(JSON.stringify({ run: run.id, erased: had }));
    else if (had)
      io.say(
        ` erased    the results of ${run.id}; its inputs and workspace are still in ${run.path}`,
      );
    else io.say(` erased    nothing: ${run.id} has no key to results`);
    return 0;
  },
};
