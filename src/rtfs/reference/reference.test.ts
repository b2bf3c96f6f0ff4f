import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type Engine,
  type Host,
  outlinePlan,
  printValue,
  readForms,
  referenceEngine,
  RtfsError,
  runProgram,
  type RunOptions,
  ScopedContext,
  type Value,
} from "../index.ts";

interface Seen {
  readonly outcome: string;
  readonly fuelUsed: number | null;
  readonly log: readonly string[];
}

/** A host that answers with its first argument and writes down all it hears. */
function listener(log: string[]): Host {
  const context = new ScopedContext(new Map([["given", 1]]));
  return {
    call(capability, args, metadata) {
      const attached = [...(metadata ?? [])].map(([key, value]) => `${key}=${printValue(value)}`);
      log.push([capability, ...args.map(printValue), ...attached].join(" "));
      if (capability === "bad") throw new RtfsError("NetworkError", "down");
      return args[0] ?? null;
    },
    step(event, name) {
      log.push(`${event} ${name}`);
      context.step(event);
    },
    context: (key) => context.get(key),
    contextSet(key, value) {
      log.push(`set ${key} ${printValue(value)}`);
      context.set(key, value);
    },
  };
}

function run(source: string, engine: Engine, options: Partial<RunOptions> = {}): Seen {
  const forms = readForms(source, { file: "f" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) {
    const [first] = program.error;
    return { outcome: `${first?.span.column} ${first?.message}`, fuelUsed: null, log: [] };
  }
  const log: string[] = [];
  const limits = { fuel: 20_000, depthMax: 200, host: listener(log), ...options };
  const outcome = runProgram(program.value, { engine, ...limits });
  const { fuelUsed } = outcome;
  if (outcome.ok) return { outcome: printed(outcome.value), fuelUsed, log };
  const { kind, message, span } = outcome.error;
  // Where the fuel ends is where the last operation began, which engines may know less well.
  const place = kind === "FuelExhausted" ? "" : ` at ${span?.line}:${span?.column}`;
  return { outcome: `${kind}: ${message}${place}`, fuelUsed, log };
}

function printed(value: Value): string {
  return printValue(value).slice(0, 2000);
}

describe("depth", () => {
  const sum = "(defn d [n] (if (= n 0) 0 (+ 1 (d (- n 1)))))";
  const deep = { fuel: 1e9, depthMax: 1e9 };

  test("nests 20 000 calls without the stack of JS", () => {
    expect(run(`${sum} (d 20000)`, referenceEngine, deep).outcome).toBe("20000");
    const guarded = sum.replace("(+ 1 (d (- n 1)))", "(try (+ 1 (d (- n 1))) (finally nil))");
    expect(run(`${guarded} (d 20000)`, referenceEngine, deep).outcome).toBe("20000");
  });

  test("an error passes 20 000 waiting calls, and each `finally` runs", () => {
    const source = `(defn d [n] (try (if (= n 0) (/ 1 0) (+ 1 (d (- n 1)))) (finally (call :e n)))) (try (d 20000) (catch e :caught))`;
    const { outcome, log } = run(source, referenceEngine, deep);
    expect(outcome).toBe(":caught");
    expect(log).toHaveLength(20_001);
  });

  test("is bounded, also when the run's own limit is not", () => {
    const source = "(defn d [n] (+ 1 (d n))) (try (d 1) (catch StackOverflow e :caught))";
    expect(run(source, referenceEngine, deep).outcome).toBe(":caught");
  });

  test("the limit counts nested calls only, and is given back", () => {
    const options = { fuel: 1e9, depthMax: 100 };
    expect(run(`${sum} [(d 99) (d 99)]`, referenceEngine, options).outcome).toBe("[99 99]");
    expect(run(`${sum} (d 100)`, referenceEngine, options).outcome).toMatch(/^StackOverflow/);
    const again = `${sum} (map (fn [x] (try (d 500) (catch StackOverflow e x))) [1 2])`;
    expect(run(again, referenceEngine, options).outcome).toBe("[1 2]");
  });

  test("recursion through a library function ends in StackOverflow, not in a crash", () => {
    const source = `(defn d [n] (+ 1 (first (map d [n])))) (try (d 1) (catch StackOverflow e :caught))`;
    expect(run(source, referenceEngine, deep).outcome).toBe(":caught");
    const some = "(defn d [n] (if (= n 0) 0 (+ 1 (first (map d [(- n 1)]))))) (d 300)";
    expect(run(some, referenceEngine, deep).outcome).toBe("300");
  });

  test("a million mutual calls in tail position take no depth", () => {
    const source =
      "(defn e [n] (if (= n 0) true (o (- n 1)))) (defn o [n] (if (= n 0) false (e (- n 1)))) (e 1000000)";
    expect(run(source, referenceEngine, { fuel: 1e7, depthMax: 1 }).outcome).toBe("true");
  });
});

test("nothing catches exhausted fuel", () => {
  const source =
    '(defn f [n] (try (f n) (catch _ e (call :e 1)) (finally (call :e 2)))) (step "s" (f 1))';
  const { outcome, log, fuelUsed } = run(source, referenceEngine, { depthMax: 1e6 });
  expect(outcome).toMatch(/^FuelExhausted/);
  expect(fuelUsed).toBe(20_000);
  expect(log).toEqual(["enter s", "fail s"]);
  const free = "(defn f [n] (f n)) (try (f 1) (catch _ e :caught) (finally nil))";
  expect(run(free, referenceEngine).outcome).toMatch(/^FuelExhausted/);
});

test("a name without a value fails where it is read", () => {
  expect(run("(try arg3 (catch e :caught))", referenceEngine).outcome).toBe(":caught");
  expect(
    run("(try (let [f (fn [] (g)) x (f) g (fn [] 1)] x) (catch e :late))", referenceEngine),
  ).toMatchObject({
    outcome: ":late",
  });
});

test("what the host throws and is no error of the language ends the run", () => {
  const host: Host = {
    call() {
      throw new TypeError("broken");
    },
    step: () => undefined,
  };
  const source = '(step "s" (try (call :x) (catch _ e 1) (finally (call :y))))';
  expect(() => run(source, referenceEngine, { host })).toThrow("broken");
});

test("map literals are told of, with their form", () => {
  const seen: string[] = [];
  run("(map (fn [i] {:i i}) [1 2])", referenceEngine, {
    onMapLiteral: (map, form) => void seen.push(`${printValue(map)} ${form.span.column}`),
  });
  expect(seen).toEqual(["{:i 1} 14", "{:i 2} 14"]);
});

/** Programs that mostly mean something: names in scope, calls of what is a function. */
function programs(): fc.Arbitrary<string> {
  const atom = fc.constantFrom(
    "x",
    "y",
    "0",
    "1",
    "-3",
    "2.5",
    '"s"',
    ":k",
    "nil",
    "true",
    "false",
  );
  const { form } = fc.letrec<{ form: string }>((tie) => {
    const f = tie("form");
    const shape = (text: string): fc.Arbitrary<string> => {
      const parts = text.split("%");
      return fc
        .tuple(...parts.slice(1).map(() => f))
        .map((forms) => parts.reduce((all, part, index) => all + forms[index - 1] + part));
    };
    const shapes = [
      "(+ % %)",
      "(- % 1)",
      "(= % %)",
      "(< % %)",
      "(/ % %)",
      "(if % % %)",
      "(let [x % y %] %)",
      "(let [[x & y] %] [x y %])",
      "(let [{:keys [k] :or {k %} & r} %] [k r])",
      "(let [g (fn [n] (if (< n 3) (g (+ n 1)) %))] (g %))",
      "((fn [x] %) %)",
      "((fn [x : int] : int %) %)",
      "((fn [x & y] %) % %)",
      "(do % %)",
      "(and % %)",
      "(or % %)",
      "(cond % % :else %)",
      "(match % 1 % [x y] % {:k x} % n when % % _ %)",
      "(match % (:int n) % (:as w [x]) %)",
      "(try % (catch DivisionByZero x %) (finally %))",
      "(try % (catch HostError x %))",
      "(try % (catch x [(:type x) %]))",
      "(throw %)",
      "(for [x [% %]] %)",
      "(for [x [% %] y [x %]] %)",
      "(dotimes [x 3] %)",
      "(map (fn [x] %) [% %])",
      "(reduce (fn [x y] %) % [1 2])",
      "(loop [x 0 y %] (if (= x 3) % (recur (+ x 1) %)))",
      "(step-if % % %)",
      "(step-parallel % %)",
      "(step-loop (= % %) %)",
      "(call :e %)",
      "(call :bad %)",
      "(call % 1)",
      "(metadata {:runtime.a %} (do % %))",
      "(context-ref given)",
      "(do (context/set :given %) %)",
      "(context/get :given)",
      "[% %]",
      "{:k % :l %}",
      "(:k %)",
      "(do (def x %) %)",
      "(do (defn h [x] %) (h %))",
      "(% %)",
      "(conj [%] %)",
      "(str %)",
    ];
    return {
      form: fc.oneof({ maxDepth: 5, withCrossShrink: true }, atom, ...shapes.map(shape)),
    };
  });
  return fc
    .array(form, { minLength: 1, maxLength: 3 })
    .map((forms) => `(def x 5) (def y [1 {:k 2}]) (step "s" ${forms.join(" ")})`);
}

describe("engines", () => {
  test("agree on value, error, place, message, calls, steps and fuel", () => {
    let compiled = 0;
    fc.assert(
      fc.property(programs(), (source) => {
        const expected = run(source, referenceEngine);
        if (expected.fuelUsed !== null) compiled++;
        expect(run(source, compiledEngine)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
    // Otherwise the comparison is of refusals.
    expect(compiled).toBeGreaterThan(600);
  });

  test("a run calls nothing that the outline does not have", () => {
    fc.assert(
      fc.property(programs(), (source) => {
        const forms = readForms(source, { file: "f" });
        const outline = forms.ok ? outlinePlan(forms.value) : forms;
        if (!outline.ok) return;
        const steps = outline.value.steps.flatMap(({ calls }) => calls);
        const known = new Set([...steps, ...outline.value.topCalls].map((site) => site.capability));
        if (known.has(null)) return;
        for (const line of run(source, referenceEngine).log) {
          const [word] = line.split(" ");
          if (word === "e" || word === "bad") expect(known).toContain(word);
        }
      }),
      { numRuns: 500 },
    );
  });
});
