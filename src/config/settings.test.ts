import { describe, expect, test } from "vitest";
import { loadConfig } from "./load.ts";
import { SEED_SETTINGS, SETTINGS_CASES } from "./settings-cases.ts";
import { boundConfig, type BoundsSources, boundsOf } from "./settings.ts";
import { decodeSettings } from "./settings-text.ts";
import type { EnvironmentName, RunBounds } from "./settings-types.ts";
import type { AgentConfig } from "./types.ts";

const NOTHING = { timeout: null, memoryLimitMb: null, wall: null, provider: null } as const;

interface Said {
  readonly environment?: EnvironmentName;
  readonly asked?: Partial<BoundsSources["asked"]>;
}

function bounds(source: string, { environment, asked }: Said = {}): RunBounds {
  const loaded = decodeSettings(source, { file: "t.toml", environment: environment ?? null });
  if (loaded.settings === null || !loaded.valid) throw new Error(JSON.stringify(loaded.findings));
  return boundsOf({
    settings: { value: loaded.settings, file: "t.toml", digest: "sha256:t" },
    environment: environment ?? null,
    asked: { ...NOTHING, ...asked },
  });
}

function config(fields = ""): AgentConfig {
  const loaded = loadConfig(`(agent.config :agent-id "a" ${fields})`, { file: "a.rtfs" });
  if (loaded.config === null || !loaded.valid) throw new Error(JSON.stringify(loaded.findings));
  return loaded.config;
}

function limit(of: RunBounds, name: string): unknown {
  const { value, from } = of.limits.find((each) => each.limit === name) ?? {};
  return value === undefined ? null : `${value} ${from}`;
}

describe("decodeSettings finds each code at its path and place", () => {
  test.each(SETTINGS_CASES)("$code at $path", ({ code, path, place, source, environment }) => {
    const { findings, valid } = decodeSettings(source, { file: "t.toml", environment });
    const seen = findings.map((each) => ({
      code: each.code,
      path: each.path,
      place: `${each.span?.line}:${each.span?.column}`,
    }));
    expect(seen).toEqual([{ code, path, place }]);
    expect(valid).toBe(findings[0]?.severity === "warning");
  });

  test("reports everything at once, and suggests names as TOML writes them", () => {
    const source = '[default_config]\ntimout = "1s"\nmemory_limit = "1 parsec"\n[environment]\n';
    const { findings } = decodeSettings(source, { file: "t.toml", environment: null });
    expect(findings.map((each) => `${each.code} ${each.suggestion}`)).toEqual([
      "UNKNOWN_FIELD Did you mean timeout?",
      "UNKNOWN_FIELD Did you mean environments?",
      'TYPE_MISMATCH Write "128MiB"',
    ]);
  });

  test("takes no name from a prototype, and no nesting without end", () => {
    for (const source of ["[__proto__]\nx = 1", "[constructor]\n", "toString = 1"]) {
      const { findings, valid } = decodeSettings(source, { file: "t.toml", environment: null });
      expect([findings[0]?.code, valid]).toEqual(["UNKNOWN_FIELD", false]);
    }
    const deep = `x = ${"[".repeat(200)}${"]".repeat(200)}`;
    const { findings } = decodeSettings(deep, { file: "t.toml", environment: null });
    expect(findings[0]?.message).toBe("Values nest more than 64 deep");
  });
});

describe("the settings of the first version", () => {
  test("load, and say what is not followed", () => {
    const loaded = decodeSettings(SEED_SETTINGS, { file: "t.toml", environment: null });
    expect(loaded.valid).toBe(true);
    expect([...new Set(loaded.findings.map((each) => each.code))]).toEqual([
      "MOCK_PROVIDER",
      "SETTING_NOT_HELD",
    ]);
    expect(loaded.settings?.defaults).toMatchObject({
      timeout: 30_000,
      memoryLimitMb: 128,
      cpuLimit: 0.5,
    });
  });

  test("are refused in production: they name the mock", () => {
    const loaded = decodeSettings(SEED_SETTINGS, { file: "t.toml", environment: "production" });
    expect(loaded.valid).toBe(false);
    expect(loaded.findings.map((each) => each.code)).toContain("MOCK_IN_PRODUCTION");
    expect(loaded.findings.map((each) => each.code)).toContain("SETTING_UNENFORCEABLE");
  });

  test("bound a run: limits by the default, each capability by its own policy", () => {
    const seeds = bounds(SEED_SETTINGS);
    expect(limit(seeds, "wallMs")).toBe("30000 t.toml default_config.timeout");
    expect(boundConfig(config(), seeds).limits).toMatchObject({
      wallMs: 30_000,
      cpuMs: 15_000,
      memoryMb: 128,
    });
    const rules = seeds.reach.map(({ rule, except }) => [rule, except.length]);
    expect(rules).toContainEqual(["t.toml default_config.network_policy", 2]);
  });
});

describe("boundsOf", () => {
  const LAYERS = `
[default_config]
timeout = "40s"
memory_limit = "64MiB"
memory_limit_mb = 256
[environments.development]
timeout = "20s"
[environments.testing]
timeout = "1m"
`;
  test.each([
    ["the default alone", {}, "40000 t.toml default_config.timeout"],
    [
      "a stricter environment",
      { environment: "development" },
      "20000 t.toml environments.development.timeout",
    ],
    [
      "what the environment is of itself, under a looser file",
      { environment: "testing" },
      "5000 the environment testing: timeout",
    ],
    [
      "the command line, which tightens",
      { environment: "development", asked: { timeout: 1_000 } },
      "1000 the command line timeout",
    ],
  ] as const)("the smallest holds: %s", (_name, said, expected) => {
    expect(limit(bounds(LAYERS, said), "wallMs")).toBe(expected);
  });

  test("the smaller of two spellings of one limit holds", () => {
    expect(limit(bounds(LAYERS), "memoryMb")).toBe("64 t.toml default_config.memory_limit");
  });

  test("refuses a command line that asks for more", () => {
    expect(() => bounds(LAYERS, { asked: { timeout: 60_000 } })).toThrow("only tightens");
    expect(() => bounds(LAYERS, { asked: { memoryLimitMb: 65 } })).toThrow("only tightens");
  });

  test.each([
    ["", undefined, null],
    ['default_provider = "firecracker"', undefined, "microvm"],
    ['default_provider = "process"', "production", "process"],
    ['[environments.production]\nminimum_wall = "gvisor"', "production", "gvisor"],
    ['[environments.production]\nminimum_wall = "gvisor"', "development", "wasm"],
    ["", "production", "process"],
  ] as const)("of %j the strongest wall in %s is %s", (source, environment, expected) => {
    const said = environment === undefined ? {} : { environment };
    expect(bounds(source, said).wall?.value ?? null).toBe(expected);
  });

  test("an environment's provider cannot be named away", () => {
    const source = '[environments.testing]\nprovider = "process"';
    const testing = { environment: "testing" } as const;
    expect(bounds(source, testing).provider?.value).toBe("process");
    const narrower = bounds(source, { ...testing, asked: { provider: "process/unshare" } });
    expect(narrower.provider?.value).toBe("process/unshare");
    expect(() => bounds(source, { ...testing, asked: { provider: "mock" } })).toThrow("process");
  });
});

describe("boundConfig", () => {
  test("keeps what the agent's own config limits more", () => {
    const bound = boundConfig(config(":limits {:wall-ms 1000}"), bounds(SEED_SETTINGS));
    expect(bound.limits.wallMs).toBe(1_000);
    expect(bound.limits.cpuMs).toBe(500);
  });

  test("raises the wall and never lowers it", () => {
    const process = bounds("", { asked: { wall: "process" } });
    expect(boundConfig(config(), process).orchestrator.isolation.mode).toBe("process");
    const strict = config(":orchestrator {:isolation {:mode :gvisor}}");
    expect(boundConfig(strict, process).orchestrator.isolation.mode).toBe("gvisor");
  });
});
