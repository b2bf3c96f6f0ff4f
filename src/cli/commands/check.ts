import { findingsToJson, formatFindings, loadConfig } from "../../config/index.ts";
import { type Command, parseCommand, usageError } from "../command.ts";
import { readSource } from "../inputs.ts";
import { readOperator, SETTINGS_FLAGS, SETTINGS_USAGE } from "../settings.ts";

/** `ccos check FILE`: every finding of an agent config and of the operator's settings, never the first alone. */
export const check: Command = {
  name: "check",
  usage: `check FILE ${SETTINGS_USAGE} [--production] [--json]`,
  summary: "Validate an agent config: all findings with code, path, place and suggestion",

  async run(args, io) {
    const parsed = parseCommand(check, args, {
      production: { type: "boolean" },
      ...SETTINGS_FLAGS,
    });
    const [file, ...rest] = parsed.positionals;
    if (file === undefined || rest.length > 0) throw usageError(check, "name one config file");
    const source = await readSource(io.cwd, file);
    const operator = await readOperator(check, io, parsed);
    const production = parsed.flag("production") || operator.environment === "production";
    const loaded = loadConfig(source, { file, production });
    const findings = [...operator.findings, ...loaded.findings];
    const valid = loaded.valid && operator.bounds !== null;
    if (io.json) io.out(JSON.stringify({ file, valid, findings: findingsToJson(findings) }));
    else io.say(formatFindings(findings, { color: io.terminal }));
    if (!io.json && valid)
      io.say(`${file}: valid, ${findings.length} warning${findings.length === 1 ? "" : "s"}`);
    return valid ? 0 : 65;
  },
};
