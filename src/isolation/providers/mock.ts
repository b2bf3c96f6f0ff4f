/**
 * The mock: a provider that runs nothing and answers the same each time, for trying out what stands around a run.
 *
 * It isolates nothing because there is nothing to isolate: a plan's control channel gets the guest's greeting and one
 * text as its result, any other program's output is that text. It is taken only when it is named, and never in production.
 *
 * @module
 */
import { duplexPair, Readable, Writable } from "node:stream";
import { CcosError } from "../../foundation/errors.ts";
import { encodeFrame, FrameReader } from "../../foundation/framing.ts";
import { type GuestMessage, parseHostMessage } from "../../foundation/protocol.ts";
import type { Ending, Execution, IsolationProvider, SandboxProgram } from "../provider.ts";

/** What it calls itself, and what a run must name to get it. */
export const MOCK_NAME = "mock";

/** Weaker than every wall: no mode allows it. */
const STRENGTH = 0;
const DONE: Ending = { kind: "exited", status: 0 };

export function createMock(): IsolationProvider {
  return {
    name: MOCK_NAME,
    strength: STRENGTH,
    runs: new Set<SandboxProgram["kind"]>(["rtfs", "external"]),
    sockets: true,
    probe: () => Promise.resolve({ kind: "ready", version: "1" }),
    open: () => {
      let used = false;
      return Promise.resolve({
        execute: (program, signal) => {
          if (used || signal.aborted) return Promise.reject(notAgain(used));
          used = true;
          return Promise.resolve(answer(program));
        },
        close: () => Promise.resolve(),
      });
    },
  };
}

/** The text that every program gets. */
function mockText(what: string): string {
  return `Mock capability execution: ${what} was not run`;
}

function answer(program: SandboxProgram): Execution {
  if (program.kind === "rtfs") return { ...streams(""), ...conversation() };
  const text = mockText("argv" in program ? (program.argv[0] ?? "") : "the program");
  return { ...streams(`${text}\n`), channel: null, ending: Promise.resolve(DONE) };
}

function streams(out: string): Omit<Execution, "channel" | "ending"> {
  return {
    stdin: new Writable({ write: (_chunk, _encoding, done) => done() }),
    stdout: Readable.from(out === "" ? [] : [Buffer.from(out)]),
    stderr: Readable.from([]),
    usage: () => null,
    restartClock: () => true,
  };
}

/** The guest's side of the protocol, as far as a plan without calls needs it. */
function conversation(): Pick<Execution, "channel" | "ending"> {
  const [channel, inside] = duplexPair();
  const reader = new FrameReader();
  const send = (message: GuestMessage): void => void inside.write(encodeFrame(message));
  const ending = new Promise<Ending>((resolve) => {
    const end = (): void => {
      inside.end();
      resolve(DONE);
    };
    inside.on("data", (chunk: Uint8Array) => {
      const frames = reader.push(chunk);
      for (const frame of frames.ok ? frames.value : []) {
        const message = parseHostMessage(frame);
        if (!message.ok) return end();
        if (message.value.type === "hello") {
          const { version, session, image } = message.value;
          send({ type: "ready", version, session, image });
        } else if (message.value.type === "execute") {
          send({ type: "result", ok: true, value: mockText(message.value.file) });
          end();
        }
      }
    });
    inside.on("close", end);
  });
  return { channel: { readable: channel, writable: channel }, ending };
}

function notAgain(used: boolean): CcosError {
  return new CcosError(used ? "INTERNAL" : "CANCELLED", {
    what: "Cannot start the program",
    why: used ? "a session runs one program and is closed" : "the run was cancelled",
  });
}
