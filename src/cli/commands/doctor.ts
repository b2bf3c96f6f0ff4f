/**
 * `ccos doctor`: what this host's walls hold, for people as a table, for machines one object a provider.
 *
 * @module
 */
import { GUARANTEES } from "../../isolation/index.ts";
import { examineHost, type HostReport } from "../../runtime/index.ts";
import { type Command, type Io, parseCommand } from "../command.ts";
import { marksFor } from "../render.ts";

/** `ccos doctor`: every wall of this host attacked next to an allowed twin; no cell is inferred. */
export const doctor: Command = {
  name: "doctor",
  usage: "doctor [--json]",
  summary:
    "Measure what this host's walls hold: each cell is an escape that was attempted, beside an allowed twin",

  async run(args, io) {
    parseCommand(doctor, args);
    const report = await examineHost(
      io.world,
      (what) => io.json || io.say(` …  ${what}`),
      io.signal,
    );
    if (io.json) io.out(JSON.stringify({ ...report, providers: providersJson(report) }));
    else printReport(report, io);
    return report.chosen.rtfs === null ? 69 : 0;
  },
};

/** One object for each provider: its kind, how the wall is raised, and what was measured of it. */
function providersJson(report: HostReport): readonly object[] {
  return report.walls.map(({ name, probe, measurements, startMsP50 }) => {
    const [kind = name, backend = kind] = name.split("/");
    const verdicts = GUARANTEES.map((guarantee) => {
      const row = measurements.find((each) => each.guarantee === guarantee);
      return [guarantee, row?.verdict ?? "not-measured"];
    });
    return {
      name: kind,
      backend,
      available: probe.kind === "ready",
      ...(probe.kind === "ready" ? {} : { reason: probe.what.join("; ") }),
      ...(startMsP50 === null ? {} : { startMsP50 }),
      guarantees: Object.fromEntries(verdicts),
    };
  });
}

function printReport(report: HostReport, io: Io): void {
  const marks = marksFor(io.terminal);
  io.out(
    ` node ${report.node}   ${report.kernel}   fdatasync ${report.syncMs.toFixed(2)} ms   matrix ${report.digest.slice(0, 23)}…`,
  );
  for (const wall of report.walls) {
    if (wall.probe.kind === "missing") {
      io.out(
        `\n ${wall.name}  not available: ${wall.probe.what.join("; ")}\n   → ${wall.probe.hint}`,
      );
      continue;
    }
    const held = wall.measurements.filter((row) => row.verdict === "held").length;
    io.out(
      `\n ${marks.bold(wall.name)}  ${wall.probe.version}   ${held} of ${GUARANTEES.length} held   runs ${wall.runs.join(", ")}`,
    );
    for (const row of wall.measurements) {
      const text = {
        held: "held        ",
        "not-held": marks.red("NOT HELD    "),
        "not-measured": "not measured",
      }[row.verdict];
      io.out(`   ${row.guarantee.padEnd(32)} ${text} ${row.evidence}`);
    }
  }
  io.out(
    `\n chosen for plans: ${report.chosen.rtfs ?? "none: nothing can run"}   for programs: ${report.chosen.external ?? "none: programs are refused (69)"}   for scripts: ${report.chosen.script ?? "none"}   for modules: ${report.chosen.bytecode ?? "none"}`,
  );
}
