/**
 * The wasm walls: an instance of a compiled module, an engine that is ready, a wall that answers, and what computing costs.
 *
 *   npm run build && node --stack-size=7000 bench/wasm.ts [ROUNDS] [--json FILE]
 *
 * Inside this warm process: a plain module and QuickJS from compiled modules, as guest/vm.ts makes them. Then whole walls,
 * from open to close, each in every round, beside a bare Node. Medians, and ratios inside this run only.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boundModule } from "../guest/vm/bound-module.ts";
import { QuickJs } from "../guest/vm/quickjs.ts";
import { createProviders, type SandboxProgram, type SandboxSpec } from "../src/isolation/index.ts";
import { encodeFrame } from "../src/foundation/framing.ts";
import { assemble, constant } from "../test/wasm/assemble.ts";
import { elapsedMs, interleaved, markLine, median, table, writeResults } from "./lib/stats.ts";

const rounds = Number(process.argv[2] ?? 15) || 15;
const root = join(import.meta.dirname, "..");
const INSTANCES = 20;
const BOUNDS = { memoryPagesMax: 4_096, tableElementsMax: 100_000 };

const small = assemble({ memory: [1], results: ["i32"], code: constant(42) });
const engineBytes = boundModule(
  readFileSync(join(root, "node_modules/quickjs-wasi/quickjs.wasm")),
  BOUNDS,
);
const plain = new WebAssembly.Module(boundModule(small, BOUNDS));
const engine = new WebAssembly.Module(engineBytes);

function newEngine(): QuickJs {
  return new QuickJs({ module: engine, heapBytes: 128 * 1024 * 1024, functions: new Map() });
}

function callPlain(): void {
  const { exports } = new WebAssembly.Instance(plain, {});
  if ((exports["main"] as () => number)() !== 42) throw new Error("the module gave another number");
}

/** Milliseconds of one, from several in a row. */
async function each(action: () => unknown): Promise<number> {
  const all = await elapsedMs(() => {
    for (let count = 0; count < INSTANCES; count++) action();
  });
  return all / INSTANCES;
}

const fib = (n: number): number => (n < 2 ? n : fib(n - 1) + fib(n - 2));
const FIB = "(function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); })(22)";
const inside = {
  "instance of a compiled module, first call": () => each(callPlain),
  "bounding and compiling a small module": () =>
    each(() => new WebAssembly.Module(boundModule(small, BOUNDS))),
  "QuickJS from its compiled module": () => each(newEngine),
  "fib(22) in QuickJS": async () => {
    const vm = newEngine();
    return await elapsedMs(() => vm.run(FIB, "fib.js"));
  },
  "fib(22) in V8": () => elapsedMs(() => fib(22)),
};

const stateDir = mkdtempSync(join(tmpdir(), "ccos-bench-"));
const SPEC: SandboxSpec = {
  limits: {
    wallMs: 30_000,
    cpuMs: 30_000,
    memoryBytes: 512 * 1024 * 1024,
    pidsMax: 64,
    outputBytes: 1024 * 1024,
    diskBytes: 64 * 1024 * 1024,
  },
  files: [],
  binds: [],
  environment: {},
  sockets: false,
};
const file = (name: string, content: Uint8Array) => ({
  path: `/work/${name}`,
  content,
  executable: false,
});
const script: SandboxProgram = {
  kind: "script",
  language: "javascript",
  source: file("agent.js", new TextEncoder().encode("console.log(42)")),
  beside: [],
  args: [],
  channel: false,
};
const module: SandboxProgram = { kind: "bytecode", module: file("agent.wasm", small), args: [] };

async function walled(name: string, program: SandboxProgram): Promise<void> {
  const [provider] = createProviders({ nodePath: process.execPath, stateDir, only: [name] });
  if (provider === undefined) throw new Error(`no provider ${name}`);
  const session = await provider.open(SPEC);
  const execution = await session.execute(program, new AbortController().signal);
  const hello = { type: "hello", version: 1, session: "", image: "" };
  if (program.kind === "bytecode") execution.channel?.writable.write(encodeFrame(hello));
  execution.channel?.readable.resume();
  execution.stdin.end();
  execution.stdout.resume();
  execution.stderr.resume();
  const ending = await execution.ending;
  if (ending.kind !== "exited" || ending.status !== 0)
    throw new Error(`${name}: ${JSON.stringify(ending)}`);
  await session.close();
}

const walls = {
  "node -e 0, bare": () => void execFileSync(process.execPath, ["-e", "0"]),
  "process/bubblewrap, a script": () => walled("process/bubblewrap", script),
  "wasm/bubblewrap, the script": () => walled("wasm/bubblewrap", script),
  "wasm/node-permission, the script": () => walled("wasm/node-permission", script),
  "wasm/bubblewrap, a module": () => walled("wasm/bubblewrap", module),
  "wasm/node-permission, a module": () => walled("wasm/node-permission", module),
};

const contenders = [
  ...Object.entries(inside).map(([name, round]) => ({ name, round })),
  ...Object.entries(walls).map(([name, start]) => ({ name, round: () => elapsedMs(start) })),
];
await interleaved(contenders, 1);
const times = await interleaved(contenders, rounds);
rmSync(stateDir, { recursive: true, force: true });
const ms = (name: string): number => median(times.get(name) ?? []);
const mark = {
  name: "an instance of a compiled module in a warm process, ms",
  value: ms("instance of a compiled module, first call"),
  limit: 0.5,
  atLeast: false,
};
const ratios = {
  "fib(22), QuickJS / V8": ms("fib(22) in QuickJS") / ms("fib(22) in V8"),
  "a script: wasm/bubblewrap / process/bubblewrap":
    ms("wasm/bubblewrap, the script") / ms("process/bubblewrap, a script"),
};
const text = [
  table(
    ["what", "median ms"],
    [...times.keys()].map((name) => [name, ms(name).toPrecision(3)]),
  ),
  table(
    ["ratio", "value"],
    Object.entries(ratios).map(([name, value]) => [name, value.toFixed(2)]),
  ),
  markLine(mark),
];
process.stdout.write(`${text.join("\n\n")}\n`);
writeResults("wasm", {
  rounds,
  medians: Object.fromEntries([...times.keys()].map((name) => [name, ms(name)])),
  ratios,
  marks: [mark],
});
