/**
 * The process that evaluates RTFS for the command line, started again whenever a program ended it.
 *
 * A program here is pure: it computes, and stubs answer its calls. What it still can do is take time
 * and memory, so it runs in a child (`guest/rtfs-eval.ts`) with a small heap, no rights of the
 * permission model, an empty environment and a deadline. This is no wall: `ccos run` has walls.
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import type { JsonObject } from "../../foundation/json.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { spawnProcess, type SpawnedProcess } from "../../host/index.ts";
import { EVALUATOR_STACK_KIB } from "../../isolation/index.ts";
import type { TrialError } from "../../rtfs/index.ts";
import type { World } from "../../runtime/index.ts";

export interface EvaluatorLimits {
  /** Units for one program; docs/rtfs/semantics.md 7.1. */
  readonly fuel: number;
  /** Wall clock for one request, milliseconds. */
  readonly timeoutMs: number;
  /** Heap of the child, MiB. */
  readonly memoryMb: number;
}

export const DEFAULT_LIMITS: EvaluatorLimits = {
  fuel: 50_000_000,
  timeoutMs: 60_000,
  memoryMb: 1024,
};

/** Nested calls that are not in tail position. */
const DEPTH_MAX = 10_000;
/** Longest answer line, bytes. A longer one ends the child. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** How a request came to its end; `memory` and `crash` mean that the child is gone. */
export type Reply =
  | { readonly kind: "answer"; readonly line: string }
  | { readonly kind: "time" | "memory" | "crash" | "cancelled" };

export interface Evaluator {
  /** One request at a time. @param line - JSON without line ends. */
  ask(line: string, signal?: AbortSignal): Promise<Reply>;
  stop(): Promise<void>;
}

export interface EvaluatorOptions {
  /** What is done with each request; `guest/rtfs-eval.ts` has the table. */
  readonly job: "eval" | "check" | "test" | "expand";
  readonly world: Pick<World, "nodePath" | "guestDir">;
  readonly limits: EvaluatorLimits;
  /** Told what the child wants people to know, one line each. */
  readonly warn: (text: string) => void;
}

const ENDS = {
  time: "The program took longer than its wall-clock limit; raise --timeout-ms",
  memory: "The program needs more memory than its limit; raise --memory-mb",
  crash: "The evaluator ended without an answer",
} as const;

/** What a request that ended its evaluator is told, in the language's words. */
export function endedBy(kind: "time" | "memory" | "crash"): TrialError {
  const code = kind === "crash" ? "InternalError" : "BudgetExhausted";
  return { code, message: ENDS[kind], span: null };
}

/**
 * One request and its parsed answer, whose shape is that of the evaluator's job.
 *
 * @throws {CcosError} `CANCELLED`.
 */
export async function askFor<T>(
  evaluator: Evaluator,
  request: JsonObject,
  signal: AbortSignal,
): Promise<Result<T, TrialError>> {
  const reply = await evaluator.ask(JSON.stringify(request), signal);
  if (reply.kind === "answer") return ok(JSON.parse(reply.line) as T);
  if (reply.kind !== "cancelled") return err(endedBy(reply.kind));
  throw new CcosError("CANCELLED", { what: "Cannot finish", why: "it was interrupted" });
}

/** Nothing starts before the first request. */
export function createEvaluator(options: EvaluatorOptions): Evaluator {
  let child: Child | null = null;
  const drop = async (): Promise<void> => {
    const dropped = child;
    child = null;
    dropped?.process.kill("SIGKILL");
    await dropped?.process.closed;
  };
  return {
    async ask(line, signal) {
      if (signal?.aborted === true) return { kind: "cancelled" };
      if (child?.isGone === true) await drop();
      child ??= new Child(await startChild(options), options.warn);
      const reply = await child.ask(line, options.limits.timeoutMs, signal);
      if (reply.kind !== "answer") await drop();
      return reply;
    },
    stop: drop,
  };
}

function startChild({ job, world, limits }: EvaluatorOptions): Promise<SpawnedProcess> {
  const program = join(world.guestDir, "rtfs-eval.cjs");
  return spawnProcess({
    argv: [
      world.nodePath,
      `--stack-size=${EVALUATOR_STACK_KIB}`,
      `--max-old-space-size=${limits.memoryMb}`,
      "--no-addons",
      "--disable-sigusr1",
      "--permission",
      `--allow-fs-read=${program}`,
      program,
      job,
      String(limits.fuel),
      String(DEPTH_MAX),
    ],
    env: {},
    descriptors: ["pipe", "pipe", "null"],
  });
}

class Child {
  readonly process: SpawnedProcess;
  /** It ended, perhaps while nobody asked. */
  isGone = false;
  readonly #warn: (text: string) => void;
  #pieces: Buffer[] = [];
  #length = 0;
  #answered: ((reply: Reply) => void) | null = null;

  constructor(process: SpawnedProcess, warn: (text: string) => void) {
    this.process = process;
    this.#warn = warn;
    process.readable(1)?.on("data", (chunk: Buffer) => this.#take(chunk));
    process.writable(0)?.on("error", () => this.#settle({ kind: "crash" }));
    void process.exited.then((end) => {
      this.isGone = true;
      const isMemory =
        end.kind === "signaled" ? MEMORY_SIGNALS.has(end.signal) : end.status === 134;
      this.#settle({ kind: isMemory ? "memory" : "crash" });
    });
  }

  async ask(line: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Reply> {
    const reply = new Promise<Reply>((resolve) => (this.#answered = resolve));
    const timer = setTimeout(() => this.#settle({ kind: "time" }), timeoutMs);
    const cancel = (): void => this.#settle({ kind: "cancelled" });
    signal?.addEventListener("abort", cancel, { once: true });
    this.process.writable(0)?.write(`${line}\n`);
    try {
      return await reply;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    }
  }

  #settle(reply: Reply): void {
    const answered = this.#answered;
    this.#answered = null;
    answered?.(reply);
  }

  #take(chunk: Buffer): void {
    for (let from = 0; ; ) {
      const end = chunk.indexOf(10, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      this.#length += piece.length;
      if (this.#length > ANSWER_BYTES_MAX) return this.#settle({ kind: "crash" });
      this.#pieces.push(piece);
      if (end < 0) return;
      const line = Buffer.concat(this.#pieces).toString("utf8");
      this.#pieces = [];
      this.#length = 0;
      from = end + 1;
      if (line.startsWith("!")) this.#warn(line.slice(1));
      else this.#settle({ kind: "answer", line });
    }
  }
}

/** How V8 ends a process whose heap is full, and how a kernel does. */
const MEMORY_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set(["SIGABRT", "SIGTRAP", "SIGKILL"]);
