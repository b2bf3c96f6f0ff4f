/**
 * Boots a machine once, to take the state in which process 1 waits: what every machine like it begins from.
 *
 * Read in this order: makeTemplate, askMonitor. Nothing but the measured image ever runs in it, and it ends when its state is
 * taken. Its jail is the others' without the root that has no files, because QEMU 7.2 gives a state away only to a
 * socket that it finds by name. It is not stopped before, so that what is restored runs at once and needs no monitor.
 *
 * @module
 */
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CcosError } from "../../foundation/errors.ts";
import { isJsonObject, type JsonObject } from "../../foundation/json.ts";
import {
  closeDescriptors,
  currentUser,
  type Descriptor,
  leaseUser,
  listenUnix,
  openSocketTo,
  privateDirectory,
  spawnProcess,
} from "../../host/index.ts";
import type { MeasuredImage } from "../image/measured-image.ts";
import {
  imageCopies,
  lastWords,
  type MachineShape,
  machineOf,
  MONITOR_FD,
  RISE_MS_MAX,
} from "./qemu-launch.ts";
import { JAIL_FD, jailedArgv, jailUser } from "./jail.ts";
import { qemuArguments } from "./qemu-line.ts";
import { TEMPLATE_BYTES_MAX } from "./template.ts";

/** Far more than memory can give: the guest is idle. */
const BYTES_PER_SECOND_MAX = 1 << 30;
const LINE_LENGTH_MAX = 65_536;
/** In the order of JAIL_FD: nobody is behind the program's ports. */
const STREAMS: readonly Descriptor[] = [
  ...(["null", "null", "null", "closed"] as const),
  ...(["pipe", "pipe", "pipe", "pipe", "closed"] as const),
];

/** @throws {CcosError} `PROVIDER_CRASHED` when it does not boot, or its state cannot be had. */
export async function makeTemplate(
  tools: { readonly qemu: string; readonly perl: string },
  image: MeasuredImage,
  shape: MachineShape,
): Promise<Uint8Array> {
  const lease = currentUser().uid === 0 ? await leaseUser() : null;
  const sockets = await privateDirectory({}, undefined);
  const copies = imageCopies(image);
  const state = Promise.withResolvers<Uint8Array>();
  const listener = await listenUnix({
    path: join(sockets.path, "state.sock"),
    connectionsMax: 1,
    onConnection: (connection) => void collect(connection).then(state.resolve, state.reject),
  });
  try {
    const user = jailUser(lease, shape.accelerator.kind);
    if (user !== undefined) openSocketTo(listener.path, user.gid);
    const machine = machineOf(shape, "saved");
    const process = await spawnProcess({
      argv: jailedArgv({ perl: tools.perl, user, line: [tools.qemu, ...qemuArguments(machine)] }),
      env: {},
      cwd: "/",
      user,
      descriptors: [
        ...STREAMS,
        ...copies,
        image.parts.root.descriptor,
        shape.store?.descriptor ?? "closed",
        "pipe",
      ],
    });
    const clock = setTimeout(() => process.kill("SIGKILL"), RISE_MS_MAX);
    try {
      const words = lastWords(process);
      process.writable(JAIL_FD.go)?.end("g");
      const over = process.exited.then(() => {
        throw new Error(words() || `it was not ready within ${RISE_MS_MAX} ms`);
      });
      const taken = takeState(process.duplex(JAIL_FD.init), process.duplex(MONITOR_FD), {
        path: listener.path,
        state: state.promise,
      });
      return await Promise.race([taken, over]);
    } finally {
      clearTimeout(clock);
      process.kill("SIGKILL");
      await process.exited;
    }
  } catch (cause) {
    throw new CcosError("PROVIDER_CRASHED", {
      what: "Cannot make a template of the machine",
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Run `ccos doctor`",
      cause,
    });
  } finally {
    state.promise.catch(() => undefined);
    await listener.close();
    closeDescriptors(copies);
    sockets.remove();
    lease?.release();
  }
}

async function takeState(
  init: Duplex | null,
  monitor: Duplex | null,
  to: { readonly path: string; readonly state: Promise<Uint8Array> },
): Promise<Uint8Array> {
  if (init === null || monitor === null) throw new TypeError("Both descriptors are pipes");
  await isReady(init);
  await askMonitor(monitor, [
    ["qmp_capabilities", {}],
    ["migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] }],
    ["migrate-set-parameters", { "max-bandwidth": BYTES_PER_SECOND_MAX }],
    ["migrate", { uri: `unix:${to.path}` }],
  ]);
  return await to.state;
}

/** Process 1 says that it waits for its first record. */
function isReady(init: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let told = "";
    init.on("data", (chunk: Buffer) => {
      told = `${told}${chunk.toString("latin1")}`.slice(-LINE_LENGTH_MAX);
      if (/^ready$/m.test(told)) resolve();
    });
  });
}

/** Say all, and wait until the monitor says that the state was given away. @throws {Error} What it refused. */
function askMonitor(
  monitor: Duplex,
  commands: readonly (readonly [string, JsonObject])[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    monitor.on("data", (chunk: Buffer) => {
      const lines = `${text}${chunk.toString("utf8")}`.split("\n");
      text = (lines.pop() ?? "").slice(0, LINE_LENGTH_MAX);
      for (const line of lines) {
        const outcome = outcomeOf(line);
        if (outcome === "completed") resolve();
        else if (outcome !== null) reject(new Error(`QEMU: ${outcome}`));
      }
    });
    for (const [execute, args] of commands)
      monitor.write(`${JSON.stringify({ execute, arguments: args })}\n`);
  });
}

/** Null: nothing that matters; else how it went. */
function outcomeOf(line: string): string | null {
  const told: unknown = line.trim() === "" ? null : JSON.parse(line);
  if (!isJsonObject(told)) return null;
  const { error, event, data } = told;
  if (isJsonObject(error)) return JSON.stringify(error["desc"] ?? error);
  if (event !== "MIGRATION" || !isJsonObject(data)) return null;
  const status = data["status"];
  return status === "completed" || status === "failed" ? status : null;
}

function collect(state: Duplex): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    state.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= TEMPLATE_BYTES_MAX) chunks.push(chunk);
      else reject(new Error(`its state is over ${TEMPLATE_BYTES_MAX} bytes`));
    });
    state.once("end", () => resolve(Buffer.concat(chunks)));
    state.once("close", () => reject(new Error("its state was cut off")));
  });
}
