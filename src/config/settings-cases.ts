/** For settings.test.ts and codes.test.ts: each code, and the smallest settings file that yields it. */
import type { EnvironmentName } from "./settings-types.ts";

interface SettingsCase {
  readonly code: string;
  readonly path: string;
  readonly place: string;
  readonly source: string;
  readonly environment: EnvironmentName | null;
}

const none = { environment: null } as const;
const HTTP = '[capability_configs."ccos.echo"]';

export const SETTINGS_CASES: readonly SettingsCase[] = [
  { ...none, code: "PARSE_ERROR", path: "", place: "2:1", source: "a = 1\na = 2" },
  { ...none, code: "UNKNOWN_FIELD", path: "defaults", place: "1:1", source: "defaults = 1" },
  {
    ...none,
    code: "UNKNOWN_FIELD",
    path: "environments.prod",
    place: "1:1",
    source: "[environments.prod]",
  },
  {
    ...none,
    code: "DUPLICATE_KEY",
    path: "default_config.cpu_limit",
    place: "1:20",
    source: "default_config = { cpu_limit = 0.5, cpu-limit = 1 }",
  },
  {
    ...none,
    code: "TYPE_MISMATCH",
    path: "default_config.timeout",
    place: "2:1",
    source: "[default_config]\ntimeout = 30",
  },
  {
    ...none,
    code: "TYPE_MISMATCH",
    path: "default_provider",
    place: "1:1",
    source: 'default_provider = "docker"',
  },
  {
    ...none,
    code: "TYPE_MISMATCH",
    path: "environments.testing.provider",
    place: "2:1",
    source: '[environments.testing]\nprovider = "docker"',
  },
  {
    ...none,
    code: "OUT_OF_RANGE",
    path: "default_config.memory_limit_mb",
    place: "2:1",
    source: "[default_config]\nmemory_limit_mb = 8",
  },
  {
    ...none,
    code: "OUT_OF_RANGE",
    path: "default_config.timeout",
    place: "2:1",
    source: '[default_config]\ntimeout = "999h"',
  },
  {
    ...none,
    code: "INVALID_DOMAIN_PATTERN",
    path: "default_config.network_policy.AllowList[0]",
    place: "2:33",
    source: '[default_config]\nnetwork_policy = { AllowList = ["*"] }',
  },
  {
    ...none,
    code: "INVALID_PATH",
    path: "default_config.fs_policy.ReadOnly[0]",
    place: "2:27",
    source: '[default_config]\nfs_policy = { ReadOnly = ["../x"] }',
  },
  {
    ...none,
    code: "INVALID_CAPABILITY_PATTERN",
    path: "capability_configs.*",
    place: "1:1",
    source: '[capability_configs."*"]',
  },
  {
    code: "MOCK_IN_PRODUCTION",
    path: "default_provider",
    place: "1:1",
    source: 'default_provider = "mock"',
    environment: "production",
  },
  {
    ...none,
    code: "MOCK_IN_PRODUCTION",
    path: "environments.production.provider",
    place: "2:1",
    source: '[environments.production]\nprovider = "mock"',
  },
  {
    ...none,
    code: "ENVIRONMENT_LOOSENED",
    path: "environments.production.minimum_wall",
    place: "2:1",
    source: '[environments.production]\nminimum_wall = "wasm"',
  },
  {
    code: "DENY_LIST_IN_PRODUCTION",
    path: "default_config.network_policy",
    place: "2:1",
    source: '[default_config]\nnetwork_policy = { DenyList = ["a.example.com"] }',
    environment: "production",
  },
  {
    code: "SETTING_UNENFORCEABLE",
    path: "capability_configs.ccos\\u{2e}echo.cpu_limit",
    place: "2:1",
    source: `${HTTP}\ncpu_limit = 0.3`,
    environment: "production",
  },
  {
    ...none,
    code: "SETTING_NOT_HELD",
    path: "capability_configs.ccos\\u{2e}echo.cpu_limit",
    place: "2:1",
    source: `${HTTP}\ncpu_limit = 0.3`,
  },
  {
    ...none,
    code: "SETTING_NOT_HELD",
    path: "provider_configs.process.user",
    place: "2:1",
    source: '[provider_configs.process]\nuser = "nobody"',
  },
  {
    ...none,
    code: "MOCK_PROVIDER",
    path: "default_provider",
    place: "1:1",
    source: 'default_provider = "mock"',
  },
];

/** As the first version shipped it, which never could be loaded. */
export const SEED_SETTINGS = `default_provider = "mock"

[default_config]
timeout = "30s"
memory_limit_mb = 128
cpu_limit = 0.5
network_policy = "Denied"
fs_policy = "None"

[provider_configs.firecracker]
kernel_path = "/opt/firecracker/vmlinux"
rootfs_path = "/opt/firecracker/rootfs.ext4"

[provider_configs.gvisor]
platform = "ptrace"

[provider_configs.process]
user = "nobody"
chroot = "/tmp/rtfs_sandbox"

[provider_configs.mock]

[capability_configs."ccos.network.http-fetch"]
timeout = "30s"
memory_limit_mb = 64
cpu_limit = 0.3
network_policy = { AllowList = ["api.github.com", "httpbin.org"] }
fs_policy = "None"

[capability_configs."ccos.io.open-file"]
timeout = "10s"
memory_limit_mb = 32
cpu_limit = 0.2
network_policy = "Denied"
fs_policy = { ReadWrite = ["/tmp/rtfs_sandbox", "/workspace"] }
`;
