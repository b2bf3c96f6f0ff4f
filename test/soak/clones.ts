/**
 * Machines from one template draw randomness, and none may draw what another drew:
 * `node test/soak/clones.ts COUNT IMAGE [--out FILE]`.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import {
  createProviders,
  type IsolationProvider,
  type SandboxSpec,
} from "../../src/isolation/index.ts";

/** What each machine draws from, in the order of its words; the last word is its time. */
export const SOURCES = ["urandom", "addresses", "Math.random", "crypto", "Python"] as const;

export interface Draw {
  /** One for each of {@link SOURCES}. */
  readonly words: readonly string[];
  /** By the machine's clock, milliseconds since 1970. */
  readonly ms: number;
}

const DRAW = [
  "/ccos/node -e '" +
    'const fs = require("node:fs"), crypto = require("node:crypto");' +
    'const file = fs.openSync("/dev/urandom", "r"), bytes = Buffer.alloc(8); fs.readSync(file, bytes);' +
    'const auxv = fs.readFileSync("/proc/self/auxv").toString("hex");' +
    'console.log(bytes.toString("hex"), crypto.hash("sha1", auxv), Math.random(), crypto.randomUUID())' +
    "'",
  "python3 -c 'import random, time; print(random.random(), int(time.time() * 1000))'",
].join(" && ");

/** One machine, from its start to its end. */
export async function drawOnce(provider: IsolationProvider, spec: SandboxSpec): Promise<Draw> {
  const session = await provider.open(spec);
  try {
    const program = { kind: "external", argv: ["sh", "-c", DRAW], channel: false } as const;
    const execution = await session.execute(program, AbortSignal.any([]));
    execution.stdin.end();
    let text = "";
    for (const stream of [execution.stdout, execution.stderr])
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const ending = await execution.ending;
    const words = text.trim().split(/\s+/);
    if (ending.kind !== "exited" || ending.status !== 0 || words.length !== SOURCES.length + 1)
      throw new Error(`${JSON.stringify(ending)}: ${text}`);
    return { words: words.slice(0, -1), ms: Number(words.at(-1)) };
  } finally {
    await session.close();
  }
}

/** How many different words came from each source. */
export function distinct(draws: readonly Draw[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    SOURCES.map((name, at) => [name, new Set(draws.map(({ words }) => words[at])).size]),
  );
}

const MIB = 1024 * 1024;

async function main([count, imageDir = "", ...rest]: readonly string[]): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), "ccos-clones-"));
  try {
    const only = ["microvm/qemu"];
    const [provider] = createProviders({ nodePath: process.execPath, stateDir, imageDir, only });
    if (provider === undefined) throw new Error("there is no such wall");
    const limits = { wallMs: 120_000, cpuMs: 120_000, memoryBytes: 256 * MIB, pidsMax: 64 };
    const spec: SandboxSpec = {
      limits: { ...limits, outputBytes: MIB, diskBytes: 4 * MIB },
      files: [],
      binds: [],
      environment: {},
      sockets: false,
    };
    const draws: Draw[] = [];
    for (let clone = 0; clone < Number(count); clone++) draws.push(await drawOnce(provider, spec));
    const date = new Date().toISOString();
    const machine = { cpu: cpus()[0]?.model, kernel: release(), node: process.version };
    const result = { clones: draws.length, distinct: distinct(draws) };
    const text = `${JSON.stringify({ name: "soak-clones", date, machine, ...result }, null, 2)}\n`;
    const out = rest[rest.indexOf("--out") + 1];
    if (rest.includes("--out") && out !== undefined) writeFileSync(out, text);
    process.stdout.write(text);
    const isSame = Object.values(result.distinct).some((each) => each < draws.length);
    process.exitCode = isSame ? 1 : 0;
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

if (import.meta.main) await main(process.argv.slice(2));
