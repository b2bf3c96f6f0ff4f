/**
 * The contract of a wall: probe, measure, open a session, run one program in it, close it.
 *
 * Closed unions, units in names, fail closed: a provider that cannot give what a spec asks throws
 * `ISOLATION_UNAVAILABLE` before anything runs. The same contract suite runs over every provider
 * (test/contract/isolation.test.ts), the same escapes in `ccos doctor` and in tests (measure.ts).
 *
 * @module
 */
import type { Readable, Writable } from "node:stream";
import type { JsonObject } from "../foundation/json.ts";

/** One property a wall may hold. Each has an attempted escape and an allowed twin in measure.ts. */
export const GUARANTEES = [
  "network",
  "loopback",
  "dns",
  "unix-sockets",
  "files-read",
  "files-write",
  "environment",
  "descriptors",
  "processes",
  "kernel-surface",
  "memory",
  "cpu",
  "pids",
  "disk",
  "wall-clock",
  "output",
  "tree-gone",
  "tree-gone-after-supervisor-kill",
] as const;
export type Guarantee = (typeof GUARANTEES)[number];

/** The result of one escape attempt next to its allowed twin. */
export interface Measurement {
  readonly guarantee: Guarantee;
  /** `held`: the escape failed and the twin worked. `not-measured`: the twin failed or nothing ran. */
  readonly verdict: "held" | "not-held" | "not-measured";
  /** What was tried and what was seen, one line. */
  readonly evidence: string;
}

export type Probe =
  | { readonly kind: "ready"; readonly version: string }
  | { readonly kind: "missing"; readonly what: readonly string[]; readonly hint: string };

export interface SandboxLimits {
  /** Wall clock of one execution, milliseconds. */
  readonly wallMs: number;
  /** CPU time of the whole program, milliseconds (rounded up to seconds where the kernel counts so). */
  readonly cpuMs: number;
  readonly memoryBytes: number;
  readonly pidsMax: number;
  /** stdout and stderr together, bytes. */
  readonly outputBytes: number;
  /** Size of the writable tmpfs, bytes. */
  readonly diskBytes: number;
}

/** A read-only file that exists inside the wall with exactly this content. */
export interface SandboxFile {
  /** Absolute inside the wall, below /work or /ccos. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable: boolean;
}

/** A host directory or Unix socket made visible inside. Sockets are reachable, not listable. */
export interface SandboxBind {
  readonly source: string;
  readonly target: string;
  readonly kind: "directory" | "socket";
}

export interface SandboxSpec {
  readonly limits: SandboxLimits;
  readonly files: readonly SandboxFile[];
  readonly binds: readonly SandboxBind[];
  readonly environment: Readonly<Record<string, string>>;
  /** Whether the guest may create Unix and loopback sockets (needed for the proxy and capability socket). */
  readonly sockets: boolean;
  /**
   * Where the host does not see the program's own processes, those of the wall carry this word in their command
   * lines: letters, digits and `-`, at most 64. Absent: none.
   */
  readonly label?: string;
}

/** Languages of scripts: Node or the QuickJS engine, `python3 -I`, `sh`. */
export const SCRIPT_LANGUAGES = ["javascript", "python", "shell"] as const;
export type ScriptLanguage = (typeof SCRIPT_LANGUAGES)[number];

export type SandboxProgram =
  /** The bundled RTFS guest, on the Node that runs us; control channel on fd 3. `beside`: what else it may read. */
  | {
      readonly kind: "rtfs";
      readonly guest: SandboxFile;
      readonly beside: readonly SandboxFile[];
      readonly stackKiB: number;
    }
  /** Any program. argv[0] is looked up inside the wall. Control channel on fd 3 when asked. */
  | { readonly kind: "external"; readonly argv: readonly string[]; readonly channel: boolean }
  /** A WebAssembly module under docs/WASM-ABI.md, which makes its calls over the channel on fd 3. */
  | { readonly kind: "bytecode"; readonly module: SandboxFile; readonly args: readonly string[] }
  /** A script for the interpreter of its language inside. Control channel on fd 3 when asked. */
  | {
      readonly kind: "script";
      readonly language: ScriptLanguage;
      readonly source: SandboxFile;
      /** Libraries of the control channel; a script in JavaScript loads them first. */
      readonly beside: readonly SandboxFile[];
      readonly args: readonly string[];
      readonly channel: boolean;
    };

/** How a program ended. A timeout is an ending, not an exception. */
export type Ending =
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "signaled"; readonly signal: string }
  | { readonly kind: "killed"; readonly by: "timeout" | "memory" | "cpu" | "output" | "cancelled" };

/** What the host itself saw a wall use, everything inside it counted. Null: it was not seen. */
export interface Usage {
  readonly cpuMs: number | null;
  /** With `process-tree` the largest sample, which may have missed a short peak. */
  readonly memoryBytesPeak: number | null;
  readonly meter: "control-group" | "process-tree";
  /**
   * Bytes that the devices of the wall's own network moved, without its loopback: whatever is not 0 went around the
   * host. The largest sample; null: the wall has no network of its own, or nobody could look.
   */
  readonly strayBytes: number | null;
}

export interface Execution {
  /** Duplex control channel (fd 3 of the guest), or null. */
  readonly channel: { readonly readable: Readable; readonly writable: Writable } | null;
  readonly stdin: Writable;
  /** Capped at `outputBytes` together with stderr; going over kills the program. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ending: Promise<Ending>;
  /** Up to now, or to the end; null where nothing is metered. */
  usage(): Usage | null;
  /**
   * Count the wall clock anew: a program that waited gets its task now.
   *
   * @returns False when it has ended, or is being ended.
   */
  restartClock(): boolean;
}

/** Single-tenant, single-use: one program, then closed. */
export interface Session {
  /**
   * @throws {CcosError} `PROVIDER_CRASHED` when the wall cannot be raised; nothing of the program ran. A
   *   wall that breaks while it rises rejects `ending` with the same code. `INPUT_NOT_FOUND` when the
   *   command is not visible inside, `CANCELLED` when the signal was aborted before.
   */
  execute(program: SandboxProgram, signal: AbortSignal): Promise<Execution>;
  /** The whole process tree is gone when this resolves. Idempotent. */
  close(): Promise<void>;
}

/** What is different about a wall with a kernel of its own, for whoever waits for it, attacks it or records it. */
export interface MachineWall {
  /** How many times longer than on this host a program may take. */
  readonly pace: number;
  /** Directory of the image that boots. */
  readonly imageDir: string;
  /**
   * Measure what will boot. From then on the provider boots nothing else.
   *
   * @returns Facts for the run's first record.
   * @param spec - Of the program: the machine is made for its limits, and the directories it is shown are measured.
   * @throws {CcosError} `ISOLATION_UNAVAILABLE` when a part is not what its lock or the config says.
   */
  attest(spec: Pick<SandboxSpec, "limits" | "binds">): Promise<JsonObject>;
}

export interface IsolationProvider {
  /** The kind of wall and how it is raised, as `process/bubblewrap` or `wasm/node-permission`. */
  readonly name: string;
  /** Rank in selection: the higher, the stronger. */
  readonly strength: number;
  readonly runs: ReadonlySet<SandboxProgram["kind"]>;
  /** Languages of scripts that it does not run, and why. Absent: it runs scripts of all, if it runs any. */
  readonly withoutLanguages?: ReadonlyMap<ScriptLanguage, string>;
  /** Whether it can grant Unix and loopback sockets and still hold the network. */
  readonly sockets: boolean;
  /** A wall with a kernel of its own. Absent: programs share this host's. */
  readonly machine?: MachineWall;
  /** Look without leaving a trace: under 500 ms on an idle host, no file written, no process left. */
  probe(): Promise<Probe>;
  /** Take the version that a probe of this boot gave, so that what it found out is not tried again. */
  recall?(version: string): void;
  /** @throws {CcosError} `ISOLATION_UNAVAILABLE` when the spec asks what this wall cannot hold. */
  open(spec: SandboxSpec): Promise<Session>;
}
