/** One program in one wasm wall, with a host that plays a part on the control channel. */
import { tmpdir } from "node:os";
import type { Readable } from "node:stream";
import { encodeFrame, FrameReader } from "../../src/foundation/framing.ts";
import type { JsonValue } from "../../src/foundation/json.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createProviders,
  type Ending,
  type IsolationProvider,
  type SandboxLimits,
  type SandboxProgram,
} from "../../src/isolation/index.ts";

const MIB = 1024 * 1024;
const GUESTS = join(import.meta.dirname, "..", "..", "dist", "guest");

/** The wall that needs no system package but util-linux. */
export function wasmWall(name = "wasm/node-permission"): IsolationProvider {
  const options = { nodePath: process.execPath, stateDir: tmpdir(), only: [name] };
  const [provider] = createProviders(options);
  if (provider === undefined) throw new Error(`There is no wall ${name}`);
  return provider;
}

export interface Ran {
  readonly ending: Ending;
  readonly out: string;
  readonly error: string;
  /** What the program sent over the channel, as JSON; or why the host stopped reading. */
  readonly frames: readonly JsonValue[];
  readonly refused: string | null;
}

export interface Part {
  readonly limits?: Partial<SandboxLimits>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Answers a call; the host says hello before. */
  readonly answer?: (call: { readonly id: number }) => object;
}

const LIMITS: SandboxLimits = {
  wallMs: 30_000,
  cpuMs: 30_000,
  memoryBytes: 256 * MIB,
  pidsMax: 64,
  outputBytes: MIB,
  diskBytes: 16 * MIB,
};

export async function runInWall(
  provider: IsolationProvider,
  program: SandboxProgram,
  { limits, environment = {}, answer }: Part = {},
): Promise<Ran> {
  const session = await provider.open({
    limits: { ...LIMITS, ...limits },
    files: [],
    binds: [],
    environment,
    sockets: false,
  });
  try {
    const execution = await session.execute(program, new AbortController().signal);
    execution.stdin.on("error", () => undefined);
    execution.stdin.end();
    const { channel } = execution;
    const frames: JsonValue[] = [];
    let refused: string | null = null;
    const reader = new FrameReader();
    channel?.readable.on("data", (chunk: Uint8Array) => {
      const read = reader.push(chunk);
      if (!read.ok) refused = read.error;
      for (const frame of read.ok ? read.value : []) {
        frames.push(frame);
        const { type, id } = frame as { type?: string; id?: number };
        if (type === "call" && answer !== undefined && id !== undefined)
          channel.writable.write(encodeFrame(answer({ id })));
      }
    });
    const hello = { type: "hello", version: 1, session: "", image: "" };
    channel?.writable.write(encodeFrame(hello));
    const texts = Promise.all([textOf(execution.stdout), textOf(execution.stderr)]);
    const ending = await execution.ending;
    const [out, error] = await texts;
    return { ending, out, error, frames, refused };
  } finally {
    await session.close();
  }
}

/** A script with the `ccos` library, as a run gives it. */
export function script(source: string, args: readonly string[] = []): SandboxProgram {
  const file = (path: string, content: Uint8Array) => ({ path, content, executable: false });
  return {
    kind: "script",
    language: "javascript",
    source: file("/work/agent.js", new TextEncoder().encode(source)),
    beside: [file("/ccos/ccos-client.cjs", readFileSync(join(GUESTS, "ccos-client.cjs")))],
    args,
    channel: true,
  };
}

export function module(content: Uint8Array, args: readonly string[] = []): SandboxProgram {
  return {
    kind: "bytecode",
    module: { path: "/work/agent.wasm", content, executable: false },
    args,
  };
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}
