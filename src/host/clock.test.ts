import { describe, expect, test } from "vitest";
import { sleep } from "./clock.ts";

describe("sleep", () => {
  test("ends after its time, or with the signal's own reason", async () => {
    await sleep(1, new AbortController().signal);
    const reason = new Error("enough");
    await expect(sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const later = new AbortController();
    const waiting = sleep(60_000, later.signal);
    later.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
