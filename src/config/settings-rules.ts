/**
 * What settings must hold beyond their form: no mock in production, no environment below what it is, nothing
 * that is read and not held without a word.
 *
 * @module
 */
import { quoted, segmentOf } from "./display.ts";
import { BUILT_IN, WALL_OF_PROVIDER, wallRank } from "./environments.ts";
import { nearest } from "./nearest.ts";
import type { Reading } from "./reading.ts";
import {
  ENVIRONMENTS,
  type EnvironmentName,
  type Settings,
  type SettingsLayer,
} from "./settings-types.ts";

export function checkSettings(
  settings: Settings,
  environment: EnvironmentName | null,
  reading: Reading,
): void {
  const isProduction = environment === "production";
  if (settings.defaultProvider === "mock") {
    const said = "default_provider is the mock, which runs nothing";
    reading.complain(
      isProduction ? "MOCK_IN_PRODUCTION" : "MOCK_PROVIDER",
      "default_provider",
      isProduction ? said : `${said}; the strongest measured wall is taken instead`,
    );
  }
  for (const name of ENVIRONMENTS) checkEnvironment(settings, name, reading);
  checkPolicies(settings.defaults, "default_config", isProduction, reading);
  for (const [pattern, layer] of settings.capabilities) {
    const path = `capability_configs.${segmentOf(pattern)}`;
    checkPolicies(layer, path, isProduction, reading);
    checkCapability(path, isProduction, reading);
  }
  checkOptions(reading);
}

function checkEnvironment(settings: Settings, name: EnvironmentName, reading: Reading): void {
  const path = `environments.${name}`;
  const layer = settings.environments[name];
  const least = BUILT_IN[name].minimumWall;
  checkPolicies(layer, path, name === "production", reading);
  if (layer.minimumWall !== null && least !== null && wallRank(layer.minimumWall) < wallRank(least))
    reading.complain(
      "ENVIRONMENT_LOOSENED",
      `${path}.minimum_wall`,
      `${quoted(layer.minimumWall)} is weaker than ${quoted(least)}, the least wall of ${name}`,
    );
  if (layer.provider === null) return;
  if (layer.provider === "mock" && name === "production") {
    const said = "production takes no mock: it runs nothing and proves nothing";
    reading.complain("MOCK_IN_PRODUCTION", `${path}.provider`, said);
  }
  const words = ["mock", "container", ...WALL_OF_PROVIDER.keys()];
  const [kind = ""] = layer.provider.split("/");
  if (words.includes(kind)) return;
  const meant = nearest(kind, words);
  reading.complain(
    "TYPE_MISMATCH",
    `${path}.provider`,
    `no provider is called ${quoted(layer.provider)}`,
    meant === null ? "Run `ccos doctor` for their names" : `Did you mean ${quoted(meant)}?`,
  );
}

function checkPolicies(
  { networkPolicy }: SettingsLayer,
  path: string,
  isProduction: boolean,
  reading: Reading,
): void {
  if (networkPolicy?.kind !== "except" || !isProduction) return;
  const said = "a DenyList allows every host that nobody thought of";
  reading.complain("DENY_LIST_IN_PRODUCTION", `${path}.network_policy`, said);
}

/** Keys that are about a whole run, and mean nothing for one call that the host makes. */
const RUN_KEYS = [
  "call_timeout",
  "cpu_limit",
  "cpu_time",
  "memory_limit_mb",
  "memory_limit",
  "output_limit",
  "disk_limit",
  "pids_max",
  "calls_max",
];

function checkCapability(path: string, isProduction: boolean, reading: Reading): void {
  for (const key of RUN_KEYS) {
    if (!reading.isWritten(`${path}.${key}`)) continue;
    reading.complain(
      isProduction ? "SETTING_UNENFORCEABLE" : "SETTING_NOT_HELD",
      `${path}.${key}`,
      `${key} of a capability is not held: the host makes the call, whose time and reach are held`,
      "Keep timeout, network_policy and fs_policy here; limit the program in default_config",
    );
  }
}

const OPTIONS: ReadonlyMap<string, string> = new Map([
  ["process.user", "a wall brings its own user"],
  ["process.chroot", "a wall brings its own root"],
  ["gvisor.platform", "the platform is chosen by trial"],
  ...["firecracker", "cloud-hypervisor", "qemu"].flatMap((name) => [
    [`${name}.kernel_path`, "the agent config names the kernel"] as const,
    [`${name}.rootfs_path`, "the agent config names the root image"] as const,
  ]),
]);

function checkOptions(reading: Reading): void {
  for (const [option, why] of OPTIONS) {
    const path = `provider_configs.${option}`;
    if (reading.isWritten(path))
      reading.complain("SETTING_NOT_HELD", path, `${path} is not followed: ${why}`, "Remove it");
  }
}
