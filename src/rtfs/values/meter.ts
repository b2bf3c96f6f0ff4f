import { RtfsError } from "./rtfs-error.ts";

/**
 * Pays for work inside one operation. Values share parts, so a small value can be a huge tree:
 * whatever walks a whole value must pay as it goes.
 *
 * @throws {RtfsError} when the budget is used up.
 */
export type Meter = (units: number) => void;

/** Most parts that one walk outside a run may visit. */
const VISITS_MAX = 10_000_000;

/** A budget for one walk that nobody pays for. Raises LimitExceeded. */
export function boundedMeter(): Meter {
  let left = VISITS_MAX;
  return (units) => {
    left -= units;
    if (left < 0) throw new RtfsError("LimitExceeded", `A value has over ${VISITS_MAX} parts`);
  };
}
