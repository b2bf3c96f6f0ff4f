import { type Command, type Parsed, usageError } from "../command.ts";
import { DEFAULT_LIMITS, type EvaluatorLimits } from "./evaluator.ts";

/** The flags of each command that runs programs. */
export const LIMIT_OPTIONS = {
  fuel: { type: "string" },
  "timeout-ms": { type: "string" },
  "memory-mb": { type: "string" },
} as const;

/** How usage texts name them. */
export const LIMITS_USAGE = "[--fuel N] [--timeout-ms N] [--memory-mb N]";

/** @throws {CcosError} `USAGE`. */
export function limitsOf(command: Command, parsed: Parsed): EvaluatorLimits {
  const whole = (name: string, absent: number, range: readonly [number, number]): number => {
    const text = parsed.text(name);
    if (text === undefined) return absent;
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= range[0] && number <= range[1]) return number;
    throw usageError(command, `--${name} is a whole number from ${range[0]} to ${range[1]}`);
  };
  return {
    fuel: whole("fuel", DEFAULT_LIMITS.fuel, [1, 1e12]),
    timeoutMs: whole("timeout-ms", DEFAULT_LIMITS.timeoutMs, [1, 3_600_000]),
    memoryMb: whole("memory-mb", DEFAULT_LIMITS.memoryMb, [32, 65_536]),
  };
}
