/**
 * What a config's `:microvm` block says, as the walls understand it: which image boots, how large the machine is,
 * what its root must be.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import type { AgentConfig } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { ProviderOptions } from "../isolation/index.ts";

/** Files of an image, as `ccos image build` names them. */
const PARTS = { kernel: "kernel", rootfs: "root" } as const;

/**
 * @param configFile - Images are named relative to it.
 * @returns Without a block the image of this host when the mode asks for a machine; else null: then none is taken,
 *   because it starts a hundred times slower.
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` when the two images are not the parts of one built image.
 */
export function machineOf(
  { microvm, orchestrator }: AgentConfig,
  configFile: string,
): Pick<ProviderOptions, "machine" | "imageDir"> {
  if (microvm === null) return orchestrator.isolation.mode === "microvm" ? {} : { machine: null };
  const { kernel, rootfs, resources, attestation } = microvm;
  const path = (image: string): string => resolve(dirname(configFile), image);
  const [kernelPath, rootPath] = [path(kernel.image), path(rootfs.image)];
  const imageDir = dirname(rootPath);
  if (
    kernelPath !== resolve(imageDir, PARTS.kernel) ||
    rootPath !== resolve(imageDir, PARTS.rootfs)
  ) {
    throw new CcosError("ISOLATION_UNAVAILABLE", {
      what: `Cannot boot the kernel "${kernel.image}" with the root "${rootfs.image}"`,
      why: 'they are not "kernel" and "root" of one directory, beside the lock that says what they must be',
      fix: "Build it: `ccos image build --out DIR`, and name DIR/kernel and DIR/root",
    });
  }
  const { expectRootfsHash } = attestation;
  const expectRoot = expectRootfsHash?.kind === "digest" ? expectRootfsHash.text : null;
  return {
    imageDir,
    machine: {
      vcpus: resources.vcpus,
      memoryMib: resources.memMb,
      kernelWords: kernel.cmdline
        .split(/\s+/)
        .filter((word) => word !== "")
        .join(" "),
      expectRoot,
    },
  };
}
