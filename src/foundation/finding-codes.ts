/**
 * Codes of the findings that `ccos check` reports about an agent config.
 *
 * Errors make the config invalid (exit 65); warnings do not. The order of the table is the order in
 * which findings are listed: form, then the microVM rules, then what needs no microVM, then warnings.
 *
 * @module
 */
const finding = (severity: "error" | "warning", meaning: string, fix: string) => ({
  exitCode: severity === "error" ? 65 : 0,
  retryable: false,
  severity,
  meaning,
  fix,
});
const error = (meaning: string, fix: string) => finding("error", meaning, fix);
const warning = (meaning: string, fix: string) => finding("warning", meaning, fix);

export const FINDING_CODES = {
  EXPANSION_FAILED: error(
    "The config is a program that does not end in a config",
    "Read the trace; a config program is pure and takes at most 10 000 steps",
  ),
  DUPLICATE_KEY: error("A key is given twice, or in both of its spellings", "Keep one of them"),
  UNKNOWN_FIELD: error("The config has a key that does not exist", "Use the suggested name"),
  TYPE_MISMATCH: error(
    "A value has a type or a word that the field does not take",
    "Write what the message names",
  ),
  MISSING_FIELD: error("A required key is absent", "Add it"),
  OUT_OF_RANGE: error(
    "A number or a text is outside of its bounds",
    "Stay inside the bounds of the message",
  ),
  PLACEHOLDER_VALUE: error("A value is a placeholder from an example", "Write the real value"),
  UNSUPPORTED_VERSION: error("The schema version is not known", 'Write :version "0.1"'),
  INVALID_DETERMINISM: error(
    "Time or randomness cannot be made the same in every run as written",
    "Give deterministic randomness a seed, and an epoch to deterministic time only",
  ),
  INVALID_VALIDITY: error(
    "A moment, a time of day or a zone of the validity cannot be read",
    "Write moments as 2026-12-01T08:00:00Z, times as 08:00, zones by their IANA name",
  ),
  INVALID_AGENT_ID: error(
    "The agent id cannot name files and sockets safely",
    "Use a-z, 0-9, dot, dash and underscore; begin and end with a letter or digit",
  ),
  INVALID_ISOLATION_MODE: error(
    "There is a :microvm block, but the isolation mode is another",
    "Set :orchestrator :isolation :mode to :microvm",
  ),
  MISSING_MICROVM_BLOCK: error(
    "The isolation mode is :microvm, but there is no :microvm block",
    "Add the block",
  ),
  NON_EPHEMERAL_FS: error(
    "A microVM needs an ephemeral file system",
    "Set :orchestrator :isolation :fs :ephemeral to true",
  ),
  CAPABILITIES_NOT_READONLY: error(
    "The capabilities mount is not read-only",
    "Set its :mode to :ro",
  ),
  CAPABILITIES_MOUNT_REQUIRED: error(
    "A microVM uses capabilities, but has no capabilities mount",
    "Add :mounts {:capabilities {:mode :ro}}",
  ),
  ROOTFS_WRITABLE: error("The root image is writable", "Set :microvm :rootfs :ro to true"),
  KERNEL_CMDLINE_FORBIDDEN: error(
    "The kernel command line has a word that could undo the wall",
    "Remove it; root, init and panic words are composed by CCOS",
  ),
  INVALID_VCPUS: error("A microVM needs at least one vCPU", "Set :vcpus to 1 or more"),
  VCPUS_ABOVE_VMM_LIMIT: error(
    "No microVM monitor takes more than 32 vCPUs",
    "Set :vcpus to 32 or less",
  ),
  INVALID_MEMORY: error("A microVM needs at least 64 MiB", "Set :mem_mb to 64 or more"),
  INVALID_VSOCK_CID: error(
    "The vsock context id is absent or not positive",
    "Set :cid from 3 to 4294967294",
  ),
  CID_RESERVED: error(
    "The vsock context id is reserved (1, 2, 4294967295) or too large",
    "Set :cid from 3 to 4294967294",
  ),
  NIC_ENABLED_BUT_NETWORK_DISABLED: error(
    "The microVM has a network card, but the network is off",
    "Set :network :enabled to true, or :nic :enabled to false",
  ),
  MISSING_PROXY_NS: error("The network card has no proxy namespace", "Name it in :nic :proxy_ns"),
  INVALID_PROXY_NS: error(
    "The proxy namespace is not a legal name",
    "Use letters, digits, dot, dash, underscore",
  ),
  INVALID_EGRESS_METHOD: error(
    "A microVM's network leaves by the proxy only",
    "Set :network :egress :via to :proxy",
  ),
  EMPTY_ALLOWED_DOMAINS: error(
    "The network card is on, but no domain may be reached",
    "List domains in :network :egress :allow-domains",
  ),
  MISSING_ROOTFS_HASH: error(
    "Attestation is on, but there is nothing to compare the root image with",
    "Set :expect_rootfs_hash to its digest, or to :policy-resolved",
  ),
  HASH_MALFORMED: error("A digest is not sha256: and 64 hex digits", "Write the whole digest"),
  VSOCK_REQUIRED: error(
    "Chain records are to be sent by vsock, but it is off",
    "Enable :microvm :devices :vsock",
  ),
  DIRECT_EGRESS_FORBIDDEN: error(
    "Nothing may leave around the proxy",
    "Set :network :egress :via to :proxy",
  ),
  INVALID_DOMAIN_PATTERN: error(
    "A domain is not an exact host or *.example.com",
    "Write the name in lower case, without scheme and path",
  ),
  INVALID_EGRESS_RULE: error(
    "An egress rule cannot be read or contradicts itself",
    "See the message",
  ),
  INVALID_DLP_RULE: error(
    "A DLP rule, canary or dictionary cannot be read, or would find nothing or everything",
    "See the message",
  ),
  INVALID_LABEL_RULE: error(
    "A source or a sink of labels cannot be read, or says nothing",
    "See the message",
  ),
  ADDRESSES_IN_PRODUCTION: error(
    "A rule opens address ranges, which production refuses",
    "Remove :addresses",
  ),
  HTTP_EGRESS_NOT_SUBSET: error(
    "The http capability names a domain that the network does not allow",
    "Add it to :network :egress, or remove it",
  ),
  MTLS_WITHOUT_CREDENTIALS: error(
    "mTLS is on, but no client certificate is named",
    "Set :network :egress :client-cert",
  ),
  INVALID_CLIENT_CERTIFICATE: error(
    "The client certificate is not a reference to a file",
    'Write :client-cert "file:PATH"; the file holds the certificate and its key as PEM',
  ),
  INVALID_TLS_PIN: error("A pin is not sha256/ and the base64 of 32 bytes", "Write the whole pin"),
  SINGLE_PIN_IN_PRODUCTION: error(
    "A host has one pin, and its next key change would end all traffic",
    "Add the pin of a second key that is kept offline",
  ),
  INVALID_CAPABILITY_PATTERN: error(
    "A capability pattern cannot be read",
    "Use an id, or a prefix and .*",
  ),
  INVALID_APPROVER: error(
    "An approver has a name or a key that is refused",
    "Give each a name and an Ed25519 key of their own: ed25519:BASE64",
  ),
  INVALID_PATH: error(
    "A path has a form that is refused",
    "Write it absolute or relative as the message says",
  ),
  INVALID_ENVIRONMENT: error("A variable has a name or value that is refused", "See the message"),
  INVALID_SECRET: error("A secret's source or binding is refused", "See the message"),
  STORAGE_PATH_REQUIRED: error(
    "The chain's storage mode needs a path",
    "Set :causal_chain :storage :path",
  ),
  INVALID_ANCHOR: error(
    "An anchor's target and its place do not fit each other",
    "Give :file and :git a :path, :http and :rfc3161 a :url",
  ),
  MOCK_IN_PRODUCTION: error(
    "Production names the mock provider, which runs nothing",
    "Remove it; the strongest measured wall is taken",
  ),
  ENVIRONMENT_LOOSENED: error(
    "An environment asks for less than it has of itself",
    "Name the same wall, or a stronger one",
  ),
  DENY_LIST_IN_PRODUCTION: error(
    "A deny list allows whatever nobody thought of, which production refuses",
    "Write an AllowList",
  ),
  SETTING_UNENFORCEABLE: error(
    "Production has a setting that this version cannot hold",
    "Remove it, or use what the message names",
  ),
  MISSING_CAPABILITIES_MOUNT: warning(
    "The microVM has no capabilities mount",
    "Add :mounts {:capabilities {:mode :ro}}",
  ),
  HIGH_VCPU_ALLOCATION: warning(
    "More than 4 vCPUs are asked for",
    "Check that the agent needs them",
  ),
  HIGH_MEMORY_ALLOCATION: warning(
    "More than 1024 MiB are asked for",
    "Check that the agent needs them",
  ),
  INVALID_HASH_FORMAT: warning(
    "The expected digest is not sha256: and 64 hex digits",
    "Write the whole digest",
  ),
  DLP_DISABLED: warning(
    "A microVM runs without DLP",
    "Set :orchestrator :dlp {:enabled true :policy :strict}",
  ),
  NON_STRICT_DLP: warning(
    "A microVM runs with a DLP policy that is not strict",
    "Set :dlp :policy to :strict",
  ),
  MARKETPLACE_NOT_READONLY: warning(
    "The marketplace is explicitly writable",
    "Set :marketplace :readonly to true",
  ),
  NO_BACKUP_PIN: warning(
    "A host has one pin, and its next key change would end all traffic",
    "Add the pin of a second key that is kept offline",
  ),
  EGRESS_GRANTS_NOTHING: warning(
    "The network is asked for, but nothing may leave",
    "Enable the network, set :via to :proxy and list domains or rules",
  ),
  PROFILE_MISMATCH: warning(
    "The profile's name says other than the config",
    "Name the profile that fits",
  ),
  FEATURE_NOT_DECLARED: warning(
    "A block is enabled whose feature flag is absent",
    "Add the flag to :features",
  ),
  MOCK_PROVIDER: warning(
    "The settings' default provider is the mock, which runs nothing; it is not followed",
    "Remove it; name the mock in an environment or with --provider where you want it",
  ),
  SETTING_NOT_HELD: warning(
    "A setting is read but not held by this version",
    "Remove it, or use what the message names",
  ),
} as const;
