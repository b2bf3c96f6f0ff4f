/**
 * One line per effect, in the order decided; then the summary. The same events, with the same field names, are
 * the `events` of `--json`.
 *
 * @module
 */
import { ERROR_CODES } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import { unreachable } from "../foundation/result.ts";
import { MOCK_NAME } from "../isolation/index.ts";
import {
  type ApprovalEvent,
  booksText,
  type ProgramOutcome,
  type RunEvent,
  type RunReport,
} from "../runtime/index.ts";
import type { Io } from "./command.ts";
import { formatBytes, type Marks, marksFor, printable, shortHash } from "./render.ts";

export class RunScreen {
  readonly events: RunEvent[] = [];
  denied = 0;
  done = 0;
  failed = 0;
  readonly #io: Io;
  readonly #marks: Marks;

  constructor(io: Io) {
    this.#io = io;
    this.#marks = marksFor(io.terminal);
  }

  show(event: RunEvent): void {
    if (this.#io.json) this.events.push(event);
    if (event.kind === "denied") this.denied++;
    if (event.kind === "done") this.done++;
    if (event.kind === "failed") this.failed++;
    if (this.#io.json) return;
    const line = this.#line(shownEvent(event));
    if (line !== null) this.#io.say(line);
  }

  #line(event: RunEvent): string | null {
    const marks = this.#marks;
    switch (event.kind) {
      case "started":
        return ` run       ${event.run}\n walls     ${event.wall}  ${measuredText(event.facts)}`;
      case "waiting":
        return ` …         ${event.what}`;
      case "warning":
        return ` warning   ${event.finding.code}  ${event.finding.path}: ${event.finding.message}`;
      case "log":
        return ` ${event.level.padEnd(9)} ${event.text}`;
      case "approval":
        return approvalLine(event);
      case "budget":
        return ` budget    ${event.budget}: ${event.state === "warning" ? `${event.percent} % of ${event.limit} used` : `its ${event.limit} are used up`}`;
      case "step":
        return event.event === "enter" ? marks.dim(` step      ${event.name}`) : null;
      case "done":
        return ` ${marks.done} ${event.call.number}  ${callText(event.call)}  ${factsText(event.facts)}${marks.dim(`allowed by ${event.rule}`)}`;
      case "denied":
        return ` ${marks.denied} ${event.call.number}  ${callText(event.call)}  ${marks.red("DENIED")}  ${event.code}  ${event.rule === null ? "" : `${event.rule}: `}${event.reason}`;
      case "failed":
        return ` ${marks.failed} ${event.call.number}  ${callText(event.call)}  failed  ${event.code}  ${event.reason}`;
      default:
        return unreachable(event);
    }
  }
}

/** The event with every text of it made printable: what is composed from it may hold our own colours. */
function shownEvent(event: RunEvent): RunEvent {
  const clean = (_key: string, value: unknown): unknown =>
    typeof value === "string" ? printable(value) : value;
  return JSON.parse(JSON.stringify(event), clean) as RunEvent;
}

function approvalLine({ state, request, what, why }: ApprovalEvent): string {
  if (state === "requested")
    return ` asks      ${what}: waits for \`ccos approvals approve ${request}\``;
  return ` ${state.padEnd(9)} ${what}  ${why}`;
}

function callText(call: { readonly capability: string; readonly target: string }): string {
  return call.target === "" ? call.capability : call.target;
}

function factsText(facts: JsonObject): string {
  const { status, responseBytes, bytes } = facts;
  const size = typeof responseBytes === "number" ? responseBytes : bytes;
  const parts = [
    typeof status === "number" ? String(status) : "",
    typeof size === "number" ? formatBytes(size) : "",
  ];
  const text = parts.filter((part) => part !== "").join("  ");
  return text === "" ? "" : `${text}  `;
}

function measuredText(facts: JsonObject): string {
  if (facts["mock"] === true)
    return "(THE MOCK: nothing of the program runs, its answer is invented)";
  const measured = facts["measured"] as
    | { held: number; notHeld: number; notMeasured: number }
    | undefined;
  if (measured === undefined) return "";
  const total = measured.held + measured.notHeld + measured.notMeasured;
  return `(measured here: ${measured.held} of ${total} guarantees held${measured.notMeasured > 0 ? `, ${measured.notMeasured} not measured` : ""})`;
}

/** 0 done; a program that ended by an uncaught denial 77; limits and failures by their code; 128+n for a signal. */
export function exitCodeOf(outcome: ProgramOutcome): number {
  switch (outcome.kind) {
    case "value":
      return 0;
    case "refused":
    case "failed":
    case "limit":
      return ERROR_CODES[outcome.code].exitCode;
    case "exited":
      return outcome.status === 0 ? 0 : 1;
    case "signaled":
      return 128 + (SIGNALS[outcome.signal] ?? 0);
    default:
      return unreachable(outcome);
  }
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
};

export function reportScreen(
  report: RunReport,
  screen: RunScreen,
  terminal: boolean,
): readonly string[] {
  const marks = marksFor(terminal);
  const seconds = (report.durationMs / 1000).toFixed(2);
  const counts = `${screen.done} effects · ${screen.denied} denied${screen.failed > 0 ? ` · ${screen.failed} failed` : ""}`;
  const ending = outcomeText(report.outcome);
  return [
    ` ${ending === null ? "done" : marks.red(printable(ending))} in ${seconds} s · ${counts} · books balance (${booksText(report.books)})`,
    ` chain     ${report.records} records · head ${shortHash(report.head)} signed by ${report.keyId} · no external witness (integrity only)`,
    `           ${report.directory.chain}`,
  ];
}

const ENDED_BY: Readonly<Record<string, string>> = {
  halt: "by an emergency stop: see `ccos halt list`",
  validity: "by the end of its validity",
};

function outcomeText(outcome: ProgramOutcome): string | null {
  switch (outcome.kind) {
    case "value":
      return null;
    case "refused":
      return `refused before it ran  ${outcome.code}  ${outcome.message}`;
    case "failed":
      return `failed  ${outcome.code}  ${outcome.errorKind}: ${outcome.message}${outcome.place === null ? "" : ` at ${outcome.place}`}`;
    case "limit":
      return `ended  ${outcome.code}  ${ENDED_BY[outcome.by] ?? `by the ${outcome.by} limit`}`;
    case "exited":
      return outcome.status === 0 ? null : `program exited with status ${outcome.status}`;
    case "signaled":
      return `program was ended by ${outcome.signal}`;
    default:
      return unreachable(outcome);
  }
}

export function reportJson(
  report: RunReport,
  events: readonly RunEvent[],
  stdout: string,
): { readonly exitCode: number; readonly [field: string]: unknown } {
  const { run, wall, candidates, outcome, books, usage, records, head, keyId } = report;
  const status = exitCodeOf(outcome);
  return {
    ok: status === 0,
    exitCode: status,
    run,
    wall,
    mock: wall === MOCK_NAME,
    candidates,
    outcome,
    stdout,
    books,
    usage,
    chain: { path: report.directory.chain, records, head, keyId },
    durationMs: Math.round(report.durationMs),
    events,
  };
}
