/**
 * The machines of this host for Firecracker and Cloud Hypervisor: KVM as the probe saw it, and the image that
 * `ccos image build` made, told over vsock what QEMU's machines are told over their ports.
 *
 * @module
 */
import { posix } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { fileIdentity, findExecutable, headOf, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { IMAGE_PARTS, type ImageLock, LOCK_FILE, lockText, parseLock } from "../image/lock.ts";
import { closeImage, measureImage, readLock } from "../image/measured-image.ts";
import type { SandboxProgram } from "../provider.ts";
import { encodeRecords } from "./guest-records.ts";
import { guestReport } from "./guest-report.ts";
import { doorsOf, tellGuest } from "./guest-words.ts";
import { JAIL_FD } from "./jail.ts";
import { type KvmAnswer, kvmAnswer } from "./kvm-probe.ts";
import type { GuestTalk, MachineImage, MachinePorts } from "./machine-ports.ts";
import type { MachineWish } from "./machine-wish.ts";
import { openDoors } from "./qemu-launch.ts";
import { CONTROL_PORT } from "./vm-model.ts";

export interface MachineSource {
  /** Directory of an image that `ccos image build` made. */
  readonly imageDir: string;
  /** Where it is kept whether KVM works. */
  readonly stateDir: string;
  readonly machine: MachineWish;
}

/** Ports of the host (cid 2), in the order in which guest/microvm/init.c calls them, by our descriptors. */
const CALLS = [
  JAIL_FD.init,
  JAIL_FD.in,
  JAIL_FD.out,
  JAIL_FD.error,
  JAIL_FD.channel,
  JAIL_FD.doors,
];
const ELF_MAGIC = "\x7fELF";
const ATTACKER = "/usr/bin/perl";
const LOCK_HEAD_BYTES = 1024 * 1024;

/** For one provider: what it measured is what it boots. */
export function machinePorts({ imageDir, stateDir, machine }: MachineSource): MachinePorts {
  let measured: string | null = null;
  return {
    imageDir,
    machine,
    kvmUsable: () => kvmHere(stateDir),
    image: async () => {
      const lock = await lockIn(imageDir);
      if (!lock.ok) return lock;
      if (measured !== null && measured !== lockText(lock.value))
        return err("it was replaced since it was measured");
      return bootable(imageDir, lock.value, machine);
    },
    attest: async () => {
      const image = await measureImage(imageDir);
      closeImage(image);
      measured = lockText(image.lock);
      const made = bootable(imageDir, image.lock, machine);
      if (made.ok) return made.value;
      throw new CcosError("ISOLATION_UNAVAILABLE", {
        what: `Cannot boot the image "${imageDir}"`,
        why: made.error,
        fix: "Build it: `ccos image build`",
      });
    },
  };
}

/** Programs other than plans run only in an image that has perl: their wall is measured by what perl can try. */
export function kindsIn(imageDir: string): ReadonlySet<SandboxProgram["kind"]> {
  const text = headOf(posix.join(imageDir, LOCK_FILE), LOCK_HEAD_BYTES);
  const lock = parseLock(new TextDecoder().decode(text));
  const canBeAttacked = lock.ok && lock.value.programs.includes(ATTACKER);
  return new Set(canBeAttacked ? (["rtfs", "external", "script"] as const) : ["rtfs"]);
}

async function kvmHere(stateDir: string): Promise<KvmAnswer> {
  if (fileIdentity("/dev/kvm") === null) return { usable: false, why: "there is no /dev/kvm" };
  const qemu = findExecutable("qemu-system-x86_64", SYSTEM_DIRECTORIES);
  const perl = findExecutable("perl", SYSTEM_DIRECTORIES);
  if (qemu !== null && perl !== null) return await kvmAnswer({ qemu, perl }, stateDir);
  const why = "its probe takes qemu-system-x86_64 and perl, and one of them is not installed";
  return { usable: false, why };
}

async function lockIn(imageDir: string): Promise<Result<ImageLock, string>> {
  try {
    return ok(await readLock(imageDir));
  } catch (cause) {
    if (cause instanceof CcosError) return err(`${cause.why} in "${imageDir}"`);
    throw cause;
  }
}

function bootable(
  imageDir: string,
  lock: ImageLock,
  { expectRoot }: MachineWish,
): Result<MachineImage, string> {
  const { digests, verity, versions } = lock;
  if (expectRoot !== null && expectRoot !== digests.root)
    return err(`the config expects another root, its root is ${digests.root}`);
  const path = (name: string): string => posix.join(imageDir, name);
  const magic = new TextDecoder("latin1").decode(headOf(path("kernel"), ELF_MAGIC.length));
  if (magic !== ELF_MAGIC)
    return err("its kernel is no ELF file; build one with `ccos image build --kernel source`");
  const parts = IMAGE_PARTS.map((part) => digests[part].slice(7, 19)).join(".");
  return ok({
    version: `kernel ${versions.kernel}, image ${parts}`,
    versions,
    images: {
      kernel: path("kernel"),
      initrd: path("initrd"),
      root: path("root"),
      rootFileSystem: "squashfs",
      rootDigest: digests.root,
      verity,
      store: null,
    },
    digests: new Map(IMAGE_PARTS.map((part) => [part, digests[part]])),
    ports: new Map(CALLS.map((descriptor, index) => [descriptor, CONTROL_PORT + index])),
    speak: (program, spec) => {
      const records = encodeRecords(tellGuest(program, spec, lock));
      const doors = doorsOf(spec.binds).map(({ source }) => source);
      const report = guestReport();
      const follow: GuestTalk["follow"] = (process, broken) => {
        report.follow(process);
        openDoors(process, doors, broken);
        process.writable(JAIL_FD.init)?.write(records);
      };
      return { ...report, follow };
    },
  });
}
