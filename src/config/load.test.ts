import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Finding, type LoadedConfig, loadConfig } from "./index.ts";

const load = (source: string): LoadedConfig => loadConfig(source, { file: "a.rtfs" });
const codes = (findings: readonly Finding[]): readonly string[] =>
  findings.map((each) => `${each.code} ${each.path}`);

describe("loadConfig", () => {
  test("gives every default to an empty config", () => {
    const { config, findings } = load("(agent.config)");
    expect(findings).toEqual([]);
    expect(config).toEqual({
      version: "0.1",
      agentId: "agent.default",
      profile: "minimal",
      features: [],
      plan: null,
      orchestrator: {
        isolation: { mode: "wasm", fs: { ephemeral: false, mounts: new Map() } },
        determinism: { time: "real", random: "real", epoch: null, seed: null },
        dlp: {
          enabled: false,
          policy: "lenient",
          rules: [],
          canaries: [],
          dictionaries: new Map(),
          injection: "label",
        },
      },
      network: {
        enabled: false,
        egress: {
          via: "none",
          allowDomains: [],
          rules: [],
          mtls: false,
          tlsPins: [],
          clientCert: null,
        },
      },
      microvm: null,
      capabilities: {
        http: { enabled: false, egress: { allowDomains: [], mtls: false } },
        fs: { enabled: false, paths: [] },
        llm: { enabled: false, models: [] },
        allow: null,
        deny: [],
        ask: [],
      },
      governance: {
        admission: null,
        approvers: [],
        approvalMs: 600_000,
        budgets: {
          maxCostUsd: null,
          tokenBudget: null,
          maxCalls: null,
          wallMs: null,
          egressBytes: null,
          storageBytes: null,
        },
        policies: new Map(),
        policyFile: null,
        policyVersion: 0,
        keys: { verify: null, policy: null },
      },
      validity: { from: null, until: null, windows: [] },
      causalChain: {
        storage: { mode: "in_memory", path: null, bufferLocal: null },
        anchor: { enabled: false, target: "none", path: null, url: null, required: false },
      },
      marketplace: { registryPaths: [], readonly: null },
      env: new Map(),
      secrets: new Map(),
      labels: { sources: [], sinks: [] },
      limits: {
        wallMs: 600_000,
        cpuMs: 600_000,
        memoryMb: 512,
        pids: 64,
        outputBytes: 10_485_760,
        diskMb: 64,
        fuel: 50_000_000,
        depth: 10_000,
        calls: 10_000,
        callMs: 30_000,
      },
    });
  });

  test("reports all findings of a broken config in one run, in table order, then by path", () => {
    const { findings, valid } = load(
      `(agent.config :agent-id "../x" :profil :minimal :version 1
        :network {:enabled true :egress {:allow-domains ["*.com" "UP.example.com"]}}
        :limits {:pids 0} :causal_chain {:storage {:mode :sqlite}})`,
    );
    expect(codes(findings)).toEqual([
      "UNKNOWN_FIELD profil",
      "TYPE_MISMATCH version",
      "OUT_OF_RANGE limits.pids",
      "INVALID_AGENT_ID agent-id",
      "INVALID_DOMAIN_PATTERN network.egress.allow-domains[0]",
      "INVALID_DOMAIN_PATTERN network.egress.allow-domains[1]",
      "STORAGE_PATH_REQUIRED causal_chain.storage.path",
      "EGRESS_GRANTS_NOTHING network.egress.via",
      "FEATURE_NOT_DECLARED network.enabled",
    ]);
    expect(valid).toBe(false);
  });

  test("orders indexes by number, not by text", () => {
    const domains = Array.from({ length: 12 }, () => '"*"').join(" ");
    const { findings } = load(`(agent.config :network {:egress {:allow-domains [${domains}]}})`);
    expect(findings.at(-1)?.path).toBe("network.egress.allow-domains[11]");
    expect(findings[2]?.path).toBe("network.egress.allow-domains[2]");
  });

  test("suggests the nearest key at every level", () => {
    const { findings } = load(
      `(agent.config :netwrok {} :network {:egres {}} :limits {:wal-ms 1}
         :secrets {:T {:sourc "env:T" :source "env:T" :origins ["https://a.example.com"] :headers ["x"]}}
         :capabilities {:fs {:paths [{:path "/a" :mod :rw}]}})`,
    );
    expect(findings.map((each) => each.suggestion)).toEqual([
      "Did you mean :mode?",
      "Did you mean :wall-ms?",
      "Did you mean :egress?",
      "Did you mean :network?",
      "Did you mean :source?",
    ]);
  });

  test("suggests the nearest word, also for a string in its place", () => {
    const { findings } = load(
      '(agent.config :profile "networked" :orchestrator {:isolation {:mode :contaner}})',
    );
    expect(findings.map((each) => [each.path, each.suggestion])).toEqual([
      ["orchestrator.isolation.mode", "Did you mean :container?"],
      ["profile", "Did you mean :networked?"],
    ]);
  });

  test("shows the value that each finding is about only in safe, short form", () => {
    const hostile = `\\u001b[31m${"x".repeat(5_000)}`;
    const { findings } = load(`(agent.config :agent-id "a${hostile}" :env {"\\u001b" "v"})`);
    const text = findings.map((each) => each.message + each.path).join("");
    expect(text).not.toMatch(/\p{Cc}/u);
    expect(text.length).toBeLessThan(600);
  });

  test("the order of keys in the file changes no finding", () => {
    const parts = [
      ':agent-id "UP"',
      ":profil 1",
      ":plan 5",
      ':network {:enabled 1 :egress {:via :direct :allow-domains ["*"]}}',
      ":limits {:pids 0 :fuel -1}",
      ":microvm {:devices {:vsock {:enabled true :cid 1}} :mem 1}",
      ':env {"B C" "x" "A B" "y"}',
    ];
    const expected = codes(load(`(agent.config ${parts.join(" ")})`).findings);
    expect(expected.length).toBeGreaterThan(12);
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (shuffled) => {
        expect(codes(load(`(agent.config ${shuffled.join(" ")})`).findings)).toEqual(expected);
      }),
    );
  });

  test("of both spellings of a key, the same one counts in either order", () => {
    const values = [":wall_ms 5 :wall-ms 7", ":wall-ms 7 :wall_ms 5"].map(
      (limits) => load(`(agent.config :limits {${limits}})`).config?.limits.wallMs,
    );
    expect(values).toEqual([7, 7]);
  });

  test("spanOf gives the key, or the nearest written parent", () => {
    const { spanOf } = load("(agent.config\n :limits\n {:pids 5}\n :features [\n :fs])");
    expect(spanOf("limits.pids")?.line).toBe(3);
    expect(spanOf("limits.fuel")?.line).toBe(2);
    expect(spanOf("features[0]")?.line).toBe(5);
    expect(spanOf("network.egress.via")?.line).toBe(1);
  });

  test("production is an option or a profile, and stricter either way", () => {
    const source =
      '(agent.config :secrets {:T {:source "env:T" :origins ["http://a.example.com"] :headers ["x"]}} :agent-id "a"';
    expect(load(`${source})`).valid).toBe(true);
    expect(loadConfig(`${source})`, { file: "a", production: true }).valid).toBe(false);
    expect(load(`${source} :profile :production)`).valid).toBe(false);
  });

  test("placeholders pass when examples are asked for, and no other rule then judges them", () => {
    const source =
      '(agent.config :network {:egress {:tls_pins ["sha256/..."]}} :governance {:keys {:verify "pubkey-pem"}})';
    expect(codes(load(source).findings)).toEqual([
      "PLACEHOLDER_VALUE governance.keys.verify",
      "PLACEHOLDER_VALUE network.egress.tls_pins[0]",
    ]);
    expect(loadConfig(source, { file: "a", allowPlaceholders: true }).findings).toEqual([]);
  });

  test("nil is absence", () => {
    expect(
      load("(agent.config :plan nil :limits nil :microvm nil :features nil)").findings,
    ).toEqual([]);
  });

  test("whole floats are integers, and no other float is", () => {
    expect(load("(agent.config :limits {:fuel 1e6 :pids 8.0})").config?.limits).toMatchObject({
      fuel: 1_000_000,
      pids: 8,
    });
    expect(codes(load("(agent.config :limits {:fuel 1e400})").findings).length).toBe(1);
  });
});

describe("hostile texts", () => {
  const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));

  test.each([
    ":__proto__ {:polluted true}",
    ":constructor {:prototype {:polluted true}}",
    ':env {:__proto__ "x" "constructor" "y"}',
    ":orchestrator {:isolation {:fs {:mounts {:__proto__ {:mode :ro}}}}}",
    ":governance {:policies {:__proto__ {:risk_tier :low}}}",
    ":limits {:toString 1 :hasOwnProperty 2}",
  ])("%s touches no prototype", (fields) => {
    const { config } = load(`(agent.config ${fields})`);
    expect(Object.getPrototypeOf(config)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
    expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(prototype);
  });

  test("__proto__ as a key is an unknown field, at its place", () => {
    const { findings } = load("(agent.config\n :__proto__ {:polluted true})");
    expect(findings.map((each) => [each.code, each.path, each.span?.line])).toEqual([
      ["UNKNOWN_FIELD", "__proto__", 2],
    ]);
  });

  test("a name of the prototype in a map of the author's names is only a name", () => {
    const { config, findings } = load('(agent.config :env {:__proto__ "x" :toString "y"})');
    expect([...(config?.env ?? [])]).toEqual([
      ["__proto__", "x"],
      ["toString", "y"],
    ]);
    expect(findings).toEqual([]);
  });

  test("a key with dots is one key and hides no finding of a real path", () => {
    const { findings } = load('(agent.config :limits.pids 1 "agent-id" "../x" :limits {:pids 0})');
    expect(codes(findings)).toEqual(["PARSE_ERROR "]);
    const { findings: nested } = load('(agent.config :network {"egress.via" 1} :limits {:pids 0})');
    expect(codes(nested)).toEqual([
      "UNKNOWN_FIELD network.egress\\u{2e}via",
      "OUT_OF_RANGE limits.pids",
    ]);
  });

  test("40 000 unknown keys are 40 000 findings", () => {
    const keys = Array.from({ length: 40_000 }, (_, index) => `:k${index} 1`).join(" ");
    const { findings } = load(`(agent.config :limits {${keys}})`);
    expect(findings.length).toBe(40_000);
  });

  test("100 000 keys, a text over 1 MiB and deep nesting are one error each", () => {
    const keys = Array.from({ length: 100_000 }, (_, index) => `:k${index} 1`).join(" ");
    const deep = `(agent.config :env ${"[".repeat(500)}${"]".repeat(500)})`;
    for (const source of [
      `(agent.config ${keys})`,
      `(agent.config :plan "${"x".repeat(1_100_000)}")`,
      deep,
    ]) {
      const { config, findings } = load(source);
      expect(config).toBeNull();
      expect(findings.map((each) => each.code)).toEqual(["PARSE_ERROR"]);
    }
  });

  test("no text makes loadConfig throw", () => {
    const piece = fc.constantFrom(
      "(",
      ")",
      "{",
      "}",
      "[",
      "]",
      '"',
      ":a",
      ":network",
      "agent.config",
      " ",
      "1e5",
      "nil",
      "\\",
      "\u0000",
      "\ud800",
      "#",
      "^",
      "'",
      "fn",
      "profile:minimal",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), (pieces) => {
        const { config, valid, findings } = load(pieces.join(" "));
        expect(config === null ? !valid && findings.length > 0 : true).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

test("the first schema's example in its published form is refused at its surplus parenthesis", () => {
  const source =
    '(agent.config\n :marketplace\n {:registry_paths ["./capabilities/"]\n :readonly true})\n\n :features [:network :attestation])';
  const { findings } = load(source);
  expect(findings.map((each) => [each.code, each.span?.line])).toEqual([["PARSE_ERROR", 6]]);
});
