/**
 * Attacks G6: a guest that broke its evaluator speaks well-formed frames, and claims what its plan does not have.
 *
 * The host's side is the real one (gate, link, tracker, conduct); the guest is a forger on the channel.
 */
import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../src/foundation/framing.ts";
import type { Executed } from "../../src/runtime/gate-guard.ts";
import { type Attacked, attack as attackWith } from "./forged-guest.ts";

const PLAN = '(step "sum" (call :ccos.math.add 1 2)) (step "say" (call :ccos.echo "a"))';

/** A run whose guest answers the greeting and makes `claims` for a program. */
function attack(claims: readonly Claim[], plan: string = PLAN): Promise<Attacked> {
  return attackWith({ plan, claims });
}

interface Claim {
  readonly type: string;
  readonly [field: string]: unknown;
}
const enter = (name: string): Claim => ({ type: "step", event: "enter", name });
const leave = (name: string): Claim => ({ type: "step", event: "leave", name });
const call = (capability: string, id = 1): Claim => ({
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
      enter("say"),
      { ...call("ccos.echo"), args: ["a"] },
      leave("say"),
      DONE,
    ]);
    expect(outcome).toEqual({ kind: "value", value: 3 });
    expect(executed).toEqual(["ccos.math.add", "ccos.echo"]);
    expect(books.balanced).toBe(true);
  });

  test.each<[string, readonly Claim[], string]>([
    ["a step that the plan does not have", [enter("admin")], 'the plan has no step "admin"'],
    ["a step named as a prototype's key", [enter("__proto__")], 'the plan has no step "__proto__"'],
    ["the end of a step that is not open", [leave("sum")], 'step "sum" is not the open step'],
    [
      "a call outside its step",
      [call("ccos.math.add")],
      'the plan has no call of "ccos.math.add" outside any step',
    ],
    [
      "another step's call",
      [enter("sum"), call("ccos.echo")],
      'the plan has no call of "ccos.echo" in step "sum"',
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

  const STEP = '(step "s" (call :ccos.echo "a"))';
  const turn = (name: string, ...calls: string[]): Claim[] => [
    enter(name),
    ...calls.map((id) => call(id)),
    leave(name),
  ];
  test.each<[string, string, readonly Claim[], string]>([
    [
      "a later step first",
      PLAN,
      [enter("say")],
      'step "say" beginning is not the plan\'s next: that is the beginning of step "sum"',
    ],
    [
      "a step twice",
      PLAN,
      [...turn("sum", "ccos.math.add"), enter("sum")],
      'step "sum" beginning is not the plan\'s next: that is the beginning of step "say"',
    ],
    [
      "a step inside another",
      PLAN,
      [enter("sum"), enter("say")],
      'step "say" beginning is not the plan\'s next: that is the failure of step "sum" or a call of "ccos.math.add"',
    ],
    [
      "a step inside itself",
      STEP,
      [enter("s"), enter("s")],
      'step "s" beginning is not the plan\'s next: that is the failure of step "s" or a call of "ccos.echo"',
    ],
    [
      "a step's call twice",
      PLAN,
      [enter("sum"), call("ccos.math.add"), call("ccos.math.add", 2)],
      'a call of "ccos.math.add" is not the plan\'s next: that is the failure of step "sum" or the end of step "sum"',
    ],
    [
      "the end of a step without its call",
      PLAN,
      [enter("sum"), leave("sum")],
      'step "sum" ending is not the plan\'s next: that is the failure of step "sum" or a call of "ccos.math.add"',
    ],
    [
      "the end of the plan without its steps",
      PLAN,
      [DONE],
      'the end is not the plan\'s next: that is the beginning of step "sum"',
    ],
    [
      "the end of the plan inside a step",
      PLAN,
      [enter("sum"), DONE],
      'the plan ended inside step "sum"',
    ],
    [
      "the step that nobody fell into the handler of",
      '(try (step "a" 1) (catch _ e (step "undo" (call :ccos.echo "u")))) (step "b" 1)',
      [...turn("a"), enter("b"), leave("b"), enter("undo")],
      'step "undo" beginning is not the plan\'s next: nothing can follow',
    ],
    [
      "both branches",
      '(if (empty? args) (step "yes" 1) (step "no" 1))',
      [...turn("yes"), enter("no")],
      'step "no" beginning is not the plan\'s next: nothing can follow',
    ],
    [
      "what a function does at another place",
      '(defn f [] (call :ccos.echo "x")) (step "a" (do (f) (call :ccos.math.add 1 2) (f)))',
      [enter("a"), call("ccos.echo"), call("ccos.echo", 2)],
      'a call of "ccos.echo" is not the plan\'s next: that is the failure of step "a" or a call of "ccos.math.add"',
    ],
  ])("that claims %s ends the run", async (...row) => {
    const [, plan, claims, reason] = row;
    const { outcome, executed, records } = await attack([...claims, DONE], plan);
    expect(outcome).toMatchObject({ kind: "failed", code: "PROTOCOL_VIOLATION", message: reason });
    expect(executed.length).toBe(records.filter(({ type }) => type === "CallCompleted").length);
    expect(records).toContainEqual(
      expect.objectContaining({ type: "SecurityViolation", data: { reason } }),
    );
  });

  test("that speaks while its call is under way ends the run: a step has its grants to its end, and no longer", async () => {
    const bytes = Buffer.concat(
      [enter("sum"), call("ccos.math.add"), leave("sum"), enter("say")].map((each) =>
        encodeFrame(each),
      ),
    );
    const { outcome, records } = await attackWith({ plan: PLAN, bytes });
    expect(outcome).toMatchObject({ code: "PROTOCOL_VIOLATION" });
    const started = records.filter(
      ({ type }) => type.startsWith("Step") && !type.endsWith("Derived"),
    );
    expect(started.map(({ type, data }) => [type, data["step"]])).toEqual([["StepStarted", "sum"]]);
  });

  test("branches have their own calls: one's target is not the other's", async () => {
    const config = `:features [:fs] :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}}`;
    const plan = `(step "both" (step-parallel
      (call :ccos.io.read-file "/workspace/a") (call :ccos.io.read-file "/workspace/b")))`;
    const read = (path: string, id: number): Claim => ({
      type: "call",
      id,
      capability: "ccos.io.read-file",
      args: [path],
    });
    const own = [enter("both"), read("/workspace/a", 1), read("/workspace/b", 2), leave("both")];
    const value: Executed = { ok: true, value: "text", facts: {} };
    const fair = await attackWith({ plan, config, value, claims: [...own, DONE] });
    expect(fair.executed).toHaveLength(2);
    const swapped = [enter("both"), read("/workspace/b", 1), read("/workspace/a", 2)];
    const claims = [...swapped, leave("both"), DONE];
    const foul = await attackWith({ plan, config, value, claims });
    expect(foul.executed).toEqual([]);
    expect(foul.answers).toMatchObject([{ error: { code: "EFFECT_DENIED" } }, { ok: false }]);
  });
});
