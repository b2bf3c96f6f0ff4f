/**
 * `validity`: its texts are read once, here; what runs has numbers.
 *
 * @module
 */
import { isTimeZone, type Validity, type ValidityWindow, WEEKDAYS } from "../policy/index.ts";
import { quoted } from "./display.ts";
import type { RuleContext } from "./rule-context.ts";
import type { AgentConfig, ValidityWindowConfig } from "./types.ts";

/** RFC 3339, to the second. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/;
const CLOCK = /^([01]\d|2[0-4]):([0-5]\d)$/;
const DAY_MINUTES = 24 * 60;

export function checkValidity({ config, complain }: RuleContext): void {
  const { from, until, windows } = config.validity;
  const refuse = (path: string, message: string): void =>
    complain("INVALID_VALIDITY", `validity.${path}`, message);
  for (const [name, text] of [
    ["from", from],
    ["until", until],
  ] as const) {
    if (text !== null && momentOf(text) === null)
      refuse(name, `${quoted(text)} is no moment such as 2026-12-01T08:00:00Z`);
  }
  const [begin, end] = [momentOf(from), momentOf(until)];
  if (begin !== null && end !== null && begin >= end)
    refuse("until", "the validity ends before it begins");
  for (const [index, window] of windows.entries()) {
    const at = `windows[${index}]`;
    if (minuteOf(window.from) === null || minuteOf(window.from) === DAY_MINUTES)
      refuse(`${at}.from`, `${quoted(window.from)} is no time of day such as 08:00`);
    if (minuteOf(window.until) === null || minuteOf(window.until) === 0)
      refuse(`${at}.until`, `${quoted(window.until)} is no end of a window: 00:01 to 24:00`);
    if (!isTimeZone(window.zone))
      refuse(`${at}.zone`, `${quoted(window.zone)} is no time zone that this host knows`);
  }
}

/** Time that is the same in every run begins at a moment; what is drawn is drawn from a seed. */
export function checkDeterminism({ config, complain }: RuleContext): void {
  const { time, random, epoch, seed } = config.orchestrator.determinism;
  const refuse = (key: string, message: string): void =>
    complain("INVALID_DETERMINISM", `orchestrator.determinism.${key}`, message);
  if (epoch !== null && momentOf(epoch) === null)
    refuse("epoch", `${quoted(epoch)} is no moment such as 2026-12-01T08:00:00Z`);
  if (epoch !== null && time === "real") refuse("epoch", "real time has no beginning of its own");
  if (random === "deterministic" && (seed === null || seed === ""))
    refuse("seed", "deterministic randomness is drawn from a seed");
  if (random === "real" && seed !== null) refuse("seed", "nothing is drawn from it");
}

/** @throws {TypeError} for a config with errors. */
export function compileValidity({ validity }: AgentConfig): Validity {
  const { from, until, windows } = validity;
  return { fromMs: momentOf(from), untilMs: momentOf(until), windows: windows.map(windowOf) };
}

function windowOf({ days, from, until, zone }: ValidityWindowConfig): ValidityWindow {
  const [fromMinute, untilMinute] = [minuteOf(from), minuteOf(until)];
  if (fromMinute === null || untilMinute === null) throw new TypeError("The config is valid");
  return { days: days.length === 0 ? WEEKDAYS : days, fromMinute, untilMinute, zone };
}

function momentOf(text: string | null): number | null {
  if (text === null || !MOMENT.test(text)) return null;
  // The 30th of February would be read as the 2nd of March.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10));
  const ms = isDay ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function minuteOf(text: string): number | null {
  const found = CLOCK.exec(text);
  const minute = found === null ? DAY_MINUTES + 1 : Number(found[1]) * 60 + Number(found[2]);
  return minute > DAY_MINUTES ? null : minute;
}
