/** For tests: machines to be changed in one place. */
import { type VmImages, type VmModel, type VmParts, vmOf } from "./vm-model.ts";

export const SAMPLE_IMAGES: VmImages = {
  kernel: "/images/kernel",
  initrd: null,
  root: "/images/root.sqsh",
  rootFileSystem: "squashfs",
  rootDigest: null,
  verity: null,
  store: "/images/store.sqsh",
};

export const SAMPLE_VERITY: NonNullable<VmImages["verity"]> = {
  rootHash: "0123456789abcdef".repeat(4),
  salt: "00".repeat(32),
  dataBlocks: 277,
};

/** A machine with every optional part but a network card, named 00010203… */
export function sampleVm(change: Partial<VmParts> = {}): VmModel {
  return vmOf({
    random: Uint8Array.from({ length: 16 }, (_, at) => at),
    images: SAMPLE_IMAGES,
    vcpus: 1,
    memoryMib: 256,
    cid: 3,
    nicNamespace: null,
    egress: true,
    kernelWords: "console=none",
    agentDigest: null,
    ...change,
  });
}
