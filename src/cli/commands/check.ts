import { findingsToJson, formatFindings, loadConfig } from "../../config/index.ts";
import { type Command, parseCommand, usageError } from "../command.ts";
import { readSource } from "../inputs.ts";

/** `ccos check FILE`: every finding of an agent config, never the first alone. */
export const check: Command = {
  name: "check",
  usage: "check FILE [--production] [--json]",
  summary: "Validate an agent config: all findings with code, path, place and suggestion",

  async run(args, io) {
    const parsed = parseCommand(check, args, { production: { type: "boolean" } });
    const [file, ...rest] = parsed.positionals;
    if (file === undefined || rest.length > 0) throw usageError(check, "name one config file");
    const source = await readSource(io.cwd, file);
    const { findings, valid } = loadConfig(source, { file, production: parsed.flag("production") });
    if (io.json) io.out(JSON.stringify({ file, valid, findings: findingsToJson(findings) }));
    else io.say(formatFindings(findings, { color: io.terminal }));
    if (!io.json && valid)
      io.say(`${file}: valid, ${findings.length} warning${findings.length === 1 ? "" : "s"}`);
    return valid ? 0 : 65;
  },
};
