/**
 * What every request to the proxy meets, whether it is a tunnel or can be read: the limits of the room, the
 * verdict, and the answer to a denial.
 *
 * @module
 */
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { EgressRule, Verdict } from "../policy/index.ts";
import type { Outcome, ProxyTarget, Room } from "./proxy-types.ts";

export interface Denied {
  readonly rule: string | null;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly fix: string;
}

export function denial(
  reason: string,
  fix = "Send well-formed requests, fewer at one time",
): Denied {
  return { rule: null, code: "EGRESS_DENIED", reason, fix };
}

/** Why the room takes no further request, or null. */
export function refuseFull({ counters, limits }: Room): Denied | null {
  if (counters.requested > limits.requestsMax) return denial(`over ${limits.requestsMax} requests`);
  const open = counters.intended - counters.closed;
  return open >= limits.openMax ? denial(`${limits.openMax} requests are open`) : null;
}

/** The rule that a verdict names, or why it grants nothing. */
export function ruleOf(room: Room, verdict: Verdict): EgressRule | Denied {
  switch (verdict.kind) {
    case "allow": {
      const rule = room.options.rules.find((each) => each.rule === verdict.rule);
      if (rule === undefined) throw new TypeError(`No egress rule is called ${verdict.rule}`);
      return rule;
    }
    case "ask":
      return {
        rule: verdict.rule,
        code: "UNENFORCEABLE",
        reason: "the rule asks a person",
        fix: "Remove the ask rule",
      };
    case "deny":
      return verdict;
  }
}

export function isDenied(decided: object): decided is Denied {
  return "code" in decided;
}

/** Nothing of a request is left behind, whatever way it ends. */
export function track(room: Room, abandon: () => void, work: Promise<void>): void {
  const settled = work
    .catch((cause: unknown) => {
      room.broken ??= { cause };
      room.stop.abort();
      abandon();
    })
    .finally(() => room.busy.delete(settled));
  room.busy.add(settled);
}

/** The flood itself is recorded once; what comes after it finds nobody listening. */
export async function recordDenial(room: Room, target: ProxyTarget, denied: Denied): Promise<void> {
  room.counters.denied++;
  const last = room.counters.requested > room.limits.requestsMax;
  const { rule, code, reason, fix } = denied;
  await room.options.record({ ...target, kind: "denied", rule, code, reason, fix });
  if (last) room.stop.abort();
}

/** Record the intent, do the work, record its one end. */
export async function withRecords(
  room: Room,
  { target, rule }: { readonly target: ProxyTarget; readonly rule: EgressRule },
  work: () => Promise<Outcome>,
): Promise<void> {
  room.counters.intended++;
  await room.options.record({ ...target, kind: "intended", rule: rule.rule });
  const outcome = await work();
  room.counters.closed++;
  room.counters.sentBytes += outcome.sentBytes;
  room.counters.receivedBytes += outcome.receivedBytes;
  await room.options.record({ ...target, kind: "closed", rule: rule.rule, ...outcome });
}

/** Foreign text for a record: visible ASCII, at most 200 characters. */
export function printable(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x21-\x7e]/g, "?");
}
