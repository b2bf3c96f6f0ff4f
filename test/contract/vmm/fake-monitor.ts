/**
 * Stands in for the programs `jailer`, `firecracker` and `cloud-hypervisor`: their strict command lines, then the contract server,
 * then a guest that obeys one JSON line. No machine, no chroot: what is tested is our side of the conversation. The programs
 * `qemu-…` are the same, with QEMU booting a real guest behind the server (booted-machine.ts).
 *
 * Run as `node fake-monitor.ts PROGRAM ARGUMENT…` by the wrappers of stand-ins.ts.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { chownSync, copyFileSync, existsSync, mkdirSync, writeSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type BootedMachine, bootMachine } from "./booted-machine.ts";
import { serveCloudHypervisor } from "./cloud-hypervisor-server.ts";
import { PORTS, type Told } from "./fake-monitor-words.ts";
import { serveFirecracker } from "./firecracker-server.ts";
import type { GuestWorld } from "./monitor-server.ts";

const [program = "", ...given] = process.argv.slice(2);
const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;
const flag = { type: "boolean" } as const;

switch (program) {
  case "jailer":
  case "broken-jailer":
  case "qemu-jailer":
    jail();
    break;
  case "firecracker":
  case "qemu-firecracker":
    await firecracker();
    break;
  case "broken-firecracker":
    garbage(join(process.cwd(), "run", "firecracker.socket"));
    break;
  case "broken-cloud-hypervisor":
    garbage(given.find((word) => word.startsWith("path="))?.slice("path=".length) ?? "");
    break;
  case "cloud-hypervisor":
  case "qemu-cloud-hypervisor":
    await cloudHypervisor();
    break;
  default:
    throw new TypeError(`no such program: ${program}`);
}

/** Listens, and speaks no HTTP. */
function garbage(socket: string): void {
  createServer((peer) => peer.on("error", () => undefined).end("garbage\r\n\r\n")).listen(socket);
}

/** As the vendor documents it: its own flags, a copy of the program in the jail, and a child in a new namespace. */
function jail(): void {
  const { values } = parseArgs({
    args: given.slice(0, given.indexOf("--")),
    strict: true,
    options: {
      id: text,
      "exec-file": text,
      uid: text,
      gid: text,
      "chroot-base-dir": text,
      "cgroup-version": text,
      cgroup: texts,
      "resource-limit": texts,
      netns: text,
      "new-pid-ns": flag,
    },
  });
  const { id = "", uid = "", gid = "", "exec-file": executable = "" } = values;
  if (!/^[A-Za-z0-9-]{1,64}$/.test(id)) throw new TypeError("invalid id");
  if (!/^[1-9]\d*$/.test(uid) || uid !== gid) throw new TypeError("invalid user");
  for (const word of values.cgroup ?? [])
    if (!/^[a-z_.]+=\S/.test(word)) throw new TypeError(`invalid cgroup: ${word}`);
  for (const word of values["resource-limit"] ?? [])
    if (!/^(?:fsize|no-file)=\d+$/.test(word)) throw new TypeError(`invalid limit: ${word}`);
  if (values["new-pid-ns"] !== true) throw new TypeError("no namespace asked for");
  const root = join(values["chroot-base-dir"] ?? "", "firecracker", id, "root");
  mkdirSync(join(root, "run"), { recursive: true, mode: 0o700 });
  copyFileSync(executable, join(root, "firecracker"));
  for (const path of [root, join(root, "run")]) chownSync(path, Number(uid), Number(gid));
  const inner = program.replace("jailer", "firecracker");
  const words = [inner, "--id", id, ...given.slice(given.indexOf("--") + 1)];
  // The jailer ends; what it started is left to whoever reaps here.
  spawn(process.execPath, [process.argv[1] ?? "", ...words], {
    cwd: root,
    uid: Number(uid),
    gid: Number(gid),
    stdio: "inherit",
  }).unref();
  process.exit(0);
}

async function firecracker(): Promise<void> {
  const { values } = parseArgs({
    args: given,
    strict: true,
    options: { id: text, "api-sock": text },
  });
  const root = process.cwd();
  const socket = join(root, values["api-sock"] ?? "run/firecracker.socket");
  const panic = (): void => process.exit(1);
  await serveFirecracker({ socket, root, boot: (world) => boot(world, panic), ...real() });
}

/** A real guest, where the program's name asks for one; it ends with its machine. */
function real(): { readonly start?: (machine: BootedMachine) => Promise<void> } {
  if (!program.startsWith("qemu-")) return {};
  return { start: (machine) => bootMachine(machine, (status) => process.exit(status)) };
}

async function cloudHypervisor(): Promise<void> {
  const { values } = parseArgs({
    args: given,
    strict: true,
    options: { "api-socket": text, "event-monitor": text, seccomp: text },
  });
  if (values.seccomp !== "true") throw new TypeError("its filter must be on");
  const socket = /^path=(\/.+)$/.exec(values["api-socket"] ?? "")?.[1] ?? "";
  const events = Number(/^fd=(\d+)$/.exec(values["event-monitor"] ?? "")?.[1]);
  if (!existsSync(dirname(socket))) throw new TypeError("no directory for the socket");
  const panic = (): void => {
    writeSync(events, '{"source":"vm","event":"booted"}\n{"source":"guest","event":"panic"}\n');
  };
  await serveCloudHypervisor({ socket, boot: (world) => boot(world, panic), ...real() });
}

/** Process 1: calls the host for each descriptor, is told one line, obeys, says how it ended, and ends its machine. */
function boot({ dial }: GuestWorld, panic: () => void): void {
  const lines = Object.fromEntries(
    Object.entries(PORTS).map(([name, port]) => [name, dial(port)]),
  ) as Record<keyof typeof PORTS, Socket>;
  let told = "";
  lines.init.on("data", (chunk) => {
    told += chunk.toString("utf8");
    if (told.endsWith("\n")) obey(JSON.parse(told) as Told, lines, panic);
  });
}

function obey(
  { does, status }: Told,
  lines: Record<keyof typeof PORTS, Socket>,
  panic: () => void,
): void {
  const end = (): void => {
    for (const name of ["out", "error", "channel"] as const) lines[name].end();
    lines.init.end(`end ${status}\n`, () => setTimeout(() => process.exit(0), 50));
  };
  switch (does) {
    case "exit":
      lines.error.write("a word of error\n");
      lines.out.write("hello from the guest\n", end);
      return;
    case "silent":
      process.exit(0);
      return;
    case "panic":
      panic();
      return;
    case "flood":
      lines.out.write("x".repeat(1024 * 1024));
      return;
    case "echo":
      lines.in.pipe(lines.out, { end: false });
      lines.in.once("end", end);
      return;
    case "relay":
      lines.channel.once("data", (chunk) => lines.channel.write(`again ${String(chunk)}`, end));
      return;
    case "hang":
      // Also when its host is gone.
      lines.out.write("up\n");
      return;
  }
}
