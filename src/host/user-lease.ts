/**
 * A user of its own for each wall, so that two walls are strangers to the kernel and neither is root.
 *
 * A lease is a name of name-lease.ts: released however we die. Users that /etc/passwd or /etc/subuid give to somebody are
 * never leased. Leases are told apart per network namespace (docs/GUARANTEES.md).
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { CcosError } from "../foundation/errors.ts";
import { claimName } from "./name-lease.ts";

export const LEASED_UID_MIN = 200_000;
export const LEASED_UID_MAX = 265_535;
const ATTEMPTS_MAX = 256;

export interface UserLease {
  /** The group has the same number. */
  readonly uid: number;
  release(): void;
}

let reserved: readonly (readonly [first: number, last: number])[] | null = null;

/** @throws {CcosError} `ISOLATION_UNAVAILABLE` when no user is free. */
export async function leaseUser(): Promise<UserLease> {
  reserved ??= reservedUsers();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    // Where the search begins is no secret: a user that somebody has is refused by the kernel.
    const offset = Math.floor(Math.random() * (LEASED_UID_MAX + 1 - LEASED_UID_MIN));
    const uid = LEASED_UID_MIN + offset;
    if (reserved.some(([first, last]) => uid >= first && uid <= last)) continue;
    const lease = await claimName(`uid-${uid}`);
    if (lease !== null) return { uid, release: () => lease.release() };
  }
  throw new CcosError("ISOLATION_UNAVAILABLE", {
    what: "Cannot give the wall a user of its own",
    why: `no free user id between ${LEASED_UID_MIN} and ${LEASED_UID_MAX}`,
    fix: "End other runs, or move /etc/subuid ranges out of the way",
  });
}

function reservedUsers(): readonly (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  for (const line of lines("/etc/passwd")) {
    const uid = Number(line.split(":")[2]);
    if (Number.isSafeInteger(uid)) ranges.push([uid, uid]);
  }
  for (const path of ["/etc/subuid", "/etc/subgid"]) {
    for (const line of lines(path)) {
      const [, first, count] = line.split(":").map(Number);
      if (Number.isSafeInteger(first) && Number.isSafeInteger(count)) {
        ranges.push([first ?? 0, (first ?? 0) + (count ?? 0) - 1]);
      }
    }
  }
  return ranges;
}

function lines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
