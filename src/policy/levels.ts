/**
 * Presets: what each level and each named policy grants, with their limits.
 *
 * @module
 */
import type { Policy } from "./types.ts";

/** Null: this preset sets no limit of its own. */
export interface PolicyLimits {
  readonly wallMs: number | null;
  readonly memoryBytes: number | null;
}

export interface PolicyPreset {
  /** Grants capabilities only: no host, no path, no variable, no secret. */
  readonly policy: Policy;
  readonly limits: PolicyLimits;
  /** Whether a program under this preset must run behind a wall. */
  readonly isolated: boolean;
}

const MIB = 1024 * 1024;
const CONTROLLED: PolicyLimits = { wallMs: 5_000, memoryBytes: 64 * MIB };

const LEVELS: Readonly<Record<Policy["level"], PolicyPreset>> = {
  pure: preset("pure", "level.pure", [], { wallMs: 1_000, memoryBytes: 16 * MIB }),
  controlled: preset("controlled", "level.controlled", [], CONTROLLED),
  full: preset("full", "level.full", ["*"], { wallMs: null, memoryBytes: null }),
};

/**
 * The preset of a level. `pure` grants nothing, `controlled` nothing until capabilities are listed,
 * `full` every capability that is not denied.
 */
export function levelDefaults(level: Policy["level"]): PolicyPreset {
  return LEVELS[level];
}

const LOG = "ccos.io.log";
const JSON_BOTH = ["ccos.data.parse-json", "ccos.data.serialize-json"];

/** The named policies, by name. Each is at level `controlled`. An unknown name has no entry. */
export const NAMED_POLICIES: ReadonlyMap<string, PolicyPreset> = new Map([
  named("user_code", [LOG, ...JSON_BOTH]),
  named("system_management", [
    LOG,
    "ccos.io.print",
    "ccos.io.println",
    "ccos.io.file-exists",
    ...JSON_BOTH,
    "ccos.system.current-time",
    "ccos.system.current-timestamp-ms",
  ]),
  named("data_processing", [
    LOG,
    ...JSON_BOTH,
    "ccos.network.http-fetch",
    "ccos.echo",
    "ccos.math.add",
    "ccos.ask-human",
  ]),
  named("agent_coordination", [
    LOG,
    "ccos.agent.discover-agents",
    "ccos.agent.task-coordination",
    "ccos.agent.ask-human",
    "ccos.agent.discover-and-assess-agents",
    "ccos.agent.establish-system-baseline",
  ]),
  named(
    "file_operations",
    [
      LOG,
      "ccos.io.file-exists",
      "ccos.io.open-file",
      "ccos.io.read-line",
      "ccos.io.write-line",
      "ccos.io.close-file",
    ],
    { wallMs: 10_000, memoryBytes: 32 * MIB },
  ),
  named("test_capabilities", ["ccos.echo", "ccos.math.add", "ccos.ask-human", LOG, ...JSON_BOTH]),
]);

function named(
  name: string,
  patterns: readonly string[],
  limits: PolicyLimits = CONTROLLED,
): readonly [string, PolicyPreset] {
  return [name, preset("controlled", `policy.${name}`, patterns, limits)];
}

function preset(
  level: Policy["level"],
  rule: string,
  patterns: readonly string[],
  limits: PolicyLimits,
): PolicyPreset {
  const allow = patterns.map((pattern) => ({ rule, pattern }));
  const dlp = { enabled: false, level: "lenient" } as const;
  const empty = { deny: [], egress: [], files: [], environment: [], secrets: [] };
  return { policy: { level, allow, ...empty, dlp }, limits, isolated: level === "controlled" };
}
