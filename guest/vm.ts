/**
 * The process of the wasm wall: one program inside one engine, then the end.
 *
 * Beside it lies `vm-job.json`, which says what to run and how much it may have. A module runs under the ABI of
 * docs/WASM-ABI.md, a script and the RTFS evaluator inside QuickJS, itself a module. Around this process stands another
 * wall; what breaks the engine is still inside of that one. Exit: the script's own status; 0 after a
 * module's result; 70 for anything unexpected.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CallChannel } from "./io/channel.ts";
import { writeAll } from "./io/blocking.ts";
import { boundModule } from "./vm/bound-module.ts";
import { runModule } from "./vm/plain-module.ts";
import { runScript } from "./vm/script.ts";

/** Written by src/isolation/providers/wasm.ts. */
interface VmJob {
  readonly kind: "module" | "script";
  /** What errors call the program. */
  readonly name: string;
  /** Names of files beside this one. */
  readonly program: string;
  readonly preludes: readonly string[];
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What the program's memory may grow to, bytes. */
  readonly memoryBytes: number;
}

const PAGE_BYTES = 65_536;
/** What 32 bits address. */
const MEMORY_BYTES_MAX = 65_536 * PAGE_BYTES;
const TABLE_ELEMENTS_MAX = 100_000;
/** Between what QuickJS gives out and the end of its memory: its C stack and its own data. */
const ENGINE_BYTES = 5 * 1024 * 1024;

const beside = (name: string): Uint8Array<ArrayBuffer> => readFileSync(join(__dirname, name));

function run(job: VmJob): number {
  const memoryBytes = Math.min(job.memoryBytes, MEMORY_BYTES_MAX);
  const bounds = {
    memoryPagesMax: Math.floor(memoryBytes / PAGE_BYTES),
    tableElementsMax: TABLE_ELEMENTS_MAX,
  };
  const { args, environment } = job;
  if (job.kind === "module") {
    const channel = new CallChannel(environment["CCOS_SESSION"] ?? "");
    channel.open();
    channel.send(runModule({ bytes: beside(job.program), args, bounds, channel }));
    return 0;
  }
  return runScript({
    engine: new WebAssembly.Module(boundModule(beside("quickjs.wasm"), bounds)),
    heapBytes: memoryBytes - ENGINE_BYTES,
    preludes: job.preludes.map((name) => ({ name, source: beside(name) })),
    script: { name: job.name, source: beside(job.program) },
    argv: ["ccos", job.name, ...args],
    environment,
  });
}

try {
  process.exitCode = run(JSON.parse(new TextDecoder().decode(beside("vm-job.json"))) as VmJob);
} catch (error) {
  process.exitCode = 70;
  const why = error instanceof Error ? error.message : "unknown";
  writeAll(2, new TextEncoder().encode(`The engine failed: ${why}\n`));
}
