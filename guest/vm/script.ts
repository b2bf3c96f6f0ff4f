/**
 * A script, or the RTFS evaluator, inside the QuickJS engine: its whole world is the host functions below.
 *
 * Read in this order: runScript, hostFunctions. Descriptors 0 to 3 are the process's own, whatever the script asks for
 * otherwise is an error. Nothing here decides: the gate behind descriptor 3 does.
 *
 * @module
 */
import { readSome, rest, writeAll } from "../io/blocking.ts";
import { type Argument, type HostFunction, ProgramError, QuickJs } from "./quickjs.ts";

export interface ScriptJob {
  /** Compiled from quickjs.wasm with a bounded memory. */
  readonly engine: WebAssembly.Module;
  readonly heapBytes: number;
  /** Run in this order before the script. */
  readonly preludes: readonly ScriptSource[];
  readonly script: ScriptSource;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface ScriptSource {
  readonly name: string;
  readonly source: Uint8Array;
}

const READ_BYTES_MAX = 1024 * 1024;
const STATUS_UNCAUGHT = 1;

/** @returns The exit status. What the script throws is told on stderr. */
export function runScript({ preludes, script, ...job }: ScriptJob): number {
  const vm = new QuickJs({
    module: job.engine,
    heapBytes: job.heapBytes,
    functions: hostFunctions(job),
  });
  try {
    for (const { name, source } of preludes) vm.run(enclosed(source), name);
    vm.runAsync(script.source, script.name);
    for (let waitMs = 0; waitMs >= 0; ) {
      vm.settle();
      if (waitMs > 0) rest(waitMs);
      waitMs = vm.numberOf("ccosNextTimer()");
    }
    return vm.numberOf("Number(process.exitCode) | 0") & 255;
  } catch (cause) {
    if (!(cause instanceof ProgramError) && !isEngineTrap(cause)) throw cause;
    writeAll(2, new TextEncoder().encode(`Uncaught ${cause.message}\n`));
    return STATUS_UNCAUGHT;
  }
}

/** In a scope of its own: its names are not the script's. */
function enclosed(source: Uint8Array): string {
  return `(function () {${new TextDecoder().decode(source)}\n})()`;
}

/** The engine itself broke under the script (its stack or memory ended): the engine is given up with its process. */
function isEngineTrap(cause: unknown): cause is Error {
  return cause instanceof RangeError || cause instanceof WebAssembly.RuntimeError;
}

function hostFunctions({
  argv,
  environment,
}: Pick<ScriptJob, "argv" | "environment">): ReadonlyMap<string, HostFunction> {
  return new Map<string, HostFunction>([
    ["hostRead", (fd, length) => read(fd, length)],
    ["hostWrite", (fd, bytes) => writeAll(descriptor(fd, [1, 2, 3]), bytesOf(bytes))],
    ["hostUtf8", (text) => new TextEncoder().encode(String(text))],
    ["hostText", (bytes) => new TextDecoder().decode(bytesOf(bytes))],
    ["hostExit", (status) => process.exit(Number(status ?? 0) & 255)],
    ["hostJob", () => JSON.stringify({ argv, environment })],
  ]);
}

function read(fd: Argument, length: Argument): Uint8Array {
  const size = typeof length === "number" && length > 0 ? Math.min(length, READ_BYTES_MAX) : 0;
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, readSome(descriptor(fd, [0, 3]), bytes, 0, size));
}

function descriptor(fd: Argument, allowed: readonly number[]): number {
  const found = allowed.find((each) => each === fd);
  if (found === undefined) throw new ProgramError(`descriptor ${String(fd)} is not open for this`);
  return found;
}

function bytesOf(value: Argument): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new ProgramError("bytes are expected");
}
