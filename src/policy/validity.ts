/**
 * When an agent may act: between two moments, and in windows of the week.
 *
 * @module
 */

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface ValidityWindow {
  /** The days on which it begins. */
  readonly days: readonly Weekday[];
  /** Minutes since midnight, 0 to 1439. */
  readonly fromMinute: number;
  /** Minutes since midnight, 1 to 1440; at or before `fromMinute`: on the next day. */
  readonly untilMinute: number;
  /** IANA name. */
  readonly zone: string;
}

export interface Validity {
  /** Milliseconds since the epoch; null: no bound. */
  readonly fromMs: number | null;
  /** The first moment that is too late. */
  readonly untilMs: number | null;
  /** Empty: at any time. */
  readonly windows: readonly ValidityWindow[];
}

const DAY_MINUTES = 24 * 60;

/** Why the agent may not act at this moment; null when it may. */
export function outsideValidity(validity: Validity, nowMs: number): string | null {
  const { fromMs, untilMs, windows } = validity;
  if (!Number.isFinite(nowMs)) return "the host's clock tells no time";
  if (fromMs !== null && nowMs < fromMs) return `it is valid from ${timeText(fromMs)}`;
  if (untilMs !== null && nowMs >= untilMs) return `its validity ended ${timeText(untilMs)}`;
  if (windows.length === 0 || windows.some((window) => holds(window, nowMs))) return null;
  return `no window of its validity is open at ${timeText(nowMs)}`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function holds({ days, fromMinute, untilMinute, zone }: ValidityWindow, nowMs: number): boolean {
  const { day, minute } = localTime(nowMs, zone);
  const today = WEEKDAYS[day]!;
  const yesterday = WEEKDAYS[(day + 6) % 7]!;
  const isOvernight = untilMinute <= fromMinute;
  const begun = days.includes(today) && minute >= fromMinute;
  if (!isOvernight) return begun && minute < untilMinute;
  return begun || (days.includes(yesterday) && minute < untilMinute);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** One format for each zone of this process's configs. */
function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  formats.set(zone, format);
  return format;
}

/** The day of the week, Monday is 0, and the minute of the day, as clocks there show them. */
function localTime(nowMs: number, zone: string): { readonly day: number; readonly minute: number } {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(nowMs)
      .map(({ type, value }) => [type, value]),
  );
  const day = WEEKDAYS.indexOf((parts.get("weekday") ?? "").toLowerCase() as Weekday);
  const minute = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
  if (day < 0 || !(minute < DAY_MINUTES)) throw new TypeError(`No local time in "${zone}"`);
  return { day, minute };
}

/** Whether this host knows the zone. */
export function isTimeZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}
