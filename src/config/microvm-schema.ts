/**
 * The shape of the `:microvm` block: names, types and defaults. What its values must fulfil
 * together is in microvm-rules.ts.
 *
 * @module
 */
import {
  block,
  type Decoder,
  field,
  flag,
  integer,
  optionalInteger,
  optionalText,
  requiredText,
} from "./decoder.ts";
import type { MicrovmConfig } from "./types.ts";

const expectedHash: Decoder<MicrovmConfig["attestation"]["expectRootfsHash"]> = (
  node,
  path,
  reading,
) => {
  if (node?.kind === "keyword" && node.text === "policy-resolved") return { kind: "policy" };
  const digest = optionalText(node, path, reading);
  return digest === null ? null : { kind: "digest", text: digest };
};

/** The `:microvm` block. */
export const microvm: Decoder<MicrovmConfig> = block<MicrovmConfig>({
  kernel: field(
    "kernel",
    block<MicrovmConfig["kernel"]>({
      image: field("image", requiredText),
      cmdline: field("cmdline", requiredText),
    }),
  ),
  rootfs: field(
    "rootfs",
    block<MicrovmConfig["rootfs"]>({
      image: field("image", requiredText),
      ro: field("ro", flag(true)),
    }),
  ),
  resources: field(
    "resources",
    block<MicrovmConfig["resources"]>({
      vcpus: field("vcpus", integer(1)),
      memMb: field("mem_mb", integer(256)),
    }),
  ),
  devices: field(
    "devices",
    block<MicrovmConfig["devices"]>({
      nic: field(
        "nic",
        block<MicrovmConfig["devices"]["nic"]>({
          enabled: field("enabled", flag(false)),
          proxyNs: field("proxy_ns", optionalText),
        }),
      ),
      vsock: field(
        "vsock",
        block<MicrovmConfig["devices"]["vsock"]>({
          enabled: field("enabled", flag(false)),
          cid: field("cid", optionalInteger),
        }),
      ),
    }),
  ),
  attestation: field(
    "attestation",
    block<MicrovmConfig["attestation"]>({
      enabled: field("enabled", flag(false)),
      expectRootfsHash: field("expect_rootfs_hash", expectedHash),
    }),
  ),
});
