import { describe, expect, test } from "vitest";
import {
  isTimeZone,
  outsideValidity,
  type Validity,
  type ValidityWindow,
  WEEKDAYS,
} from "./validity.ts";

const at = (text: string): number => Date.parse(text);
const ALWAYS: Validity = { fromMs: null, untilMs: null, windows: [] };
const office: ValidityWindow = {
  days: ["mon", "tue", "wed", "thu", "fri"],
  fromMinute: 8 * 60,
  untilMinute: 18 * 60,
  zone: "Europe/Berlin",
};
const night: ValidityWindow = {
  days: ["fri"],
  fromMinute: 22 * 60,
  untilMinute: 6 * 60,
  zone: "UTC",
};

describe("outsideValidity", () => {
  test.each<[string, Validity, string, boolean]>([
    ["without bounds", ALWAYS, "2026-11-22T01:00:00Z", true],
    [
      "before its beginning",
      { ...ALWAYS, fromMs: at("2026-11-23T00:00:00Z") },
      "2026-11-22T23:59:59Z",
      false,
    ],
    [
      "at its beginning",
      { ...ALWAYS, fromMs: at("2026-11-23T00:00:00Z") },
      "2026-11-23T00:00:00Z",
      true,
    ],
    [
      "just before its end",
      { ...ALWAYS, untilMs: at("2026-11-23T00:00:00Z") },
      "2026-11-22T23:59:59Z",
      true,
    ],
    [
      "at its end",
      { ...ALWAYS, untilMs: at("2026-11-23T00:00:00Z") },
      "2026-11-23T00:00:00Z",
      false,
    ],
    ["in office hours of winter", { ...ALWAYS, windows: [office] }, "2026-11-23T07:00:00Z", true],
    ["a minute before them", { ...ALWAYS, windows: [office] }, "2026-11-23T06:59:59Z", false],
    ["in those of summer", { ...ALWAYS, windows: [office] }, "2026-06-22T06:00:00Z", true],
    ["at their end", { ...ALWAYS, windows: [office] }, "2026-11-23T17:00:00Z", false],
    ["on a Saturday", { ...ALWAYS, windows: [office] }, "2026-11-21T10:00:00Z", false],
    ["in a window over midnight", { ...ALWAYS, windows: [night] }, "2026-11-20T23:00:00Z", true],
    ["in its next morning", { ...ALWAYS, windows: [night] }, "2026-11-21T05:59:00Z", true],
    ["after it", { ...ALWAYS, windows: [night] }, "2026-11-21T06:00:00Z", false],
    ["in the morning of its day", { ...ALWAYS, windows: [night] }, "2026-11-20T05:00:00Z", false],
    ["in the second of two", { ...ALWAYS, windows: [office, night] }, "2026-11-21T01:00:00Z", true],
  ])("%s", (_title, validity, now, isValid) => {
    expect(outsideValidity(validity, at(now)) === null).toBe(isValid);
  });

  test("a clock that tells no time is no time to act", () => {
    expect(outsideValidity(ALWAYS, Number.NaN)).not.toBeNull();
  });

  test("a window of all days and hours is always open, wherever clocks change", () => {
    const all = { days: WEEKDAYS, fromMinute: 0, untilMinute: 1440, zone: "America/New_York" };
    for (let hour = 0; hour < 24 * 370; hour++)
      expect(
        outsideValidity(
          { ...ALWAYS, windows: [all] },
          at("2026-01-01T00:30:00Z") + hour * 3_600_000,
        ),
      ).toBeNull();
  });

  test("zones are those that this host knows", () => {
    expect([
      isTimeZone("Europe/Berlin"),
      isTimeZone("UTC"),
      isTimeZone("Mars/Olympus"),
      isTimeZone(""),
    ]).toEqual([true, true, false, false]);
  });
});
