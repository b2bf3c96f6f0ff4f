/**
 * The wasm walls: a program inside a WebAssembly engine, in a process of its own, inside another wall.
 *
 * Read in this order: createWasm, lowered. The program never sees Node: a module has its own memory and the
 * imports of docs/WASM-ABI.md, a script or the RTFS evaluator runs in QuickJS, which is itself a module. Who breaks
 * out of the engine stands in the outer wall, as a guest of it: that wall gives the process, its limits, its
 * clock and its end. Programs get no files, no sockets and no environment of the outer wall.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { readBounded } from "../../host/index.ts";
import type {
  IsolationProvider,
  Probe,
  SandboxFile,
  SandboxProgram,
  SandboxSpec,
  Session,
} from "../provider.ts";

export interface WasmOptions {
  /** The wall around the engine; it must run our own Node as an `rtfs` guest. */
  readonly outer: IsolationProvider;
  readonly strength: number;
  /** Where the built guests are. */
  readonly guestDir: string;
}

/** What a language other than JavaScript lacks here. */
const WITHOUT_LANGUAGES = new Map([
  ["python", "no CPython for WebAssembly is kept well enough to ship (docs/adr/0014-wasm-wall.md)"],
  ["shell", "a shell is made of processes, and there are none inside"],
] as const);

const ENGINE = "quickjs.wasm";
const HOST = "vm.cjs";
const PRELUDE = "vm-prelude.cjs";
const FILES = [HOST, PRELUDE, ENGINE] as const;
const FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Of Node's thread, KiB: the engine's recursion takes it too. Below the wall's 8 MiB. */
const STACK_KIB = 7_000;
const MIB = 1024 * 1024;
/** The engine itself takes 5 MiB of it. */
const MEMORY_BYTES_MIN = 16 * MIB;

type Engine = ReadonlyMap<string, Uint8Array>;

/** `wasm/…` inside `outer`: wasm/bubblewrap, wasm/node-permission. */
export function createWasm({ outer, strength, guestDir }: WasmOptions): IsolationProvider {
  let loading: Promise<Engine | null> | null = null;
  const load = (): Promise<Engine | null> => (loading ??= loadEngine(guestDir));
  return {
    name: outer.name.replace(/^[a-z]+/, "wasm"),
    strength,
    runs: new Set(["rtfs", "bytecode", "script"] as const),
    withoutLanguages: WITHOUT_LANGUAGES,
    sockets: false,
    probe: async () => probe(await load(), await outer.probe()),
    open: async (spec) => {
      checkSpec(spec);
      const engine = await load();
      if (engine === null) throw unavailable("its engine is not there", "Run `npm run build`");
      const session = await outer.open({ ...spec, environment: {} });
      return insideOf(session, spec, engine);
    },
  };
}

function probe(engine: Engine | null, outer: Probe): Probe {
  if (engine === null)
    return { kind: "missing", what: [ENGINE], hint: "Run `npm run build` to make the engine" };
  if (outer.kind === "missing") return outer;
  const digest = createHash("sha256");
  for (const content of engine.values()) digest.update(content);
  const version = `engine ${digest.digest("hex").slice(0, 12)} in ${outer.version}`;
  return { kind: "ready", version };
}

async function loadEngine(guestDir: string): Promise<Engine | null> {
  const engine = new Map<string, Uint8Array>();
  for (const name of FILES) {
    const content = await readBounded(join(guestDir, name), FILE_BYTES_MAX);
    if (!content.ok) return null;
    engine.set(name, content.value);
  }
  return engine;
}

function checkSpec(spec: SandboxSpec): void {
  if (spec.sockets) throw unavailable("there are no sockets inside");
  if (spec.binds.length > 0 || spec.files.length > 0)
    throw unavailable("there are no files inside");
}

function unavailable(why: string, fix?: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: "Cannot run this program behind a wasm wall",
    why,
    fix: fix ?? "Let the program ask its capabilities, or use a process wall: `ccos doctor`",
  });
}

function insideOf(session: Session, spec: SandboxSpec, engine: Engine): Session {
  return {
    execute: async (program, signal) => {
      const lowering = jobOf(program);
      if (lowering === null) {
        await session.close();
        throw unavailable(`there is no engine for a program of kind ${program.kind}`);
      }
      return await session.execute(lowered(lowering, spec, engine), signal);
    },
    close: () => session.close(),
  };
}

/** What the process inside is told; guest/vm.ts reads it. */
interface Job {
  readonly kind: "module" | "script";
  readonly program: SandboxFile;
  readonly preludes: readonly SandboxFile[];
  readonly args: readonly string[];
}

function jobOf(program: SandboxProgram): Job | null {
  if (program.kind === "bytecode")
    return { kind: "module", program: program.module, preludes: [], args: program.args };
  if (program.kind === "rtfs") {
    // The evaluator itself; what starts it is V8's.
    const evaluator = program.beside.find(({ path }) => path.endsWith(".cjs")) ?? program.guest;
    return { kind: "script", program: evaluator, preludes: [], args: [] };
  }
  if (program.kind !== "script" || program.language !== "javascript") return null;
  const { source, beside, args } = program;
  return { kind: "script", program: source, preludes: beside, args };
}

/** The process of the engine, as a guest of the outer wall. */
function lowered(
  { kind, program, preludes, args }: Job,
  { limits, environment }: SandboxSpec,
  engine: Engine,
): SandboxProgram {
  const ours = (name: string): SandboxFile => ({
    path: `/ccos/${name}`,
    content: engine.get(name) ?? new Uint8Array(),
    executable: false,
  });
  // Names of their own: whatever the program is called, it stands for none of our files.
  const theirs = [program, ...preludes].map((file, index) => ({
    ...file,
    path: `/ccos/program-${index}-${nameOf(file)}`,
  }));
  const [programName = "", ...preludeNames] = theirs.map(({ path }) => path.slice("/ccos/".length));
  const job = {
    kind,
    program: programName,
    name: nameOf(program),
    preludes: kind === "script" ? [PRELUDE, ...preludeNames] : [],
    args,
    environment,
    // The outer wall counts its process too, and ends it first; a memory alone grows no further than this.
    memoryBytes: Math.max(MEMORY_BYTES_MIN, limits.memoryBytes),
  };
  const content = new TextEncoder().encode(JSON.stringify(job));
  const jobFile = { path: "/ccos/vm-job.json", content, executable: false };
  const needed = kind === "script" ? [ours(PRELUDE), ours(ENGINE)] : [];
  return {
    kind: "rtfs",
    guest: ours(HOST),
    beside: [jobFile, ...theirs, ...needed],
    stackKiB: STACK_KIB,
  };
}

/** The last part of its path, of plain characters. */
function nameOf({ path }: SandboxFile): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(-64);
}
