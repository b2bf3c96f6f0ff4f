/**
 * A strict stand-in for Cloud Hypervisor's API, as firecracker-server.ts is for Firecracker's: contract, not Cloud
 * Hypervisor.
 *
 * @module
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
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

const FACTS = readFacts("cloud-hypervisor");
const BODY_BYTES_MAX = 51_200;

interface VmConfig {
  readonly payload: {
    readonly kernel?: string;
    readonly initramfs?: string;
    readonly cmdline?: string;
  };
  readonly cpus?: {
    readonly boot_vcpus: number;
    readonly max_vcpus: number;
    readonly topology?: { readonly [key: string]: number };
  };
  readonly memory?: { readonly size: number };
  readonly disks?: readonly { readonly id?: string; readonly path?: string }[];
  readonly vsock?: { readonly cid: number; readonly socket: string };
  readonly landlock_enable?: boolean;
  readonly landlock_rules?: readonly { readonly path: string; readonly access: string }[];
}

export interface CloudHypervisorOptions {
  readonly socket: string;
  readonly boot?: (world: GuestWorld) => void;
  /** Boots a real guest instead. */
  readonly start?: (machine: BootedMachine) => Promise<void>;
  /** The monitor was asked to end. */
  readonly ended?: () => void;
}

export async function serveCloudHypervisor(
  options: CloudHypervisorOptions,
): Promise<MonitorServer & { state(): string }> {
  const machine = new Machine(options);
  const server = await serveMonitor({
    socket: options.socket,
    bodyBytesMax: BODY_BYTES_MAX,
    handle: (request) => machine.handle(request),
    refusalBody: (message) => [message],
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

const refuse = (status: number, message: string): never => {
  throw new Refusal(status, message);
};

class Machine {
  state: "None" | "Created" | "Running" | "Paused" | "Shutdown" = "None";
  guest: FakeGuest | null = null;
  #config: VmConfig | null = null;
  readonly #options: CloudHypervisorOptions;

  constructor(options: CloudHypervisorOptions) {
    this.#options = options;
  }

  async handle({ method, path, body }: MonitorRequest): Promise<MonitorAnswer> {
    const found = callOf(FACTS, method, path);
    if (found === null) return refuse(404, `no such call: ${method} ${path}`);
    const { call } = found;
    let value: unknown = null;
    if (call.body === null) {
      if (body !== "") refuse(400, "the call takes no body");
    } else {
      try {
        value = JSON.parse(body);
      } catch {
        refuse(400, "Error parsing the request: invalid JSON");
      }
      const wrong = complaint(FACTS, call.body, value);
      if (wrong !== null) refuse(400, `Error parsing the request: ${wrong}`);
    }
    return (await this.#obey(path.replace("/api/v1/", ""), value)) ?? { status: 204 };
  }

  async #obey(verb: string, value: unknown): Promise<MonitorAnswer | null> {
    switch (verb) {
      case "vmm.ping":
        return {
          status: 200,
          body: { build_version: "v48.0", version: "48.0.0", pid: 7, features: [] },
        };
      case "vm.info":
        if (this.#config === null) refuse(404, "The VM is not created");
        return { status: 200, body: { config: this.#config, state: this.state } };
      case "vm.create":
        return this.#create(value as VmConfig);
      case "vm.boot":
        return await this.#boot();
      case "vm.pause":
        return this.#turn("Running", "Paused");
      case "vm.resume":
        return this.#turn("Paused", "Running");
      case "vm.snapshot":
        return this.#snapshot((value as { destination_url?: string }).destination_url ?? "");
      case "vm.restore":
        return await this.#restore(value as { source_url: string; resume?: boolean });
      case "vm.shutdown":
        if (this.#config === null) refuse(404, "The VM is not created");
        this.state = "Shutdown";
        return null;
      case "vm.delete":
        this.#config = null;
        this.state = "None";
        return null;
      case "vmm.shutdown":
        this.#options.ended?.();
        return null;
      default:
        return refuse(404, `contract server: ${verb} is in the contract and not served here`);
    }
  }

  #create(config: VmConfig): null {
    if (this.#config !== null) refuse(409, "The VM is already created");
    const { cpus, memory, payload, disks, vsock, landlock_rules: rules } = config;
    if (payload.kernel === undefined || !existsSync(payload.kernel))
      refuse(400, "the kernel is missing");
    if (cpus !== undefined && cpus.boot_vcpus > cpus.max_vcpus)
      refuse(400, "boot_vcpus is over max_vcpus");
    const product = Object.values(cpus?.topology ?? { one: cpus?.max_vcpus ?? 1 }).reduce(
      (a, b) => a * b,
      1,
    );
    if (product !== (cpus?.max_vcpus ?? 1)) refuse(400, "the topology does not make max_vcpus");
    if ((memory?.size ?? 0) % (2 * 1024 * 1024) !== 0) refuse(400, "the memory is not aligned");
    for (const { path } of disks ?? [])
      if (path === undefined || !existsSync(path)) refuse(400, `no such disk: ${path}`);
    const ids = (disks ?? []).map((each) => each.id);
    if (new Set(ids).size !== ids.length) refuse(400, "an identifier is not unique");
    if (vsock !== undefined && (vsock.cid > 4_294_967_294 || !isAbsolute(vsock.socket)))
      refuse(400, "the vsock's cid or socket is not valid");
    for (const { path, access } of rules ?? []) {
      if (!existsSync(path)) refuse(400, `Landlock cannot open ${path}`);
      if (!/^(?:r|w|rw)$/.test(access)) refuse(400, `no such access: ${access}`);
    }
    this.#config = config;
    this.state = "Created";
    return null;
  }

  async #boot(): Promise<null> {
    if (this.#config === null) return refuse(404, "The VM is not created");
    if (this.state !== "Created") refuse(409, "The VM is already booted");
    this.state = "Running";
    await this.#bootGuest(this.#config);
    return null;
  }

  async #bootGuest({ payload, cpus, memory, disks, vsock }: VmConfig): Promise<void> {
    if (vsock === undefined) return;
    const { start } = this.#options;
    if (start !== undefined) {
      await start({
        kernel: payload.kernel ?? "",
        initrd: payload.initramfs ?? null,
        line: payload.cmdline ?? "",
        drives: (disks ?? []).map(({ path }) => path ?? ""),
        memoryMib: (memory?.size ?? 0) / (1024 * 1024),
        vcpus: cpus?.boot_vcpus ?? 1,
        vsock: vsock.socket,
        cid: vsock.cid,
        endsByReset: false,
      });
      return;
    }
    this.guest = await fakeGuest(vsock.socket, (world) => this.#options.boot?.(world));
  }

  #turn(from: Machine["state"], to: Machine["state"]): null {
    if (this.#config === null) refuse(404, "The VM is not created");
    if (this.state !== from) refuse(405, `The VM is not ${from}`);
    this.state = to;
    return null;
  }

  #snapshot(url: string): null {
    if (this.#config === null) refuse(404, "The VM is not created");
    if (this.state !== "Paused") refuse(405, "The VM is not paused");
    const directory = directoryOf(url);
    if (!existsSync(dirname(directory))) refuse(404, "no such directory");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "config.json"), JSON.stringify(this.#config));
    return null;
  }

  async #restore({
    source_url: url,
    resume,
  }: {
    source_url: string;
    resume?: boolean;
  }): Promise<null> {
    if (this.#config !== null) refuse(409, "The VM is already created");
    if (!existsSync(join(directoryOf(url), "config.json"))) refuse(404, "no such snapshot");
    this.#config = { payload: {} };
    this.state = resume === true ? "Running" : "Paused";
    return null;
  }
}

function directoryOf(url: string): string {
  return /^file:\/\/(\/.+)$/.exec(url)?.[1] ?? refuse(400, `no file URL: ${url}`);
}
