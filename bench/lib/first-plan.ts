/**
 * The first plan of a fresh evaluator: the built guest under its own flags, with V8's bytecode beside it.
 *
 * The clock starts when the plan is sent to a guest that said it is ready, and stops when the call
 * that ends the plan is here: reading, checking, compiling and running, and one exchange of frames.
 * The guest then waits for the answer, so what its threads did can be read.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { encodeFrame, FrameReader } from "../../src/foundation/framing.ts";
import type { JsonValue } from "../../src/foundation/json.ts";
import { PROTOCOL_VERSION } from "../../src/foundation/protocol.ts";
import { EVALUATOR_STACK_KIB, guestV8Flags } from "../../src/isolation/program.ts";

export interface FirstPlan {
  readonly wallMs: number;
  /** Processor time of the thread that runs the plan; NaN where the system does not tell. */
  readonly mainMs: number;
  /** Processor time of all threads: V8's compilers and its collector too. */
  readonly allMs: number;
}

/** A plan of so many lines (a multiple of 4): functions over records, each called once. */
export function planOf(lines: number): string {
  const texts = Array.from({ length: lines / 4 }, (_, at) =>
    [
      `(defn part-${at} [rows limit]`,
      `  (let [kept (filter (fn [r] (> (:n r) limit)) rows) total (reduce + 0 (map :n kept))]`,
      `    (if (> total ${at}) {:id ${at} :total total :label (str "part " ${at})} nil)))`,
      `(def value-${at} (part-${at} [{:n ${at}} {:n 2} {:n 3}] 1))`,
    ].join("\n"),
  );
  return texts.join("\n");
}

const END = "(call :bench.end)";

/**
 * Run one plan in a new process.
 *
 * @param exercised - It has run the guest's own exercise before, as one that waits in a pool has.
 * @throws when it does not end with a value.
 */
export async function firstPlan(source: string, exercised: boolean): Promise<FirstPlan> {
  const flags = guestV8Flags(EVALUATOR_STACK_KIB);
  const guest = spawn(process.execPath, [...flags, "dist/guest/start.cjs"], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const channel = guest.stdio[3] as Duplex;
  const messages = read(channel);
  if (exercised) {
    channel.write(encodeFrame({ type: "warm" }));
    await messages.next();
  }
  const session = "00".repeat(32);
  channel.write(encodeFrame({ type: "hello", version: PROTOCOL_VERSION, session, image: "bench" }));
  await messages.next();
  // The guest's last work of its start is done when it waits for the plan.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const limits = { fuel: 1e9, depthMax: 5000 };
  const execute = encodeFrame({
    type: "execute",
    id: 1,
    source: `${source}\n${END}`,
    file: "plan.rtfs",
    modules: [],
    args: [],
    ...limits,
  });
  const before = processorMs(guest.pid!);
  const started = performance.now();
  channel.write(execute);
  const { value: call } = await messages.next();
  const wallMs = performance.now() - started;
  const after = processorMs(guest.pid!);
  if (call?.["type"] !== "call") throw new Error(`The plan failed: ${JSON.stringify(call)}`);
  const ended = once(guest, "exit");
  channel.write(encodeFrame({ type: "result", id: 1, ok: true, value: null }));
  await ended;
  return { wallMs, mainMs: after.main - before.main, allMs: after.all - before.all };
}

async function* read(channel: Duplex): AsyncGenerator<{ readonly [name: string]: JsonValue }> {
  const reader = new FrameReader();
  for await (const chunk of channel) {
    const messages = reader.push(chunk as Uint8Array);
    if (!messages.ok) throw new Error(messages.error);
    yield* messages.value as { readonly [name: string]: JsonValue }[];
  }
}

/** Time that the threads of a process ran, as Linux tells it. */
function processorMs(pid: number): { readonly main: number; readonly all: number } {
  if (process.platform !== "linux") return { main: Number.NaN, all: Number.NaN };
  const ranMs = (thread: string): number =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  const threads = readdirSync(`/proc/${pid}/task`).map(ranMs);
  return { main: ranMs(`${pid}`), all: threads.reduce((sum, ms) => sum + ms, 0) };
}
