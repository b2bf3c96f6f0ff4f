/**
 * `ccos plan`: what a plan may do, step by step, before anything runs; decided by the function
 * that decides at run time.
 *
 * @module
 */
import { bodyDigest } from "../../governance/index.ts";
import {
  type Admission,
  type AdmissionReport,
  audienceOf,
  type ChosenWall,
  type PreparedRun,
  prepareRun,
  refuseUnenforceable,
  type SiteJudgement,
  chooseWall,
  envelopeBody,
  reportAdmission,
} from "../../runtime/index.ts";
import { lineText } from "../../foundation/source-span.ts";
import { rowToJson } from "../../rtfs/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../command.ts";
import { signingOf, writeEnvelope } from "../envelope-file.ts";
import { planInputs } from "../inputs.ts";
import {
  readOperator,
  runBounds,
  SETTINGS_FLAGS,
  SETTINGS_USAGE,
  TIGHTER_FLAGS,
  TIGHTER_USAGE,
} from "../settings.ts";
import { type Marks, marksFor, printable } from "../render.ts";
import { rowText } from "../effects-text.ts";

/** `ccos plan FILE`: what a plan may do, decided by the same function that will decide at run time. */
export const plan: Command = {
  name: "plan",
  usage: `plan FILE [--explain STEP] [--sign KEY --out ENVELOPE [--for 24h]] ${SETTINGS_USAGE} ${TIGHTER_USAGE} [--production] [--json]`,
  summary: "Before anything runs: each step with its calls, targets, verdicts, and the chosen wall",

  async run(args, io) {
    const parsed = parseCommand(plan, args, {
      production: { type: "boolean" },
      explain: { type: "string" },
      sign: { type: "string" },
      out: { type: "string" },
      for: { type: "string" },
      ...SETTINGS_FLAGS,
      ...TIGHTER_FLAGS,
    });
    const [file, ...rest] = parsed.positionals;
    if (file === undefined || rest.length > 0) throw usageError(plan, "name one config file");
    const operator = await readOperator(plan, io, parsed);
    const production = parsed.flag("production") || operator.environment === "production";
    const prepared = prepareRun(await planInputs(io.cwd, file, production, runBounds(operator)));
    const { admission } = prepared;
    const { modules } = prepared.inputs;
    if (admission === null) throw usageError(plan, `${file} names no :plan`);
    const signing = await signingOf(plan, io, parsed);
    const explained = parsed.text("explain");
    if (explained !== undefined) return explainStep(prepared, explained, io);
    refuseUnenforceable(prepared.config, file);
    const { provider, facts, candidates } = await chooseWall(io.world, {
      config: prepared.config,
      configFile: prepared.inputs.configFile,
      needs: { kind: "rtfs", sockets: false },
      named: prepared.inputs.bounds?.provider ?? null,
      waiting: (what) => io.json || io.say(` …  ${what}`),
      signal: io.signal,
    });
    const report = reportAdmission(prepared, admission);
    const body = envelopeBody(prepared, admission);
    const wall = { name: provider.name, strength: provider.strength, facts, candidates };
    if (io.json) {
      const { sites, admitted, steps, effects, planEffects } = admission;
      io.out(
        JSON.stringify({
          file,
          agent: prepared.config.agentId,
          admitted,
          stages: report.stages,
          resources: report.resources,
          envelope: bodyDigest(body),
          modules: modules.map(({ name, file: from }) => ({ name, file: from })),
          steps,
          sites,
          effects: {
            plan: rowToJson(planEffects),
            steps: effects.map(({ step, row }) => ({ step, effects: rowToJson(row) })),
          },
          profiles: prepared.profiles,
          wall,
          egress: prepared.policy.egress,
          files: prepared.policy.files,
          digests: prepared.digests,
        }),
      );
    } else showPlan({ prepared, admission, report, candidates, wall: provider.name }, io);
    if (!admission.admitted) return 77;
    if (signing !== null)
      await writeEnvelope(io, signing, { body, audience: await audienceOf(io.world, facts) });
    return 0;
  },
};

interface ShownPlan {
  readonly prepared: PreparedRun;
  readonly admission: Admission;
  readonly report: AdmissionReport;
  readonly candidates: ChosenWall["candidates"];
  readonly wall: string;
}

function showPlan({ prepared, admission, report, candidates, wall }: ShownPlan, io: Io): void {
  const marks = marksFor(io.terminal);
  for (const { name, file: from } of prepared.inputs.modules)
    io.say(`module ${printable(name)}  ${marks.dim(printable(from))}`);
  io.say(
    `agent  ${prepared.config.agentId}   wall ${wall} (minimum asked: ${prepared.config.orchestrator.isolation.mode})`,
  );
  for (const { name, verdict, why } of candidates)
    io.say(marks.dim(`       ${printable(`${name}: ${verdict}, ${why}`)}`));
  for (const step of [null, ...admission.steps.map(({ name }) => name)]) {
    const sites = admission.sites.filter((site) => site.step === step);
    if (sites.length === 0) continue;
    io.say(`step   ${step === null ? "(outside any step)" : printable(step)}`);
    for (const site of sites) io.say(siteLine(site, marks, prepared.inputs.planFile));
    const row = admission.effects.find((each) => each.step === step)?.row;
    if (row !== undefined) io.say(marks.dim(`  effects ${printable(rowText(row))}`));
  }
  io.say(`plan   effects ${printable(rowText(admission.planEffects))}`);
  io.say(`reach  ${printable(reachText(prepared.policy))}`);
  for (const { name, ok, summary, findings } of report.stages) {
    io.say(` ${ok ? marks.done : marks.denied} ${name.padEnd(11)} ${printable(summary)}`);
    for (const { severity, message, line } of findings)
      io.say(printable(`     ${severity}: ${message}${line === null ? "" : `, line ${line}`}`));
  }
  io.say(admission.admitted ? "admitted" : "refused: the calls marked DENIED are not granted");
}

/** What one step may do at most, and which line of the config says so. */
function explainStep({ profiles, admission, inputs }: PreparedRun, name: string, io: Io): number {
  const found = profiles.find(({ profile }) => profile.step === name);
  if (found === undefined) {
    const steps = profiles.flatMap(({ profile }) => profile.step ?? []);
    throw usageError(plan, `the plan has no step "${name}"; its steps: ${steps.join(", ")}`);
  }
  const { profile, digest } = found;
  if (io.json) {
    io.out(JSON.stringify(found));
    return 0;
  }
  const { networkAcl, fsPolicy, determinism, isolation } = profile;
  io.say(`step   ${printable(name)}   profile ${digest}`);
  io.say(
    `wall   ${isolation} at least   clock ${determinism.time}   randomness ${determinism.random}`,
  );
  for (const { rule, domains, methods, ports, schemes, paths } of networkAcl.grants) {
    const where = `${schemes.join(",")} ${domains.join(",")}:${ports.join(",")}`;
    const below = paths.length === 0 ? "" : ` ${paths.join(" ")}`;
    io.say(printable(`net    ${methods.join(",")} ${where}${below}  by ${rule}`));
  }
  for (const { rule, paths, modes } of fsPolicy.allowedPaths)
    io.say(printable(`files  ${modes.join(",")} ${paths.join(" ")}  by ${rule}`));
  if (networkAcl.grants.length + fsPolicy.allowedPaths.length === 0)
    io.say("reach  no network, no files");
  const marks = marksFor(io.terminal);
  for (const site of admission?.sites ?? [])
    if (site.step === name) io.say(siteLine(site, marks, inputs.planFile));
  return 0;
}

function siteLine(site: SiteJudgement, marks: Marks, planFile: string | null): string {
  const what = printable(
    `${site.capability ?? "(computed id)"}  ${site.target ?? (site.effects.length === 0 ? "" : "target known at run time")}`,
  );
  const { verdict } = site;
  if (verdict.kind === "allow")
    return `  ${marks.done} ${what}  ${marks.dim(`allowed by ${printable(verdict.rule)}`)}`;
  if (verdict.kind === "ask") return `  ${marks.done} ${what}  ${printable(verdict.question)}`;
  const { code, reason, fix } = verdict;
  const line = printable(lineText(site.span, planFile));
  return `  ${marks.denied} ${what}  ${marks.red(`DENIED  ${code}`)}  ${printable(reason)}  ${line}\n       fix  ${fix}`;
}

function reachText(policy: ReturnType<typeof prepareRun>["policy"]): string {
  const hosts = policy.egress.map(
    (rule) =>
      `${rule.methods.join(",")} ${rule.host}:${rule.ports.join(",")}${rule.paths.length > 0 ? ` ${rule.paths.join(" ")}` : ""}`,
  );
  const files = policy.files.map((rule) => `${rule.mode} ${rule.path}`);
  const all = [...hosts, ...files];
  return all.length === 0 ? "no network, no files" : all.join(" · ");
}
