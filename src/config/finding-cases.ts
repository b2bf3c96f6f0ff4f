/** For codes.test.ts: each finding code and the smallest change of a clean config that yields it. */
import { DIGEST, MICROVM } from "./sample-config.ts";

export interface Case {
  readonly code: string;
  readonly path: string;
  readonly line: number;
  readonly source: string;
  readonly production?: boolean;
}

/** The clean config with one part of its text changed. */
export function swap(from: string, to: string): string {
  if (!MICROVM.includes(from)) throw new Error(`the fixture has no ${from}`);
  return MICROVM.replace(from, to);
}

function plain(fields: string): string {
  return `(agent.config\n  ${fields})`;
}

const online = (egress: string, rest = ""): string =>
  plain(`:features [:network] :network {:enabled true :egress {:via :proxy\n ${egress}}} ${rest}`);
const secret = (fields: string): string => plain(`:secrets {:TOKEN {${fields}}}`);
const BOUND = ':source "env:T" :origins ["https://a.example.com"] :headers ["authorization"]';

export const CASES: readonly Case[] = [
  { code: "PARSE_ERROR", path: "", line: 1, source: "(agent.config\n  :version" },
  { code: "PARSE_ERROR", path: "", line: 1, source: "" },
  { code: "PARSE_ERROR", path: "", line: 1, source: "(agent.config 1 2)" },
  { code: "EXPANSION_FAILED", path: "", line: 2, source: "\n[1 2]" },
  {
    code: "DUPLICATE_KEY",
    path: "version",
    line: 3,
    source: plain(':version "0.1"\n :version "0.1"'),
  },
  {
    code: "DUPLICATE_KEY",
    path: "microvm.resources.mem_mb",
    line: 16,
    source: swap(":mem_mb 256", ":mem_mb 256 :mem-mb 128"),
  },
  { code: "UNKNOWN_FIELD", path: "agent-idd", line: 2, source: plain(':agent-idd "x"') },
  {
    code: "UNKNOWN_FIELD",
    path: "microvm.attestaton",
    line: 15,
    source: swap(":resources", ":attestaton {} :resources"),
  },
  { code: "TYPE_MISMATCH", path: "version", line: 2, source: plain(":version 1") },
  { code: "TYPE_MISMATCH", path: "orchestrator", line: 2, source: plain(":orchestrator 5") },
  {
    code: "TYPE_MISMATCH",
    path: "microvm",
    line: 2,
    source: '(agent.config :orchestrator {:isolation {:mode :microvm}}\n :microvm "yes")',
  },
  {
    code: "TYPE_MISMATCH",
    path: "features[1]",
    line: 3,
    source: plain(":features [:fs\n :netwrok]"),
  },
  { code: "TYPE_MISMATCH", path: "limits.fuel", line: 2, source: plain(":limits {:fuel 1.5}") },
  { code: "MISSING_FIELD", path: "microvm.kernel.image", line: 11, source: swap(':image "k"', "") },
  { code: "MISSING_FIELD", path: "agent-id", line: 1, source: "(agent.config)", production: true },
  { code: "OUT_OF_RANGE", path: "limits.pids", line: 2, source: plain(":limits {:pids 0}") },
  {
    code: "OUT_OF_RANGE",
    path: "limits.wall-ms",
    line: 2,
    source: plain(":limits {:wall-ms 9223372036854775807}"),
  },
  { code: "OUT_OF_RANGE", path: "plan", line: 2, source: plain(':plan "a\\nb"') },
  {
    code: "PLACEHOLDER_VALUE",
    path: "microvm.attestation.expect_rootfs_hash",
    line: 22,
    source: swap(DIGEST, "..."),
  },
  {
    code: "PLACEHOLDER_VALUE",
    path: "governance.keys.verify",
    line: 2,
    source: plain(':governance {:keys {:verify "pubkey-pem"}}'),
  },
  {
    code: "PLACEHOLDER_VALUE",
    path: "network.egress.tls_pins[0]",
    line: 2,
    source: plain(':network {:egress {:tls_pins ["sha256/abc123def456789..."]}}'),
  },
  {
    code: "PLACEHOLDER_VALUE",
    path: "env.TOKEN",
    line: 2,
    source: plain(':env {:TOKEN "changeme"}'),
  },
  { code: "UNSUPPORTED_VERSION", path: "version", line: 2, source: plain(':version "9"') },
  { code: "INVALID_AGENT_ID", path: "agent-id", line: 2, source: plain(':agent-id "../x"') },
  {
    code: "INVALID_ISOLATION_MODE",
    path: "orchestrator.isolation.mode",
    line: 3,
    source: swap(":mode :microvm", ":mode :wasm"),
  },
  {
    code: "MISSING_MICROVM_BLOCK",
    path: "microvm",
    line: 1,
    source: plain(":orchestrator {:isolation {:mode :microvm}}"),
  },
  {
    code: "NON_EPHEMERAL_FS",
    path: "orchestrator.isolation.fs.ephemeral",
    line: 4,
    source: swap(":ephemeral true", ":ephemeral false"),
  },
  {
    code: "CAPABILITIES_NOT_READONLY",
    path: "orchestrator.isolation.fs.mounts.capabilities.mode",
    line: 5,
    source: swap(":mode :ro", ":mode :rw"),
  },
  {
    code: "CAPABILITIES_MOUNT_REQUIRED",
    path: "orchestrator.isolation.fs.mounts.capabilities",
    line: 5,
    source: swap(":capabilities {:mode :ro}", "").replace(
      ":readonly true",
      ':registry_paths ["./c"]',
    ),
  },
  {
    code: "ROOTFS_WRITABLE",
    path: "microvm.rootfs.ro",
    line: 14,
    source: swap(":ro true", ":ro false"),
  },
  {
    code: "KERNEL_CMDLINE_FORBIDDEN",
    path: "microvm.kernel.cmdline",
    line: 12,
    source: swap("console=none", "console=none init=/bin/sh"),
  },
  {
    code: "INVALID_VCPUS",
    path: "microvm.resources.vcpus",
    line: 15,
    source: swap(":vcpus 1", ":vcpus 0"),
  },
  {
    code: "VCPUS_ABOVE_VMM_LIMIT",
    path: "microvm.resources.vcpus",
    line: 15,
    source: swap(":vcpus 1", ":vcpus 33"),
  },
  {
    code: "INVALID_MEMORY",
    path: "microvm.resources.mem_mb",
    line: 16,
    source: swap(":mem_mb 256", ":mem_mb 63"),
  },
  {
    code: "INVALID_VSOCK_CID",
    path: "microvm.devices.vsock.cid",
    line: 20,
    source: swap(":cid 3", ":cid 0"),
  },
  {
    code: "INVALID_VSOCK_CID",
    path: "microvm.devices.vsock.cid",
    line: 19,
    source: swap(":cid 3", ""),
  },
  {
    code: "CID_RESERVED",
    path: "microvm.devices.vsock.cid",
    line: 20,
    source: swap(":cid 3", ":cid 2"),
  },
  {
    code: "CID_RESERVED",
    path: "microvm.devices.vsock.cid",
    line: 20,
    source: swap(":cid 3", ":cid 4294967295"),
  },
  {
    code: "NIC_ENABLED_BUT_NETWORK_DISABLED",
    path: "network.enabled",
    line: 8,
    source: swap(":network {:enabled true", ":network {:enabled false"),
  },
  {
    code: "MISSING_PROXY_NS",
    path: "microvm.devices.nic.proxy_ns",
    line: 17,
    source: swap(':proxy_ns "ns"', ""),
  },
  {
    code: "INVALID_PROXY_NS",
    path: "microvm.devices.nic.proxy_ns",
    line: 18,
    source: swap('"ns"', '"../ns"'),
  },
  {
    code: "INVALID_EGRESS_METHOD",
    path: "network.egress.via",
    line: 9,
    source: swap(":via :proxy", ":via :direct"),
  },
  {
    code: "EMPTY_ALLOWED_DOMAINS",
    path: "network.egress.allow-domains",
    line: 10,
    source: swap('["example.com"]', "[]"),
  },
  {
    code: "MISSING_ROOTFS_HASH",
    path: "microvm.attestation.expect_rootfs_hash",
    line: 22,
    source: swap(`"sha256:${DIGEST}"`, '""'),
  },
  {
    code: "HASH_MALFORMED",
    path: "microvm.attestation.expect_rootfs_hash",
    line: 22,
    source: swap(DIGEST, "abc"),
    production: true,
  },
  {
    code: "VSOCK_REQUIRED",
    path: "causal_chain.storage.mode",
    line: 2,
    source: plain(":causal_chain {:storage {:mode :vsock_stream}}"),
  },
  {
    code: "DIRECT_EGRESS_FORBIDDEN",
    path: "network.egress.via",
    line: 2,
    source: online("").replace(":via :proxy", ':via :direct :allow-domains ["a.example.com"]'),
  },
  {
    code: "INVALID_DOMAIN_PATTERN",
    path: "network.egress.allow-domains[1]",
    line: 3,
    source: online(':allow-domains ["a.example.com" "*.co.uk"]'),
  },
  {
    code: "INVALID_DOMAIN_PATTERN",
    path: "capabilities.http.egress.allow-domains[0]",
    line: 2,
    source: plain(':capabilities {:http {:egress {:allow-domains ["https://a.example.com/x"]}}}'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].host",
    line: 3,
    source: online(':rules [{:host "127.0.0.1"}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].ports",
    line: 3,
    source: online(':rules [{:host "a.example.com:8443" :ports [443]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].methods[1]",
    line: 3,
    source: online(':rules [{:host "a.example.com" :methods [:GET :CONNECT]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].methods",
    line: 3,
    source: online(':rules [{:host "a.example.com" :methods []}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].schemes",
    line: 3,
    source: online(':rules [{:host "a.example.com" :schemes []}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].paths[0]",
    line: 3,
    source: online(':rules [{:host "a.example.com" :paths ["/a/../b"]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].tunnel",
    line: 3,
    source: online(':rules [{:host "a.example.com" :tunnel true :paths ["/a"]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].addresses[0]",
    line: 3,
    source: online(':rules [{:host "a.example.com" :addresses ["10.0.0.0/33"]}]'),
  },
  {
    code: "ADDRESSES_IN_PRODUCTION",
    path: "network.egress.rules[0].addresses",
    line: 3,
    source: online(':rules [{:host "a.example.com" :addresses ["10.0.0.0/8"]}]', ':agent-id "a"'),
    production: true,
  },
  {
    code: "HTTP_EGRESS_NOT_SUBSET",
    path: "capabilities.http.egress.allow-domains[0]",
    line: 3,
    source: online(
      ':allow-domains ["a.example.com"]',
      ':capabilities {:http {:enabled true :egress {:allow-domains ["b.example.com"]}}}',
    ),
  },
  {
    code: "MTLS_WITHOUT_CREDENTIALS",
    path: "network.egress.mtls",
    line: 3,
    source: online(':allow-domains ["a.example.com"] :mtls true'),
  },
  {
    code: "INVALID_TLS_PIN",
    path: "network.egress.tls_pins[0]",
    line: 3,
    source: online(':allow-domains ["a.example.com"] :tls_pins ["sha256/abc"]'),
  },
  {
    code: "INVALID_CAPABILITY_PATTERN",
    path: "capabilities.allow[0]",
    line: 2,
    source: plain(':capabilities {:allow ["*"]}'),
  },
  {
    code: "INVALID_CAPABILITY_PATTERN",
    path: "capabilities.deny[0]",
    line: 2,
    source: plain(':capabilities {:deny ["ccos.*.x"]}'),
  },
  { code: "INVALID_PATH", path: "plan", line: 2, source: plain(':plan "../plan.rtfs"') },
  {
    code: "INVALID_PATH",
    path: "capabilities.fs.paths[0]",
    line: 2,
    source: plain(':capabilities {:fs {:paths ["/a/../b"]}}'),
  },
  {
    code: "INVALID_PATH",
    path: "orchestrator.isolation.fs.mounts.data.source",
    line: 2,
    source: plain(':orchestrator {:isolation {:fs {:mounts {:data {:mode :ro :source "data"}}}}}'),
  },
  {
    code: "INVALID_PATH",
    path: "orchestrator.isolation.fs.mounts.\\u{2e}\\u{2e}/etc",
    line: 2,
    source: plain(':orchestrator {:isolation {:fs {:mounts {"../etc" {:mode :ro}}}}}'),
  },
  { code: "INVALID_ENVIRONMENT", path: "env.A B", line: 2, source: plain(':env {"A B" "x"}') },
  {
    code: "INVALID_ENVIRONMENT",
    path: "env.CCOS_SESSION",
    line: 2,
    source: plain(':env {:CCOS_SESSION "x"}'),
  },
  {
    code: "INVALID_SECRET",
    path: "secrets.TOKEN.source",
    line: 2,
    source: secret(BOUND.replace("env:T", "hunter2")),
  },
  {
    code: "INVALID_SECRET",
    path: "secrets.TOKEN.origins",
    line: 2,
    source: secret(BOUND.replace('["https://a.example.com"]', "[]")),
  },
  {
    code: "INVALID_SECRET",
    path: "secrets.TOKEN.origins[0]",
    line: 2,
    source: secret(BOUND.replace("https://a.example.com", "https://*.example.com")),
  },
  {
    code: "INVALID_SECRET",
    path: "secrets.TOKEN.headers",
    line: 2,
    source: secret(BOUND.replace('["authorization"]', "[]")),
  },
  {
    code: "INVALID_SECRET",
    path: "secrets.TOKEN.headers[0]",
    line: 2,
    source: secret(BOUND.replace("authorization", "Host")),
  },
  {
    code: "INVALID_SECRET",
    path: "secrets.TOKEN.origins[0]",
    line: 2,
    source: secret(BOUND.replace("https:", "http:")).replace(
      "(agent.config",
      '(agent.config :agent-id "a"',
    ),
    production: true,
  },
  {
    code: "INVALID_SECRET",
    path: "secrets.TOKEN",
    line: 2,
    source: plain(`:secrets {:TOKEN {${BOUND}}} :env {:TOKEN "x"}`),
  },
  {
    code: "STORAGE_PATH_REQUIRED",
    path: "causal_chain.storage.path",
    line: 2,
    source: plain(":causal_chain {:storage {:mode :append_file}}"),
  },
  {
    code: "INVALID_ANCHOR",
    path: "causal_chain.anchor.target",
    line: 2,
    source: plain(":causal_chain {:anchor {:enabled true :target :git}}"),
  },
  {
    code: "INVALID_ANCHOR",
    path: "causal_chain.anchor.target",
    line: 2,
    source: plain(':causal_chain {:anchor {:target :http :url "ftp://a.example.com/x"}}'),
  },
  {
    code: "MISSING_CAPABILITIES_MOUNT",
    path: "orchestrator.isolation.fs.mounts.capabilities",
    line: 5,
    source: swap(":capabilities {:mode :ro}", ""),
  },
  {
    code: "HIGH_VCPU_ALLOCATION",
    path: "microvm.resources.vcpus",
    line: 15,
    source: swap(":vcpus 1", ":vcpus 5"),
  },
  {
    code: "HIGH_MEMORY_ALLOCATION",
    path: "microvm.resources.mem_mb",
    line: 16,
    source: swap(":mem_mb 256", ":mem_mb 1025"),
  },
  {
    code: "INVALID_HASH_FORMAT",
    path: "microvm.attestation.expect_rootfs_hash",
    line: 22,
    source: swap("sha256:", ""),
  },
  {
    code: "DLP_DISABLED",
    path: "orchestrator.dlp.enabled",
    line: 6,
    source: swap(":dlp {:enabled true", ":dlp {:enabled false"),
  },
  {
    code: "NON_STRICT_DLP",
    path: "orchestrator.dlp.policy",
    line: 7,
    source: swap(":policy :strict", ":policy :moderate"),
  },
  {
    code: "MARKETPLACE_NOT_READONLY",
    path: "marketplace.readonly",
    line: 23,
    source: swap(":readonly true", ":readonly false"),
  },
  {
    code: "EGRESS_GRANTS_NOTHING",
    path: "network.egress.allow-domains",
    line: 2,
    source: online(""),
  },
  {
    code: "EGRESS_GRANTS_NOTHING",
    path: "network.enabled",
    line: 1,
    source: plain(":capabilities {:http {:enabled true}}"),
  },
  { code: "PROFILE_MISMATCH", path: "profile", line: 2, source: plain(":profile :microvm") },
  {
    code: "FEATURE_NOT_DECLARED",
    path: "capabilities.fs.enabled",
    line: 2,
    source: plain(":capabilities {:fs {:enabled true}}"),
  },
];
