/**
 * A chain as one page for people: no script, nothing from elsewhere, readable in light, in dark and on paper.
 *
 * Read in this order: htmlParts, rowOf, esc. Every text that is not ours goes through `esc`, and the page's own policy
 * forbids scripts and requests, should one not. The page is a rendering and says so: it is no verification.
 *
 * @module
 */
import type { ChainBody, ChainRecord } from "../record.ts";
import { activitiesOf, type Activity, factsOf, textOf } from "./activity.ts";
import { STYLE } from "./html-style.ts";

/** What is known of the chain when the page is made. */
export interface PageFacts {
  readonly chain: string;
  /** One line each, e.g. what a verification said. */
  readonly verdicts: readonly { readonly good: boolean; readonly text: string }[];
  /** What to run to verify. */
  readonly command: string;
}

interface Totals {
  agent: string;
  program: string;
  beganMs: number;
  endedMs: number;
  records: number;
  done: number;
  denied: number;
  failed: number;
  open: number;
  ending: string;
  books: string;
}

/**
 * @param read - Gives the records from the first on, each time it is asked: once to count, once to print.
 */
export async function* htmlParts(
  facts: PageFacts,
  read: () => AsyncIterable<ChainRecord>,
): AsyncGenerator<string, void, undefined> {
  const totals = await totalsOf(read());
  yield page(facts, totals);
  for await (const activity of activitiesOf(read())) yield rowOf(activity, totals.beganMs);
  yield `</tbody></table></main><footer><p>This page is a rendering, not a verification. Verify the chain itself: <code>${esc(facts.command)}</code></p></footer></body></html>\n`;
}

async function totalsOf(records: AsyncIterable<ChainRecord>): Promise<Totals> {
  const totals: Totals = {
    agent: "",
    program: "",
    beganMs: 0,
    endedMs: 0,
    records: 0,
    done: 0,
    denied: 0,
    failed: 0,
    open: 0,
    ending: "no ending",
    books: "",
  };
  for await (const activity of activitiesOf(count(records, totals))) {
    if (activity.kind === "call" || activity.kind === "tunnel") totals[activity.state]++;
  }
  return totals;
}

async function* count(
  records: AsyncIterable<ChainRecord>,
  totals: Totals,
): AsyncGenerator<ChainRecord, void, undefined> {
  for await (const record of records) {
    const { type, ts, data, seq } = record.body;
    if (seq === 0) {
      totals.beganMs = ts;
      totals.agent = textOf(data["agent"] ?? data["deployment"]);
      totals.program = textOf(data["plan"] ?? data["program"]);
    }
    totals.records++;
    totals.endedMs = Math.max(totals.endedMs, ts);
    if (/^Run(?:Completed|Failed|Cancelled)$/.test(type)) {
      totals.ending = `${type.slice(3).toLowerCase()} ${textOf(data["code"])}`.trim();
    }
    if (type === "BooksBalanced")
      totals.books = data["balanced"] === true ? "balance" : "do not balance";
    yield record;
  }
}

function page({ chain, verdicts }: PageFacts, totals: Totals): string {
  const began = new Date(totals.beganMs).toISOString();
  const tiles = [
    tile("ending", totals.ending, totals.ending === "completed" ? "good" : "bad"),
    tile("effects done", String(totals.done), ""),
    tile("denied", String(totals.denied), totals.denied > 0 ? "bad" : ""),
    tile(
      "failed",
      String(totals.failed + totals.open),
      totals.failed + totals.open > 0 ? "bad" : "",
    ),
    tile(
      "books",
      totals.books === "" ? "none" : totals.books,
      totals.books === "balance" ? "good" : "bad",
    ),
    tile("records", String(totals.records), ""),
    tile("took", duration(totals.endedMs - totals.beganMs), ""),
  ];
  const told = verdicts.map(
    ({ good, text }) =>
      `<li class="${good ? "good" : "bad"}">${good ? "✓" : "✗"} ${esc(text)}</li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${esc(chain)}</title><style>${STYLE}</style></head><body>
<header><p class="kicker">Causal chain</p><h1>${esc(totals.agent === "" ? chain : totals.agent)}</h1>
<p class="sub"><code>${esc(chain)}</code> · ${esc(began)}</p>
<ul class="verdicts">${told.join("")}</ul>
<dl class="tiles">${tiles.join("")}</dl></header>
<main><table><thead><tr><th class="num">record</th><th class="num">at</th><th>what</th><th>target</th><th>decision</th></tr></thead><tbody>
`;
}

function tile(name: string, value: string, tone: string): string {
  return `<div class="${tone}"><dt>${name}</dt><dd>${esc(value)}</dd></div>`;
}

function rowOf(activity: Activity, beganMs: number): string {
  if (activity.kind === "record") return recordRow(activity.body, beganMs);
  if (activity.kind === "begun") {
    const { seq, ts } = activity.body;
    return row("step", [String(seq), at(ts, beganMs), "step", esc(activity.name), ""]);
  }
  return activity.kind === "step" ? stepRow(activity, beganMs) : callRow(activity, beganMs);
}

function stepRow({ name, begun, ended }: Activity & { kind: "step" }, beganMs: number): string {
  const { seq, ts } = ended ?? begun;
  const took = ended === null ? "" : duration(ts - begun.ts);
  const word = ended === null ? "step never ended" : `step ${ended.type.slice(4).toLowerCase()}`;
  const tone = ended?.type === "StepCompleted" ? "record" : "record bad";
  return row(tone, [String(seq), at(ts, beganMs), word, esc(name), took]);
}

function recordRow({ seq, ts, type, data }: ChainBody, beganMs: number): string {
  const isBad = /Violation|Failed|Refused|Denied|Limit|Cancelled/.test(type);
  const all = esc(JSON.stringify(data, null, 1));
  const told = `<details><summary>${esc(summaryOf(data))}</summary><pre>${all}</pre></details>`;
  const tone = isBad ? "record bad" : "record";
  return row(tone, [String(seq), at(ts, beganMs), esc(type), told, ""]);
}

const SUMMARY_LENGTH = 80;

function summaryOf(data: object): string {
  const text = JSON.stringify(data);
  return text.length <= SUMMARY_LENGTH ? text : `${text.slice(0, SUMMARY_LENGTH)}…`;
}

const MARKS = {
  done: "✓ allowed",
  failed: "! failed",
  denied: "✗ denied",
  open: "… never ended",
} as const;

function callRow(activity: Activity & { kind: "call" | "tunnel" }, beganMs: number): string {
  const { capability, resource, rule, code, reason, beginMs, endMs, facts } = factsOf(activity);
  const { state } = activity;
  const seq = (activity.intent ?? activity.outcome)?.seq ?? 0;
  const why = [code, reason].filter((each) => each !== "").join(": ");
  const by = rule === "" ? "" : ` <span class="by">by ${esc(rule)}</span>`;
  const told = Object.keys(facts).length === 0 ? "" : JSON.stringify(facts, null, 1);
  const details =
    told === ""
      ? ""
      : `<details><summary>what the world said</summary><pre>${esc(told)}</pre></details>`;
  const decision =
    `<strong>${MARKS[state]}</strong>${by}` +
    (why === "" ? "" : `<div class="why">${esc(why)}</div>`);
  const target = `<span class="target">${esc(resource)}</span>${details}`;
  const when = `${at(beginMs, beganMs)}<div class="took">${duration(endMs - beginMs)}</div>`;
  return row(`call ${state}`, [String(seq), when, esc(capability), target, decision]);
}

function row(tone: string, cells: readonly string[]): string {
  const [seq, time, ...rest] = cells;
  const numbers = [seq, time].map((cell) => `<td class="num">${cell}</td>`).join("");
  return `<tr class="${tone}">${numbers}${rest.map((cell) => `<td>${cell}</td>`).join("")}</tr>\n`;
}

function at(ms: number, beganMs: number): string {
  return `+${duration(ms - beganMs)}`;
}

function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  return ms < 600_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as text: no markup of it, no control character, no mark that turns the direction of what is beside it. */
function esc(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
      "\u{fffd}",
    )
    .replaceAll(/[&<>"']/g, (mark) => ENTITIES[mark]!);
}
