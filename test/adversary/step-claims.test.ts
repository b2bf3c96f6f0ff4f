/**
 * Attacks G6: a guest that broke its evaluator speaks well-formed frames, and claims what its plan does not have.
 *
 * The host's side is the real one (gate, link, tracker, conduct); the guest is a forger on the channel.
 */
import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../src/foundation/framing.ts";
import { type Attacked, attack as attackWith } from "./forged-guest.ts";

const PLAN = '(step "sum" (call :ccos.math.add 1 2)) (step "say" (call :ccos.echo "a"))';

/** A run whose guest answers the greeting and sends `claims` for a program. */
function attack(claims: readonly object[]): Promise<Attacked> {
  return attackWith({ plan: PLAN, bytes: Buffer.concat(claims.map((each) => encodeFrame(each))) });
}

const enter = (name: string): object => ({ type: "step", event: "enter", name });
const leave = (name: string): object => ({ type: "step", event: "leave", name });
const call = (capability: string, id = 1): object => ({
  type: "call",
  id,
  capability,
  args: [1, 2],
});
const DONE = { type: "result", ok: true, value: 3 };

describe("a forged guest", () => {
  test("that keeps to its plan is served, so the refusals below are the claims'", async () => {
    const { outcome, executed, books } = await attack([
      enter("sum"),
      call("ccos.math.add"),
      leave("sum"),
      DONE,
    ]);
    expect(outcome).toEqual({ kind: "value", value: 3 });
    expect(executed).toEqual(["ccos.math.add"]);
    expect(books.balanced).toBe(true);
  });

  test.each<[string, readonly object[], string]>([
    ["a step that the plan does not have", [enter("admin")], 'the plan has no step "admin"'],
    ["a step named as a prototype's key", [enter("__proto__")], 'the plan has no step "__proto__"'],
    ["the end of a step that is not open", [leave("sum")], 'step "sum" is not the open step'],
    [
      "the end of the outer step before the inner one's",
      [enter("sum"), enter("say"), leave("sum")],
      'step "sum" is not the open step',
    ],
    [
      "steps without end",
      Array.from({ length: 257 }, () => enter("sum")),
      "steps nest deeper than 256",
    ],
    [
      "a call outside its step",
      [call("ccos.math.add")],
      'the plan has no call of "ccos.math.add" outside any step',
    ],
    [
      "another step's call",
      [enter("say"), call("ccos.math.add")],
      'the plan has no call of "ccos.math.add" in step "say"',
    ],
    [
      "a capability that the config grants and the plan does not have",
      [enter("sum"), call("ccos.json.parse")],
      'the plan has no call of "ccos.json.parse" in step "sum"',
    ],
    [
      "another spelling of its own call",
      [enter("sum"), call(":ccos.math.add")],
      'the plan has no call of ":ccos.math.add" in step "sum"',
    ],
  ])("that claims %s ends the run; nothing is executed and the chain says why", async (...row) => {
    const [, claims, reason] = row;
    const { outcome, executed, records } = await attack([...claims, DONE]);
    expect(outcome).toMatchObject({ kind: "failed", code: "PROTOCOL_VIOLATION", message: reason });
    expect(executed).toEqual([]);
    expect(records).toContainEqual(
      expect.objectContaining({ type: "SecurityViolation", data: { reason } }),
    );
    expect(records.at(-1)).toMatchObject({ type: "RunFailed" });
  });
});
