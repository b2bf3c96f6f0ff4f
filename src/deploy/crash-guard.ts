/** When to try again after a failure, and when to stop trying. Pure: the clock is an argument. */

export interface CrashLimits {
  /** Failures within the window that stop it. */
  readonly failuresMax: number;
  readonly windowMs: number;
  /** Before the second try; each further failure in the window doubles it. */
  readonly delayMs: number;
  readonly delayMsMax: number;
}

export const CRASH_LIMITS: CrashLimits = {
  failuresMax: 5,
  windowMs: 5 * 60_000,
  delayMs: 100,
  delayMsMax: 10_000,
};

export type AfterFailure =
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "stop"; readonly failures: number };

export class CrashGuard {
  readonly #limits: CrashLimits;
  #failedAtMs: number[] = [];

  constructor(limits: CrashLimits = CRASH_LIMITS) {
    this.#limits = limits;
  }

  /** Something failed now. */
  failed(nowMs: number): AfterFailure {
    const { failuresMax, windowMs, delayMs, delayMsMax } = this.#limits;
    this.#failedAtMs = this.#failedAtMs.filter((at) => nowMs - at < windowMs);
    this.#failedAtMs.push(nowMs);
    const failures = this.#failedAtMs.length;
    if (failures >= failuresMax) return { kind: "stop", failures };
    return { kind: "retry", delayMs: Math.min(delayMs * 2 ** (failures - 1), delayMsMax) };
  }

  /** Another generation: what failed before says nothing of it. */
  reset(): void {
    this.#failedAtMs = [];
  }
}
