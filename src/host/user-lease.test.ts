import { describe, expect, test } from "vitest";
import { LEASED_UID_MAX, LEASED_UID_MIN, leaseUser } from "./user-lease.ts";

describe("leaseUser", () => {
  test("gives every wall another user, inside its range, while they are held", async () => {
    const leases = await Promise.all(Array.from({ length: 200 }, () => leaseUser()));
    const uids = leases.map((lease) => lease.uid);
    for (const lease of leases) lease.release();
    expect(new Set(uids).size).toBe(200);
    expect(Math.min(...uids)).toBeGreaterThanOrEqual(LEASED_UID_MIN);
    expect(Math.max(...uids)).toBeLessThanOrEqual(LEASED_UID_MAX);
  });
});
