import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePolicy, type LoadedConfig, loadConfig } from "./index.ts";

const load = (source: string): LoadedConfig => loadConfig(source, { file: "a.rtfs" });
const places = ({ findings }: LoadedConfig): readonly unknown[] =>
  findings.map((each) => [each.code, each.path, each.span?.line, each.span?.column]);

describe("a config that is a program", () => {
  test("a def, a function and an override give the config of the literal", () => {
    const literal = load('(agent.config :agent-id "a" :limits {:pids 5 :fuel 10})');
    const program = load(
      `(def limits {:pids 5})
       (defn agent [id] (agent.config :agent-id id :limits (assoc limits :fuel 10)))
       (agent "a")`,
    );
    expect(program.findings).toEqual([]);
    expect(program.config).toEqual(literal.config);
  });

  test("->, assoc-in and merge override a profile", () => {
    const { config, findings } = load(
      '(-> (profile:minimal "a") (assoc-in [:orchestrator :isolation :mode] :process) (merge {:limits {:pids 9}}))',
    );
    expect(findings).toEqual([]);
    expect([config?.orchestrator.isolation.mode, config?.limits.pids]).toEqual(["process", 9]);
  });

  test("a finding in a literal map points at its key, through functions", () => {
    expect(places(load('(profile:minimal "a"\n  {:limits {:pids 1\n  :wal-ms 1}})'))).toEqual([
      ["UNKNOWN_FIELD", "limits.wal-ms", 3, 3],
    ]);
  });

  test("a finding in what a profile made points at the call", () => {
    expect(places(load('\n  (profile:microvm-min "a" {:cid 2})'))).toEqual([
      ["CID_RESERVED", "microvm.devices.vsock.cid", 2, 3],
    ]);
  });

  test.each([
    [
      "a template",
      '(defmacro agent [id] `(agent.config :agent-id ~id :limits {:pids 5}))\n(agent "a")',
    ],
    [
      "a template with pairs put in",
      '(defmacro agent [id & pairs] `(agent.config :agent-id ~id ~@pairs))\n(agent "a" :limits {:pids 5})',
    ],
    [
      "a list made by hand",
      '(defmacro agent [id] (conj \'(agent.config) :agent-id id :limits {:pids 5}))\n(agent "a")',
    ],
    [
      "a macro of a macro",
      '(defmacro base [& pairs] `(agent.config ~@pairs))\n(defmacro agent [id] `(base :agent-id ~id :limits {:pids 5}))\n(agent "a")',
    ],
    [
      "a config that a body computes",
      '(defmacro agent [id] `(merge ~(agent.config :limits {:pids 5}) {:agent-id ~id}))\n(agent "a")',
    ],
    [
      "a macro in an argument of a function",
      '(defmacro agent [id] `(agent.config :agent-id ~id))\n(defn bounded [c] (assoc c :limits {:pids 5}))\n(bounded (agent "a"))',
    ],
    [
      "a macro around a profile",
      '(defmacro agent [id] `(profile:minimal ~id {:limits {:pids 5}}))\n(-> (agent "a") (dissoc :profile))',
    ],
  ])("a macro gives the config: %s", (_how, source) => {
    const { config, findings } = load(source);
    expect(findings).toEqual([]);
    expect([config?.agentId, config?.limits.pids]).toEqual(["a", 5]);
  });

  const MACRO =
    "(defmacro agent [id & pairs]\n  `(agent.config :agent-id ~id :netwrk 1 ~@pairs))\n";
  test.each([
    ["what the template wrote is at the call", '(agent "a")', [["UNKNOWN_FIELD", "netwrk", 3, 1]]],
    [
      "what is in a map of the call is where it stands",
      '(agent "a"\n  :limits {:pids 1\n   :wal-ms 1})',
      [
        ["UNKNOWN_FIELD", "limits.wal-ms", 5, 4],
        ["UNKNOWN_FIELD", "netwrk", 3, 1],
      ],
    ],
    [
      "a wrong word is at the call it was given to",
      '(agent\n  "a b")',
      [
        ["UNKNOWN_FIELD", "netwrk", 3, 1],
        ["INVALID_AGENT_ID", "agent-id", 3, 1],
      ],
    ],
    [
      "a key that both wrote",
      '(agent "a"\n  :agent-id "b")',
      [
        ["DUPLICATE_KEY", "agent-id", 3, 1],
        ["UNKNOWN_FIELD", "netwrk", 3, 1],
      ],
    ],
    ["a key without value", '(agent "a"\n  :limits)', [["PARSE_ERROR", "", 3, 1]]],
    ["what is no key", '(agent "a"\n  5 5)', [["PARSE_ERROR", "", 3, 1]]],
    ["a wrong number of arguments", "(agent)", [["EXPANSION_FAILED", "", 3, 1]]],
  ])("a finding in what a macro made: %s", (_which, call, expected) => {
    expect(places(load(MACRO + call))).toEqual(expected);
  });

  test("a macro that doubles its config is stopped", () => {
    const source = "(defmacro b [x] `(agent.config :a (b ~x) :b (b ~x)))\n(b 1)";
    expect(places(load(source))).toEqual([["EXPANSION_FAILED", "", 2, 1]]);
  });

  test("an own definition takes the place of a built-in profile", () => {
    const { config } = load(
      '(defn profile:minimal [id & options] (agent.config :agent-id (str id ".own")))\n(profile:minimal "a")',
    );
    expect(config?.agentId).toBe("a.own");
  });

  test("a built-in profile builds on an own definition of the one it uses", () => {
    const { config } = load(
      `(defn profile:minimal [id & options] (agent.config :agent-id (str id ".own") :capabilities {}))
       (profile:networked "a" ["example.com"])`,
    );
    expect([config?.agentId, config?.network.enabled]).toEqual(["a.own", true]);
  });

  test("1 000 turns are affordable and 10 000 are not", () => {
    const counting = (turns: number): string =>
      `(defn count-to [n] (if (< n ${turns}) (count-to (+ n 1)) n)) (agent.config :limits {:calls (count-to 0)})`;
    expect(load(counting(1_000)).config?.limits.calls).toBe(1_000);
    expect(load(counting(10_000)).findings[0]?.message).toContain("FuelExhausted");
  });

  test.each([
    ["an endless loop", "(defn spin [n] (spin (+ n 1)))\n(spin 0)", /FuelExhausted/],
    ["a call", '(call :ccos.io.read-file "/etc/passwd")', /SecurityViolation/],
    ["an unbound name", "(agent.config :agent-id nobody)", /nobody/],
    ["a result that is no map", '(str "a" "b")', /a string/],
    ["a function as result", "(fn [x] x)", /no config data|function/],
    ["an unknown option", '(profile:minimal "a" {:cpus 2})', /no option.*cpus/],
    ["a wrong option of a microVM", '(profile:microvm-min "a" {:mem-mb 2})', /no option.*mem-mb/],
  ])("%s is one located EXPANSION_FAILED", (_name, source, message) => {
    const { config, findings } = load(source);
    expect(config).toBeNull();
    expect(findings.map((each) => each.code)).toEqual(["EXPANSION_FAILED"]);
    expect(findings[0]?.message).toMatch(message);
    expect(findings[0]?.span?.file).toBe("a.rtfs");
  });

  test("a small program that names a huge shared tree is refused, not walked", () => {
    const doubling = Array.from(
      { length: 40 },
      (_, index) => `x${index + 1} [x${index} x${index}]`,
    );
    const { findings } = load(
      `(let [x0 [1 1] ${doubling.join(" ")}] (agent.config :features x40))`,
    );
    expect(findings.map((each) => each.code)).toEqual(["EXPANSION_FAILED"]);
  });
});

const host = fc.constantFrom("example.com", "*.example.org", "api.example.com:8443", "localhost");
const quote = (items: readonly string[]): string =>
  `[${items.map((each) => JSON.stringify(each)).join(" ")}]`;
const option = (name: string, values: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.option(
    values.map((value) => `:${name} ${value}`),
    { nil: "" },
  );

const COMMON = [
  option("plan", fc.constant('"plan.rtfs"')),
  option("env", fc.constant('{:A "b"}')),
  option(
    "secrets",
    fc.constant(
      '{:T {:source "env:T" :origins ["https://example.com"] :headers ["authorization"]}}',
    ),
  ),
  option(
    "limits",
    fc.integer({ min: 1, max: 1000 }).map((pids) => `{:pids ${pids}}`),
  ),
  option("paths", fc.constant('["/data" {:path "/workspace" :mode :rw}]')),
  option("features", fc.constant("[:telemetry]")),
  option("allow", fc.constant('["ccos.echo"]')),
  option("deny", fc.constant('["ccos.io.*"]')),
  option(
    "storage",
    fc.constantFrom("{:mode :in_memory}", '{:mode :append_file :path "chain.jsonl"}'),
  ),
  option("registries", fc.constant('["./capabilities/"]')),
  option(
    "governance",
    fc.constant("{:policies {:default {:risk_tier :high :requires_approvals 1}}}"),
  ),
];
const NETWORKED = [
  option("client-cert", fc.constant('"file:keys/agent"')),
  option("pins", fc.constant(`["sha256/${"A".repeat(43)}=" "sha256/${"A".repeat(42)}E="]`)),
  option("rules", fc.constant('[{:host "rules.example.com" :methods [:POST]}]')),
];
const MICROVM = [
  option("cid", fc.integer({ min: 3, max: 4_294_967_294 }).map(String)),
  option("vcpus", fc.integer({ min: 1, max: 4 }).map(String)),
  option("mem_mb", fc.integer({ min: 64, max: 1024 }).map(String)),
  option("rootfs-hash", fc.constant(`"sha256:${"0a".repeat(32)}"`)),
  option("kernel", fc.constant('"kernels/other"')),
  option("cmdline", fc.constant('"quiet loglevel=1"')),
  option("rootfs", fc.constant('"images/other"')),
];

const optionsOf = (parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((each) => `{${each.filter((text) => text !== "").join(" ")}}`);

describe("the profiles", () => {
  test.each([
    ["profile:minimal", false, COMMON],
    ["profile:networked", true, [...COMMON, ...NETWORKED]],
    ["profile:microvm-min", false, [...COMMON, ...MICROVM]],
    [
      "profile:microvm-networked",
      true,
      [...COMMON, ...NETWORKED, ...MICROVM, option("proxy-ns", fc.constant('"ns-1"'))],
    ],
  ] as const)(
    "%s is valid without a warning for all legal options, in production too",
    (name, online, parts) => {
      const domains = fc.uniqueArray(host, { minLength: 1 }).map(quote);
      fc.assert(
        fc.property(domains, optionsOf(parts), fc.boolean(), (list, options, bare) => {
          const call = `(${name} "agent.a" ${online ? list : ""} ${bare ? "" : options})`;
          const { config, findings } = loadConfig(call, { file: "a", production: true });
          expect(findings).toEqual([]);
          expect(config?.profile).toBe(name.slice("profile:".length));
          if (config !== null) expect(compilePolicy(config).egress.length > 0).toBe(online);
        }),
        { numRuns: 150 },
      );
    },
  );

  test("mTLS is on exactly with a client certificate", () => {
    const without = load('(profile:networked "a" ["example.com"])').config;
    const named = load(
      '(profile:networked "a" ["example.com"] {:client-cert "file:keys/a"})',
    ).config;
    expect([without?.network.egress.mtls, without?.capabilities.http.egress.mtls]).toEqual([
      false,
      false,
    ]);
    expect([named?.network.egress.mtls, named?.capabilities.http.egress.mtls]).toEqual([
      true,
      true,
    ]);
  });

  test("attestation has the digest that was given, else the marker", () => {
    const digest = `sha256:${"0a".repeat(32)}`;
    expect(load('(profile:microvm-min "a")').config?.microvm?.attestation).toEqual({
      enabled: true,
      expectRootfsHash: { kind: "policy" },
    });
    expect(
      load(`(profile:microvm-min "a" {:rootfs-hash "${digest}"})`).config?.microvm?.attestation,
    ).toEqual({
      enabled: true,
      expectRootfsHash: { kind: "digest", text: digest },
    });
  });
});
