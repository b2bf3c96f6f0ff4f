/**
 * What is said of a law without running it. A line behind the case, `;; KEY: TEXT`:
 *
 * ```text
 * ;; effects: STEP ROW        the row of a step; STEP `-` is the code outside any, `*` the whole plan
 * ;; judged: LINE:COL CODE …  what the judging of effects refuses, or `admitted`
 * ;; check: LINE:COL SEVERITY KIND, …   the static checker's findings, or `nothing`, or `N findings`
 * ;; problems: LINE:COL …     all that reader and compiler refuse, or `N places`
 * ;; format: TEXT             the case in the house layout, which formatting does not change again
 * ;; schema: TYPE => JSON     a type as JSON Schema, or `none`
 * ;; type: JSON => TYPE       a schema as a type, or `none at POINTER`
 * ```
 *
 * Capabilities are the built-in ones, with their contracts.
 *
 * @module
 */
import { builtinProviders, createRegistry } from "../../src/capability/index.ts";
import type { JsonValue } from "../../src/foundation/json.ts";
import {
  checkTypes,
  compileProgram,
  type Diagnostic,
  formatSource,
  inferEffects,
  jsonSchemaToType,
  outlinePlan,
  parseType,
  type PlanEffects,
  printRow,
  printType,
  readForms,
  typeToJsonSchema,
} from "../../src/rtfs/index.ts";
import { contractsOf, POLICY_MATCHERS } from "../../src/runtime/effect-contracts.ts";
import type { Law, LawOptions, Note } from "./law.ts";

const CONTRACTS = contractsOf(createRegistry(builtinProviders()));

type Judge = (said: string, law: Law, options: LawOptions) => string;

const JUDGES: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  ["effects", effects],
  ["judged", judged],
  ["check", check],
  ["problems", problems],
  ["format", (_said, { source }) => format(source)],
  ["schema", schema],
  ["type", type],
]);

/** What is so, in the words of the note. */
export function judge(law: Law, { key, text }: Note, options: LawOptions): string {
  const decide = JUDGES.get(key);
  if (decide === undefined) throw new Error(`no judge of ${key}`);
  return decide(text, law, options);
}

function place({ line, column }: { readonly line: number; readonly column: number }): string {
  return `${line}:${column}`;
}

function infer({ source }: Law, { compile }: LawOptions): PlanEffects | readonly Diagnostic[] {
  const forms = readForms(source, { file: "case" });
  const outline = forms.ok ? outlinePlan(forms.value, compile) : forms;
  return outline.ok ? inferEffects(outline.value, CONTRACTS, POLICY_MATCHERS) : outline.error;
}

function effects(said: string, law: Law, options: LawOptions): string {
  const plan = infer(law, options);
  if (!("steps" in plan)) return "does not compile";
  const step = said.split(" ")[0]!;
  const found = plan.steps.find((each) => each.step === (step === "-" ? null : step));
  const row = step === "*" ? plan.effects : found?.effects;
  return `${step} ${row === undefined ? "is no step" : printRow(row)}`;
}

function judged(_said: string, law: Law, options: LawOptions): string {
  const plan = infer(law, options);
  const refused =
    "steps" in plan
      ? plan.refusals.map(({ span, code }) => `${place(span)} ${code}`)
      : plan.map(({ span }) => `${place(span)} refused`);
  return refused.length === 0 ? "admitted" : refused.join(" ");
}

function check(said: string, { source }: Law, { compile }: LawOptions): string {
  const forms = readForms(source, { file: "case" });
  const program = forms.ok ? compileProgram(forms.value, compile) : forms;
  if (!program.ok) return "does not compile";
  const { findings } = checkTypes(program.value);
  if (/^\d+ findings$/.test(said)) return `${findings.length} findings`;
  const shown = findings.map(({ span, severity, kind }) => `${place(span)} ${severity} ${kind}`);
  return shown.length === 0 ? "nothing" : shown.join(", ");
}

function problems(said: string, { source }: Law, { compile }: LawOptions): string {
  const forms = readForms(source, { file: "case" });
  const program = forms.ok ? compileProgram(forms.value, compile) : forms;
  const found = program.ok ? [] : program.error;
  if (/^\d+ places$/.test(said)) return `${found.length} places`;
  return found.map(({ span }) => place(span)).join(" ");
}

function format(source: string): string {
  const once = formatSource(source.trim());
  if (!once.ok) return "does not read";
  const again = formatSource(once.value);
  if (!again.ok || again.value !== once.value) return "changes again";
  return once.value.trimEnd().replaceAll("\n", "\\n");
}

function schema(said: string): string {
  const [source = ""] = said.split(" => ");
  const parsed = parseType(source);
  if (!parsed.ok) return `${source} => no type`;
  const made = typeToJsonSchema(parsed.value);
  if (!made.ok) return `${source} => none`;
  const { $schema: _version, ...own } = made.value;
  return `${source} => ${JSON.stringify(own)}`;
}

function type(said: string): string {
  const [json = ""] = said.split(" => ");
  const made = jsonSchemaToType(JSON.parse(json) as JsonValue);
  return `${json} => ${made.ok ? printType(made.value.type) : `none at ${made.error.path || "its root"}`}`;
}
