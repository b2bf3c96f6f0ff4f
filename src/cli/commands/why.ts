import { isAbsolute } from "node:path";
import { digestOf } from "../../chain/index.ts";
import { explainVerdict } from "../../policy/index.ts";
import { decideQuestion, prepareRun } from "../../runtime/index.ts";
import { type Command, parseCommand, usageError } from "../command.ts";
import { policyFileInputs, readSource } from "../inputs.ts";
import { readOperator, runBounds, SETTINGS_FLAGS } from "../settings.ts";

/** `ccos why "POST https://evil.test/x" --config FILE`: the gate's own answer, without a run. */
export const why: Command = {
  name: "why",
  usage:
    'why "METHOD URL" | "CONNECT host:port" | "read|write|delete PATH" | "env NAME" | "call ID" --config FILE [--env NAME] [--settings FILE] [--json]',
  summary: "Ask whether an effect would be allowed, and which rule decides; exit 77 when denied",

  async run(args, io) {
    const parsed = parseCommand(why, args, {
      config: { type: "string" },
      production: { type: "boolean" },
      ...SETTINGS_FLAGS,
    });
    const question = parsed.positionals.join(" ").trim();
    const file = parsed.text("config");
    if (question === "" || file === undefined)
      throw usageError(why, "ask one question and name a config with --config");
    const operator = await readOperator(why, io, parsed);
    const configSource = await readSource(io.cwd, file);
    const production = parsed.flag("production") || operator.environment === "production";
    const text = { configFile: file, configSource, production };
    const prepared = prepareRun({
      ...text,
      ...(await policyFileInputs(io.cwd, text)),
      planFile: null,
      planSource: null,
      modules: [],
      command: [],
      staged: [],
      ...runBounds(operator),
    });
    const answer = decideQuestion(prepared.policy, question);
    if (!answer.ok) throw usageError(why, answer.error);
    const { request, verdict } = answer.value;
    const place = isAbsolute(file) ? file : `./${file}`;
    if (io.json)
      io.out(
        JSON.stringify({
          question,
          request,
          verdict,
          config: place,
          policy: digestOf(prepared.digests),
        }),
      );
    else {
      io.out(explainVerdict(verdict, request));
    }
    return verdict.kind === "allow" ? 0 : 77;
  },
};
