/**
 * Whether KVM really runs a system here: a 64-bit kernel of 5 KiB is booted as a machine would be, in the same jail
 * and on the same processor model, and must get to ring 3 and back and say so before its deadline.
 *
 * Some hosts answer every question about KVM and then emulate, spin or lose the guest. So nothing is asked; one that
 * stays silent is killed, and machines are emulated. The answer is kept for one boot of the host and one QEMU.
 *
 * @module
 */
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { isJsonObject } from "../../foundation/json.ts";
import {
  anonymousFile,
  bootId,
  closeDescriptors,
  currentUser,
  type Descriptor,
  ensurePrivateDir,
  fileIdentity,
  leaseUser,
  readOwned,
  spawnProcess,
  writeAtomic,
} from "../../host/index.ts";
import { JAIL_FD, JAIL_FILES_FD, jailedArgv, jailUser } from "./jail.ts";
import { KVM_PROBE_PROGRAM } from "./kvm-probe-program.ts";
import { CPU_MODELS, JAIL_ARGUMENTS } from "./qemu-line.ts";

export interface KvmAnswer {
  readonly usable: boolean;
  /** What was seen, one line. */
  readonly why: string;
}

export interface KvmTools {
  readonly qemu: string;
  readonly perl: string;
}

const DEADLINE_MS = 1_000;
/** In the order of JAIL_FD: it is told to go, and says its words and its console's. */
const PROBE_STREAMS: readonly Descriptor[] = [
  ...(["null", "null", "null", "closed", "pipe"] as const),
  ...(["closed", "pipe", "pipe", "closed"] as const),
];
/** QEMU's debug exit: twice the byte that is written, and one. */
const DONE_STATUS = 33;
const DONE_WORD = "RTFS-KVM-OK";
const TEXT_LENGTH_MAX = 4_096;
const ANSWER_BYTES_MAX = 4_096;

/** @param stateDir - The answer is kept in its `walls` directory, 0600. */
export async function kvmAnswer(tools: KvmTools, stateDir: string): Promise<KvmAnswer> {
  if (fileIdentity("/dev/kvm") === null) return { usable: false, why: "there is no /dev/kvm" };
  const key = JSON.stringify([1, await bootId(), currentUser().uid, fileIdentity(tools.qemu)]);
  const directory = join(stateDir, "walls");
  const path = join(directory, "kvm.json");
  const known = await readAnswer(path, key);
  if (known !== null) return known;
  const answer = await probeKvm(tools, "kvm");
  await ensurePrivateDir(stateDir);
  await ensurePrivateDir(directory);
  await writeAtomic(path, new TextEncoder().encode(JSON.stringify({ key, ...answer })), 0o600);
  return answer;
}

async function readAnswer(path: string, key: string): Promise<KvmAnswer | null> {
  const bytes = await readOwned(path, ANSWER_BYTES_MAX);
  if (!bytes.ok) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes.value));
    if (!isJsonObject(value) || value["key"] !== key) return null;
    const { usable, why } = value;
    return typeof usable === "boolean" && typeof why === "string" ? { usable, why } : null;
  } catch {
    return null;
  }
}

/**
 * Boot the probe now.
 *
 * @param accelerator - `tcg` says whether QEMU and the jail work at all.
 */
export async function probeKvm(
  { qemu, perl }: KvmTools,
  accelerator: "kvm" | "tcg",
): Promise<KvmAnswer> {
  const lease = currentUser().uid === 0 ? await leaseUser() : null;
  const kernel = anonymousFile(gunzipSync(Buffer.from(KVM_PROBE_PROGRAM, "base64")), 0o444);
  try {
    const user = jailUser(lease, accelerator);
    const probe = await spawnProcess({
      argv: jailedArgv({ perl, user, line: [qemu, ...probeArguments(accelerator)] }),
      env: {},
      cwd: "/",
      user,
      descriptors: [...PROBE_STREAMS, kernel],
    });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      probe.kill("SIGKILL");
    }, DEADLINE_MS);
    const [console, words] = [JAIL_FD.console, JAIL_FD.words].map((fd) =>
      textOf(probe.readable(fd)),
    );
    probe.writable(JAIL_FD.go)?.on("error", () => undefined);
    probe.writable(JAIL_FD.go)?.end("g");
    const end = await probe.exited;
    clearTimeout(timer);
    await probe.closed;
    if (isLate) return { usable: false, why: `it was silent for ${DEADLINE_MS} ms` };
    const said = console?.() ?? "";
    const isDone = end.kind === "exited" && end.status === DONE_STATUS;
    if (isDone && said.includes(DONE_WORD)) return { usable: true, why: "a 64-bit system ran" };
    const how = end.kind === "exited" ? `status ${end.status}` : end.signal;
    const last = [said, words?.() ?? ""].map(oneLine).filter((text) => text !== "");
    return { usable: false, why: `the probe ended with ${how}: ${last.join("; ").slice(0, 200)}` };
  } finally {
    closeDescriptors([kernel]);
    lease?.release();
  }
}

function probeArguments(accelerator: "kvm" | "tcg"): readonly string[] {
  const machine = "microvm,acpi=off,pic=off,pit=off,rtc=off,x-option-roms=on";
  return [
    ["-M", `${machine},auto-kernel-cmdline=off`, "-accel", accelerator],
    ["-cpu", CPU_MODELS[accelerator], "-m", "16", "-nodefaults", "-no-user-config"],
    ["-display", "none", "-no-reboot", "-kernel", `/proc/self/fd/${JAIL_FILES_FD}`],
    ["-device", "isa-debug-exit,iobase=0x501,iosize=1"],
    ["-chardev", `socket,id=console,fd=${JAIL_FD.console}`, "-serial", "chardev:console"],
    JAIL_ARGUMENTS,
  ].flat();
}

/** What has come so far, bounded. */
function textOf(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.on("error", () => undefined);
  stream?.on("data", (chunk: Buffer) => {
    if (text.length < TEXT_LENGTH_MAX) text += chunk.toString("latin1");
  });
  return () => text;
}

function oneLine(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
}
