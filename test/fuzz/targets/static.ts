/**
 * What is judged before a run holds in the run: an error that the checker finds is met, every call is one
 * that the outline names, with the arguments it knows.
 */
import {
  type CallSite,
  checkTypes,
  outlinePlan,
  printValue,
  referenceEngine,
  type Value,
} from "../../../src/rtfs/index.ts";
import { type Event, observe, optionsOf, programOf } from "../observe.ts";
import { fileTexts, freshProgram, lawTexts } from "../start.ts";
import { holds, type Target } from "../target.ts";

function isNamed(site: CallSite, { capability, args }: Event): boolean {
  if (site.capability === null) return true;
  if (site.capability !== capability) return false;
  return site.args.every((known, at) => known === undefined || isSame(known, args[at]));
}

function isSame(known: Value, actual: Value | undefined): boolean {
  return actual !== undefined && printValue(known) === printValue(actual);
}

function check(text: string): readonly string[] {
  const compiled = programOf(text);
  if (compiled.program === null) return [compiled.refusal];
  const { findings } = checkTypes(compiled.program);
  const { outcome, calls } = observe(compiled.program, { engine: referenceEngine });
  const error = findings.find(({ severity }) => severity === "error");
  holds("a program with a certain error has no value", !outcome.ok || !error, error?.message);
  for (const { span } of findings) {
    holds("a finding's place is in the text", span.end <= text.length || span.file !== "case");
  }
  const outline = outlinePlan(compiled.forms, optionsOf(text));
  if (!outline.ok) return [`outline ${outline.error[0]!.message.slice(0, 40)}`];
  const { topCalls, steps } = outline.value;
  for (const call of calls) {
    const sites =
      call.step === null
        ? topCalls
        : steps.filter(({ name }) => name === call.step).flatMap((step) => step.calls);
    const shown = `${call.capability} in ${call.step}: ${call.args.map(printValue).join(" ")}`;
    holds(
      "every call is in the outline",
      sites.some((site) => isNamed(site, call)),
      shown,
    );
  }
  const kinds = findings.map(({ kind, severity }) => `${kind} ${severity}`);
  return [
    ...kinds,
    `${outcome.ok} calls ${Math.min(calls.length, 3)} of ${Math.min(9, topCalls.length)}`,
  ];
}

const CALLS = [
  '(call :a.b 1 "x")',
  "(defn f [g x] (g x)) (f (fn [y] (call :a.b y)) 3)",
  '(step "s" (call :a.b {:k 1}))',
  "(map (fn [x] (call :a.b x)) [1 2])",
  "(let [g {:h (fn [] (call :a.b))}] ((:h g)))",
  '(defn f [n] (step "t" (if (> n 0) (do (call :a.b n) (f (- n 1))) n))) (f 3)',
  "(def h (fn [x] (call :a.map x))) (reduce (fn [a b] (h b)) 0 [1 2])",
  "(try (call :a.fail 1) (catch _ e (call :a.c (:message e))))",
  "(match (call :a.map 2) {:a [x]} (call :a.c x) _ 0)",
  "(let [[f & r] [(fn [] (call :a.b)) 1]] (f))",
  "(-> 1 (call :a.b)) (call (if true :a.b :a.c) 1)",
  "(defn k [& fs] ((first fs))) (k (fn [] (call :a.b 5)) 2)",
];

export const statics: Target = {
  name: "rtfs-static",
  lengthMax: 3000,
  seeds: () => [...CALLS, ...lawTexts(), ...fileTexts().filter((text) => text.length < 2000)],
  fresh: freshProgram,
  check,
};
