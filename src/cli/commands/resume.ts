/** `ccos resume`: a run that was killed goes on, with what the operator knows of the call in doubt. @module */
import { ERROR_CODES } from "../../foundation/error-codes.ts";
import type { JsonValue } from "../../foundation/json.ts";
import { type Assumption, findRun, resumeRun } from "../../runtime/index.ts";
import { type Form, formToValue, readForms, RtfsError, toWire } from "../../rtfs/index.ts";
import { type Command, parseCommand, usageError } from "../command.ts";
import { shortHash } from "../render.ts";
import { showReport } from "../run-report.ts";
import { reportJson, RunScreen } from "../run-screen.ts";

/** `ccos resume RUN`: a run that was killed goes on where its chain ends. */
export const resume: Command = {
  name: "resume",
  usage: "resume RUN|last [--assume-done VALUE | --assume-not-done] [--json]",
  summary:
    "Go on with a run that was killed, from its chain; no effect that took place is repeated",

  async run(args, io) {
    const parsed = parseCommand(resume, args, {
      "assume-done": { type: "string" },
      "assume-not-done": { type: "boolean" },
    });
    const [name, ...rest] = parsed.positionals;
    if (name === undefined || rest.length > 0) throw usageError(resume, "name one run, or `last`");
    const assumption = assumptionOf(parsed.text("assume-done"), parsed.flag("assume-not-done"));
    const screen = new RunScreen(io);
    const run = await findRun(io.world.stateDir, name);
    const resumed = await resumeRun(io.world, run, {
      assumption,
      terminal: { stdin: null, out: () => undefined, error: () => undefined },
      observe: (event) => screen.show(event),
      signal: io.signal,
    });
    if (resumed.kind === "went-on") {
      const { report } = resumed;
      return showReport(io, screen, { report, json: reportJson(report, screen.events, "") });
    }
    const { code, head } = resumed;
    if (io.json) io.out(JSON.stringify({ run: run.id, ok: false, code, head }));
    else
      io.say(
        ` sealed    ${run.id} had ended by ${code}; ${head.records} records · head ${shortHash(head.head)} signed by ${head.keyId}`,
      );
    return ERROR_CODES[code].exitCode;
  },
};

/** VALUE is one RTFS literal. */
function assumptionOf(done: string | undefined, notDone: boolean): Assumption | null {
  if (done === undefined) return notDone ? { kind: "not-done" } : null;
  if (notDone) throw usageError(resume, "a call was done or it was not: give one of the two flags");
  const forms = readForms(done, { file: "--assume-done" });
  const [form, ...others] = forms.ok ? forms.value : [];
  const value = form === undefined || others.length > 0 ? undefined : literal(form);
  if (value === undefined)
    throw usageError(
      resume,
      "--assume-done takes one value as RTFS writes it, e.g. true or '[1 2]'",
    );
  return { kind: "done", value };
}

/** Undefined: it is no data. */
function literal(form: Form): JsonValue | undefined {
  try {
    return toWire(formToValue(form));
  } catch (cause) {
    if (cause instanceof RtfsError) return undefined;
    throw cause;
  }
}
