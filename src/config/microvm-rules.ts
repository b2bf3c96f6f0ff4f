/**
 * Rules of a config with a `:microvm` block (or with the isolation mode of one).
 *
 * The codes and conditions of the first schema's validator are kept; what it let through although no
 * monitor boots it (reserved vsock ids, 33 vCPUs, a writable root) has codes of its own.
 *
 * @module
 */
import { quoted } from "./display.ts";
import { isAllowedKernelWord, kernelWords } from "./kernel-words.ts";
import type { RuleContext } from "./rule-context.ts";
import type { MicrovmConfig } from "./types.ts";

const FS = "orchestrator.isolation.fs";
const VCPUS_MAX = 32;
const CID_MAX = 4_294_967_294;
const CMDLINE_LENGTH_MAX = 1024;

export function checkMicrovm(context: RuleContext): void {
  const { config, complain } = context;
  const { mode } = config.orchestrator.isolation;
  if (config.microvm === null) {
    if (mode === "microvm") {
      complain("MISSING_MICROVM_BLOCK", "microvm", "mode :microvm needs a :microvm block");
    }
    return;
  }
  if (mode !== "microvm") {
    const message = `a :microvm block needs mode :microvm, not :${mode}`;
    complain("INVALID_ISOLATION_MODE", "orchestrator.isolation.mode", message);
  }
  checkFileSystem(context);
  checkImages(context, config.microvm);
  checkResources(context, config.microvm);
  checkVsock(context, config.microvm);
  checkNic(context, config.microvm);
  checkAttestation(context, config.microvm);
  checkPosture(context);
}

function checkFileSystem({ config, complain }: RuleContext): void {
  const { ephemeral, mounts } = config.orchestrator.isolation.fs;
  if (!ephemeral) {
    complain(
      "NON_EPHEMERAL_FS",
      `${FS}.ephemeral`,
      "the file system of a microVM must be ephemeral",
    );
  }
  const mount = mounts.get("capabilities");
  const path = `${FS}.mounts.capabilities`;
  if (mount !== undefined) {
    if (mount.mode === "ro") return;
    complain("CAPABILITIES_NOT_READONLY", `${path}.mode`, "the capabilities mount must be :ro");
    return;
  }
  const { http, fs, llm } = config.capabilities;
  const uses = http.enabled || fs.enabled || llm.enabled;
  if (uses || config.marketplace.registryPaths.length > 0) {
    const message = "capabilities are configured, but nothing mounts them read-only";
    complain("CAPABILITIES_MOUNT_REQUIRED", path, message);
  } else {
    complain("MISSING_CAPABILITIES_MOUNT", path, "there is no capabilities mount");
  }
}

function checkImages({ complain }: RuleContext, { kernel, rootfs }: MicrovmConfig): void {
  if (!rootfs.ro)
    complain("ROOTFS_WRITABLE", "microvm.rootfs.ro", "the root image must be read-only");
  if (kernel.image === "") emptyImage(complain, "microvm.kernel.image");
  if (rootfs.image === "") emptyImage(complain, "microvm.rootfs.image");
  const path = "microvm.kernel.cmdline";
  if (kernel.cmdline.length > CMDLINE_LENGTH_MAX) {
    complain("OUT_OF_RANGE", path, `${path} takes at most ${CMDLINE_LENGTH_MAX} characters`);
    return;
  }
  const forbidden = kernelWords(kernel.cmdline).find((each) => !isAllowedKernelWord(each));
  if (forbidden !== undefined) {
    const message = `${quoted(forbidden)} may not be set on the kernel command line`;
    complain("KERNEL_CMDLINE_FORBIDDEN", path, message);
  }
}

function emptyImage(complain: RuleContext["complain"], path: string): void {
  complain("MISSING_FIELD", path, `${path} is empty`);
}

function checkResources({ complain }: RuleContext, { resources }: MicrovmConfig): void {
  const { vcpus, memMb } = resources;
  const cpus = "microvm.resources.vcpus";
  if (vcpus < 1) complain("INVALID_VCPUS", cpus, `vcpus must be at least 1, not ${vcpus}`);
  else if (vcpus > VCPUS_MAX) {
    complain("VCPUS_ABOVE_VMM_LIMIT", cpus, `vcpus must be at most ${VCPUS_MAX}, not ${vcpus}`);
  } else if (vcpus > 4) complain("HIGH_VCPU_ALLOCATION", cpus, `${vcpus} vCPUs are asked for`);
  const memory = "microvm.resources.mem_mb";
  if (memMb < 64) complain("INVALID_MEMORY", memory, `mem_mb must be at least 64, not ${memMb}`);
  else if (memMb > 1024 * 1024) {
    complain("OUT_OF_RANGE", memory, `mem_mb must be at most 1048576, not ${memMb}`);
  } else if (memMb > 1024) complain("HIGH_MEMORY_ALLOCATION", memory, `${memMb} MiB are asked for`);
}

function checkVsock({ complain }: RuleContext, { devices }: MicrovmConfig): void {
  const { enabled, cid } = devices.vsock;
  const path = "microvm.devices.vsock.cid";
  if (!enabled) return;
  if (cid === null) complain("INVALID_VSOCK_CID", path, "vsock is enabled without a :cid");
  else if (cid <= 0) complain("INVALID_VSOCK_CID", path, `cid must be positive, not ${cid}`);
  else if (cid < 3 || cid > CID_MAX) {
    complain("CID_RESERVED", path, `cid ${cid} is outside of 3 to ${CID_MAX}`);
  }
}

function checkNic({ config, complain }: RuleContext, { devices }: MicrovmConfig): void {
  const { enabled, proxyNs } = devices.nic;
  const path = "microvm.devices.nic.proxy_ns";
  if (proxyNs !== null && proxyNs !== "" && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(proxyNs)) {
    complain("INVALID_PROXY_NS", path, `${quoted(proxyNs)} is not a namespace name`);
  }
  if (!enabled) return;
  if (proxyNs === null || proxyNs === "") {
    complain("MISSING_PROXY_NS", path, "the network card is on without a proxy namespace");
  }
  if (!config.network.enabled) {
    const message = "the network card is on, but the network is off";
    complain("NIC_ENABLED_BUT_NETWORK_DISABLED", "network.enabled", message);
    return;
  }
  const { via, allowDomains, rules } = config.network.egress;
  if (via !== "proxy") {
    const message = `a microVM's network leaves by :proxy, not :${via}`;
    complain("INVALID_EGRESS_METHOD", "network.egress.via", message);
  }
  if (allowDomains.length === 0 && rules.length === 0) {
    const message = "the network card is on, but no domain may be reached";
    complain("EMPTY_ALLOWED_DOMAINS", "network.egress.allow-domains", message);
  }
}

function checkAttestation(context: RuleContext, { attestation }: MicrovmConfig): void {
  const { production, complain } = context;
  const path = "microvm.attestation.expect_rootfs_hash";
  const expected = attestation.expectRootfsHash;
  if (expected === null || (expected.kind === "digest" && expected.text === "")) {
    if (!attestation.enabled) return;
    complain("MISSING_ROOTFS_HASH", path, "attestation is on without an expected digest");
  } else if (expected.kind === "digest" && !/^sha256:[0-9a-f]{64}$/.test(expected.text)) {
    const code = production ? "HASH_MALFORMED" : "INVALID_HASH_FORMAT";
    complain(code, path, `${quoted(expected.text)} is not sha256: and 64 lower-case hex digits`);
  }
}

function checkPosture({ config, complain }: RuleContext): void {
  const { enabled, policy } = config.orchestrator.dlp;
  if (!enabled) complain("DLP_DISABLED", "orchestrator.dlp.enabled", "DLP is off");
  else if (policy !== "strict") {
    complain("NON_STRICT_DLP", "orchestrator.dlp.policy", `the DLP policy is :${policy}`);
  }
  if (config.marketplace.readonly === false) {
    complain("MARKETPLACE_NOT_READONLY", "marketplace.readonly", "the marketplace is writable");
  }
}
