/**
 * A strict stand-in for Firecracker's API: the vendor's names, types, limits and phases, refused as the vendor refuses.
 * Contract, not Firecracker: its wording is only like the vendor's, and a guest boots only where `start` boots one.
 *
 * @module
 */
import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { BootedMachine } from "./booted-machine.ts";
import {
  type FakeGuest,
  fakeGuest,
  type GuestWorld,
  type MonitorAnswer,
  type MonitorRequest,
  type MonitorServer,
  Refusal,
  serveMonitor,
} from "./monitor-server.ts";
import { callOf, complaint, readFacts } from "./vendor-facts.ts";

const FACTS = readFacts("firecracker");
const BODY_BYTES_MAX = 51_200;
const LINE_BYTES_MAX = 2048;
const SUN_PATH_BYTES_MAX = 107;

interface Drive {
  readonly drive_id: string;
  readonly path_on_host?: string;
  readonly is_root_device: boolean;
}

export interface FirecrackerOptions {
  readonly socket: string;
  /** The jail's root: every path of the API is below it. */
  readonly root: string;
  readonly version?: string;
  /** What the guest does when it is started. */
  readonly boot?: (world: GuestWorld) => void;
  /** Boots a real guest instead. */
  readonly start?: (machine: BootedMachine) => Promise<void>;
}

export interface FirecrackerServer extends MonitorServer {
  state(): string;
}

export async function serveFirecracker(options: FirecrackerOptions): Promise<FirecrackerServer> {
  const machine = new Machine(options);
  const server = await serveMonitor({
    socket: options.socket,
    bodyBytesMax: BODY_BYTES_MAX,
    handle: (request) => machine.handle(request),
    refusalBody: (message) => ({ fault_message: message }),
  });
  return {
    log: server.log,
    state: () => machine.state,
    close: async () => {
      machine.guest?.close();
      await server.close();
    },
  };
}

const refuse = (message: string): never => {
  throw new Refusal(400, message);
};

interface KernelBody {
  readonly kernel_image_path: string;
  readonly initrd_path?: string;
  readonly boot_args?: string;
}

type Body = { readonly [key: string]: never };

class Machine {
  state: "Not started" | "Running" | "Paused" = "Not started";
  guest: FakeGuest | null = null;
  readonly #options: FirecrackerOptions;
  #told = false;
  #kernel: KernelBody | null = null;
  #vsock: { readonly uds_path: string; readonly guest_cid: number } | null = null;
  #config = { vcpu_count: 1, mem_size_mib: 128, smt: false };
  readonly #drives = new Map<string, Drive>();

  constructor(options: FirecrackerOptions) {
    this.#options = options;
  }

  async handle({ method, path, body }: MonitorRequest): Promise<MonitorAnswer> {
    const found = callOf(FACTS, method, path);
    if (found === null)
      return refuse(`Invalid request method and/or path: ${method} ${path.split("/")[1]}.`);
    const { call, id } = found;
    if (id !== null && !/^[A-Za-z0-9_]+$/.test(id))
      refuse("API Resource IDs can only contain alphanumeric characters and underscores.");
    const value = bodyOf(method, body, call.body);
    const started = this.state !== "Not started";
    if (started && call.rest[0] === "before")
      refuse("The requested operation is not supported after starting the microVM.");
    if (!started && call.rest[0] === "after")
      refuse("The requested operation is not supported before starting the microVM.");
    const answer = await this.#obey(`${method} ${call.path}`, value, id);
    if (method !== "GET" && path !== "/logger" && path !== "/metrics") this.#told = true;
    return answer ?? { status: 204 };
  }

  async #obey(call: string, value: Body, id: string | null): Promise<MonitorAnswer | null> {
    switch (call) {
      case "GET /version":
        return {
          status: 200,
          body: { firecracker_version: this.#options.version ?? "1.17.0-dev" },
        };
      case "GET /":
        return {
          status: 200,
          body: { app_name: "Firecracker", id: "x", state: this.state, vmm_version: "1.17.0-dev" },
        };
      case "GET /machine-config":
        return { status: 200, body: this.#config };
      case "PUT /logger":
        return this.#opened(value["log_path"]);
      case "PUT /metrics":
        return this.#opened(value["metrics_path"]);
      case "PUT /machine-config":
        return this.#setMachine(value);
      case "PUT /boot-source":
        return this.#setKernel(value);
      case "PUT /drives/{drive_id}":
        return this.#setDrive(value as unknown as Drive, id);
      case "PUT /network-interfaces/{iface_id}":
        if (value["iface_id"] !== id)
          refuse("The id from the path does not match the id from the body!");
        if (String(value["host_dev_name"]).length > 15)
          refuse("Open tap device failed: Invalid interface name");
        return null;
      case "PUT /vsock":
        return this.#setVsock(value as never);
      case "PUT /entropy":
        return null;
      case "PUT /actions":
        return await this.#act(value["action_type"]);
      case "PATCH /vm":
        this.state = value["state"] === "Paused" ? "Paused" : "Running";
        return null;
      case "PUT /snapshot/create":
        return this.#save(value);
      case "PUT /snapshot/load":
        return await this.#load(value as never);
      default:
        return refuse(`contract server: ${call} is in the contract and not served here`);
    }
  }

  #at(path: string): string {
    return resolve(this.#options.root, path.replace(/^\/+/, ""));
  }

  #opened(path: string | undefined): null {
    if (path !== undefined && !existsSync(this.#at(path))) refuse(`Could not open "${path}"`);
    return null;
  }

  #setMachine(value: Body): null {
    const { vcpu_count: cpus, smt } = value as unknown as { vcpu_count: number; smt?: boolean };
    if (smt === true && cpus > 1 && cpus % 2 === 1)
      refuse("The number of vCPUs must be 1 or an even number if SMT is enabled.");
    this.#config = { ...this.#config, ...value };
    return null;
  }

  #setKernel(value: Body): null {
    const body = value as unknown as KernelBody;
    const { kernel_image_path: kernel, boot_args: line } = body;
    if (!existsSync(this.#at(kernel)))
      refuse("The kernel file cannot be opened: No such file (os error 2)");
    if (Buffer.byteLength(line ?? "") >= LINE_BYTES_MAX)
      refuse("The kernel command line is too long");
    this.#kernel = body;
    return null;
  }

  #setDrive(drive: Drive, id: string | null): null {
    if (drive.drive_id !== id) refuse("The id from the path does not match the id from the body!");
    if (drive.path_on_host === undefined || !existsSync(this.#at(drive.path_on_host)))
      refuse("Unable to create the virtio block device: No such file (os error 2)");
    const roots = [...this.#drives.values()].filter((each) => each.is_root_device);
    if (drive.is_root_device && roots.some((each) => each.drive_id !== drive.drive_id))
      refuse("A root block device already exists!");
    this.#drives.set(drive.drive_id, drive);
    return null;
  }

  #setVsock(value: { readonly uds_path: string; readonly guest_cid: number }): null {
    if (Buffer.byteLength(this.#at(value.uds_path)) > SUN_PATH_BYTES_MAX)
      refuse("Cannot create backend for vsock device: path must be shorter than SUN_LEN");
    if (existsSync(this.#at(value.uds_path)))
      refuse("Cannot create backend for vsock device: Address already in use (os error 98)");
    this.#vsock = value;
    return null;
  }

  async #act(action: string | undefined): Promise<null> {
    if (action !== "InstanceStart") {
      if (this.state === "Not started")
        refuse("The requested operation is not supported before starting the microVM.");
      return null;
    }
    if (this.state !== "Not started")
      refuse("The requested operation is not supported after starting the microVM.");
    if (this.#kernel === null) refuse("Cannot start microvm without kernel configuration.");
    this.state = "Running";
    await this.#bootGuest();
    return null;
  }

  async #bootGuest(): Promise<void> {
    if (this.#vsock === null) return;
    const { start } = this.#options;
    if (start !== undefined && this.#kernel !== null) {
      await start(this.#machine(this.#kernel, this.#vsock));
      return;
    }
    this.guest = await fakeGuest(this.#at(this.#vsock.uds_path), (world) =>
      this.#options.boot?.(world),
    );
  }

  /** With the words that the vendor adds to the kernel's line. */
  #machine(
    { kernel_image_path: kernel, initrd_path: initrd, boot_args: line = "" }: KernelBody,
    { uds_path: path, guest_cid: cid }: { readonly uds_path: string; readonly guest_cid: number },
  ): BootedMachine {
    const drives = [...this.#drives.values()];
    const root = drives.some((each) => each.is_root_device) ? " root=/dev/vda ro" : "";
    return {
      kernel: this.#at(kernel),
      initrd: initrd === undefined ? null : this.#at(initrd),
      line: `${line} pci=off${root}`,
      drives: drives.map((each) => this.#at(each.path_on_host ?? "")),
      memoryMib: this.#config.mem_size_mib,
      vcpus: this.#config.vcpu_count,
      vsock: this.#at(path),
      cid,
      endsByReset: true,
    };
  }

  #save(value: Body): null {
    if (this.state !== "Paused") refuse("Cannot save the microVM: it is not paused");
    for (const path of [value["snapshot_path"], value["mem_file_path"]])
      writeFileSync(this.#at(path ?? ""), "snapshot");
    return null;
  }

  async #load(value: {
    readonly snapshot_path: string;
    readonly mem_backend?: { readonly backend_path: string };
    readonly mem_file_path?: string;
    readonly resume_vm?: boolean;
    readonly vsock_override?: { readonly uds_path: string };
  }): Promise<null> {
    if (this.#told)
      refuse("Loading a microVM snapshot not allowed after configuring boot-specific resources.");
    if ((value.mem_backend === undefined) === (value.mem_file_path === undefined))
      refuse("either `mem_file_path` or `mem_backend` must be given");
    for (const path of [
      value.snapshot_path,
      value.mem_backend?.backend_path ?? value.mem_file_path,
    ])
      if (!existsSync(this.#at(path ?? "")))
        refuse("Load snapshot error: No such file (os error 2)");
    const { vsock_override: vsock } = value;
    this.#vsock = vsock === undefined ? null : { ...vsock, guest_cid: 3 };
    this.state = value.resume_vm === true ? "Running" : "Paused";
    await this.#bootGuest();
    return null;
  }
}

function bodyOf(method: string, text: string, type: string | null): Body {
  if (method === "GET") return text === "" ? {} : refuse("GET request cannot have a body.");
  if (type === null) return text === "" ? {} : refuse(`${method} request cannot have a body.`);
  if (text === "") refuse(`Empty ${method} request.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuse("An error occurred when deserializing the json body of a request: invalid JSON.");
  }
  const wrong = complaint(FACTS, type, value);
  if (wrong !== null)
    refuse(`An error occurred when deserializing the json body of a request: ${wrong}.`);
  return value as Body;
}
