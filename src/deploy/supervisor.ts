/**
 * The supervisor of one deployment: a process in the foreground that keeps a generation serving until it is told to stop.
 *
 * Read in this order: supervise (the list of steps), Supervisor.obey, call, #serve, #failed. It runs no program itself: each job is a
 * run behind a wall (generation.ts). How a generation is replaced is in rollout.ts, what may be asked in control.ts.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import type { JsonValue } from "../foundation/json.ts";
import { removeFile, sleep } from "../host/index.ts";
import type { World } from "../runtime/index.ts";
import { holdConsole, transcriptDigest } from "./console.ts";
import { type Request, serveControl, type Talk } from "./control.ts";
import { CrashGuard } from "./crash-guard.ts";
import { type DeploymentChain, openDeploymentChain, unclosedConsoles } from "./deployment-chain.ts";
import type { Generation, GenerationOptions, JobAnswer, JobTerminal } from "./generation.ts";
import { takeOwnership } from "./ownership.ts";
import { Rollout } from "./rollout.ts";
import { mayFollow, type SupervisorState } from "./supervisor-state.ts";
import { deploymentPaths, type DeploymentPaths, type DeploymentState, readState } from "./store.ts";
import { trustOf } from "./trust.ts";

export interface SuperviseOptions extends Omit<GenerationOptions, "waiting"> {
  /** Keep one run of the program alive, its output here; null: it runs when it is called. */
  readonly service: JobTerminal | null;
  /** For jobs that run when the supervisor is told to end, milliseconds. */
  readonly drainMs: number;
  /** Each state and step, one line. */
  readonly tell: (text: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Jobs at once; more would only wait for each other. */
const JOBS_MAX = 16;

/**
 * Supervise a deployment until it is told to stop.
 *
 * @throws {CcosError} `DEPLOYMENT_NOT_FOUND`, `DEPLOYMENT_LOCKED`, `CHAIN_INTEGRITY`, `CHAIN_UNWRITABLE`.
 */
export async function supervise(
  world: World,
  name: string,
  options: SuperviseOptions,
): Promise<void> {
  const paths = deploymentPaths(world.stateDir, name);
  await readState(paths);
  const ownership = await takeOwnership(paths);
  try {
    const chain = await openDeploymentChain(world, paths);
    const supervisor = new Supervisor({ world, paths, chain, options }, await readState(paths));
    await supervisor.clearAfter(ownership.killed?.pid ?? null);
    const control = await serveControl(paths, (request, talk) => supervisor.obey(request, talk));
    try {
      await supervisor.begin();
      await supervisor.toldToStop;
      await supervisor.end();
    } finally {
      await control.close();
      await removeFile(paths.socket);
      await chain.seal();
    }
  } finally {
    await ownership.release();
  }
}

interface Room {
  readonly world: World;
  readonly paths: DeploymentPaths;
  readonly chain: DeploymentChain;
  readonly options: SuperviseOptions;
}

class Supervisor {
  readonly #room: Room;
  readonly #rollout: Rollout;
  readonly #guard = new CrashGuard();
  readonly #stop = new AbortController();
  readonly #begun = Promise.withResolvers<void>();
  #state: SupervisorState = "starting";
  /** Why nothing serves. */
  #why = "it starts";
  /** The next job after a failure waits until then, by performance.now(). */
  #notBeforeMs = 0;
  /** Deploys and rollbacks: one at a time. */
  #change: Promise<unknown> | null = null;
  #drainMs: number;
  #service: { readonly abort: AbortController; readonly over: Promise<void> } | null = null;
  /** Whoever asked for what is changing hears of it too. */
  #listener: ((text: string) => void) | null = null;

  constructor(given: Room, state: DeploymentState) {
    const { options } = given;
    const room = { ...given, chain: stopping(given.chain, () => this.#stop.abort()) };
    this.#room = room;
    this.#drainMs = options.drainMs;
    const tell = (text: string): void => this.#tell(text);
    const signal = this.#stop.signal;
    const generations = { ...options, waiting: tell };
    this.#rollout = new Rollout({ ...room, options: generations, signal, tell }, state);
    const end = (): void => this.#stop.abort();
    options.signal.addEventListener("abort", end, { once: true });
    if (options.signal.aborted) end();
  }

  get toldToStop(): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  }

  /** What a killed supervisor left: its socket, files of no generation, consoles that nobody closed. */
  async clearAfter(killed: number | null): Promise<void> {
    const { paths, chain } = this.#room;
    const consoles = await unclosedConsoles(paths);
    const files = await this.#rollout.sweep();
    const socket = await removeFile(paths.socket);
    await chain.record(
      "SupervisorStarted",
      { version: this.#room.world.version, service: this.#room.options.service !== null },
      { pid: process.pid, killed, cleared: { consoles: [...consoles], files: [...files], socket } },
    );
    for (const id of consoles) {
      const transcript = await transcriptDigest(paths, id);
      await chain.record("ConsoleClosed", { console: id, ending: "supervisor ended" }, transcript);
    }
  }

  /** What served serves again. A failure leaves it reachable, with nothing to serve. */
  async begin(): Promise<void> {
    try {
      await this.#rollout.resume(this.#drainMs);
      this.#why = "nothing was deployed";
    } catch (cause) {
      if (!this.#stop.signal.aborted) this.#why = reasonOf(cause);
    }
    if (!this.#stop.signal.aborted) await this.#serve();
    this.#begun.resolve();
  }

  async end(): Promise<void> {
    const { chain } = this.#room;
    await this.#rollout.hurry(this.#drainMs);
    await this.#change?.catch(() => undefined);
    await this.#enter("draining");
    try {
      await this.#endService();
    } finally {
      await this.#rollout.end(this.#drainMs);
    }
    await this.#enter("stopped");
    await chain.record("SupervisorStopped", {});
  }

  /** @throws {CcosError} what is answered instead. */
  async obey(request: Request, talk: Talk): Promise<JsonValue> {
    switch (request.verb) {
      case "status":
        return this.#status();
      case "call":
        return await this.#call(request.args, talk.gone);
      case "deploy": {
        const trust = await trustOf(this.#room.world.stateDir, request.key);
        return await this.#replace(request.drainMs, talk, () =>
          this.#rollout.stage(request.package, trust, request.health),
        );
      }
      case "rollback":
        return await this.#replace(request.drainMs, talk, () => this.#rollout.stagePrevious());
      case "stop":
        this.#drainMs = request.drainMs;
        this.#stop.abort();
        return { stopping: true, jobs: this.#rollout.active?.jobs ?? 0 };
      case "console": {
        const generation = this.#serving();
        return await holdConsole(this.#room, generation, request, {
          talk,
          signal: this.#stop.signal,
        });
      }
    }
  }

  #status(): JsonValue {
    const { state, active } = this.#rollout;
    return {
      name: this.#room.paths.name,
      pid: process.pid,
      state: this.#state,
      why: active === null ? this.#why : null,
      active: active?.number ?? null,
      previous: state.previous,
      candidate: state.candidate === null ? null : { ...state.candidate },
      agent: active?.package.lock.agent ?? null,
      package: active?.package.digest ?? null,
      jobs: active?.jobs ?? 0,
      ready: active?.ready ?? 0,
      service: this.#service !== null,
    };
  }

  async #call(args: readonly JsonValue[] | null, gone: AbortSignal): Promise<JsonValue> {
    await this.#begun.promise;
    if (this.#room.options.service !== null) throw this.#cannot("USAGE", "it is a service");
    this.#serving();
    const signal = AbortSignal.any([gone, this.#stop.signal]);
    await this.#waitBack(signal).catch(() => undefined);
    // From here to the job's start nothing is waited for: many calls may have come to this point together.
    const generation = this.#serving();
    if (generation.jobs >= JOBS_MAX)
      throw this.#cannot("DEPLOYMENT_BUSY", `${JOBS_MAX} jobs run already`);
    const job = await generation.run(args, null, gone);
    if (job.end === "crashed") await this.#failed(generation, job);
    return job.answer as unknown as JsonValue;
  }

  /** @throws {CcosError} why nothing serves. */
  #serving(): Generation {
    const { active } = this.#rollout;
    if (this.#state === "crash-looped")
      throw this.#cannot("DEPLOYMENT_CRASH_LOOP", "it failed too often in a short time");
    if (this.#stop.signal.aborted) throw this.#cannot("DEPLOYMENT_NOT_RUNNING", "it is ending");
    if (active === null) throw this.#cannot("DEPLOYMENT_NOT_RUNNING", this.#why);
    return active;
  }

  #cannot(code: CcosError["code"], why: string): CcosError {
    const { name } = this.#room.paths;
    const fix = `See \`ccos status ${name}\`, then deploy or roll back`;
    return new CcosError(code, { what: `Cannot serve from "${name}"`, why, fix });
  }

  /** One replacement at a time. Whoever asked for it hears of its steps. */
  async #replace(drainMs: number, talk: Talk, stage: () => Promise<unknown>): Promise<JsonValue> {
    await this.#begun.promise;
    if (this.#change !== null || this.#stop.signal.aborted)
      throw this.#cannot("DEPLOYMENT_LOCKED", "it is being changed, or ends");
    this.#listener = (text) => talk.progress(text);
    this.#change = stage().then(() => this.#rollout.replace(drainMs, () => this.#serveAnew()));
    try {
      await this.#change;
      return this.#status();
    } catch (cause) {
      if (cause instanceof CcosError || !this.#stop.signal.aborted) throw cause;
      throw this.#cannot("DEPLOYMENT_NOT_RUNNING", "it is ending; its next supervisor goes on");
    } finally {
      this.#change = null;
      this.#listener = null;
    }
  }

  /** Another generation serves: what the one before did wrong is not held against it. */
  async #serveAnew(): Promise<void> {
    this.#guard.reset();
    this.#notBeforeMs = 0;
    const before = this.#service;
    await this.#serve();
    before?.abort.abort();
    await before?.over;
  }

  async #serve(): Promise<void> {
    const { active } = this.#rollout;
    await this.#enter(active === null ? "idle" : "serving");
    const { service } = this.#room.options;
    if (active === null || service === null) return;
    const abort = new AbortController();
    const over = this.#keepAlive(active, service, abort.signal);
    // Whoever ends the service hears of it, which is now: nothing keeps it alive any more.
    over.catch(() => this.#stop.abort());
    this.#service = { abort, over };
  }

  /** One run after the other, until it is ended or fails too often. */
  async #keepAlive(
    generation: Generation,
    terminal: JobTerminal,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      await this.#waitBack(signal).catch(() => undefined);
      if (signal.aborted || this.#state === "crash-looped") return;
      const job = await generation.run(null, terminal, signal);
      if (!signal.aborted && job.end !== "time") await this.#failed(generation, job);
    }
  }

  async #endService(): Promise<void> {
    this.#service?.abort.abort();
    await this.#service?.over;
    this.#service = null;
  }

  async #waitBack(signal: AbortSignal): Promise<void> {
    const leftMs = this.#notBeforeMs - performance.now();
    if (leftMs > 0) await sleep(leftMs, signal);
    if (this.#state === "backing-off") await this.#enter("serving");
  }

  /** What a job ran in broke, or a service ended: the next waits longer each time, and after too many there is none. */
  async #failed(generation: Generation, { run, answer }: JobAnswer): Promise<void> {
    if (this.#rollout.active !== generation || this.#state === "crash-looped") return;
    const data = { generation: generation.number, exitCode: answer.exitCode };
    await this.#room.chain.record("InstanceFailed", data, { run });
    const next = this.#guard.failed(performance.now());
    if (next.kind === "stop") return await this.#enter("crash-looped");
    this.#notBeforeMs = performance.now() + next.delayMs;
    await this.#enter("backing-off");
  }

  async #enter(state: SupervisorState): Promise<void> {
    if (state === this.#state) return;
    // Whoever ends has the last word.
    if (!mayFollow(this.#state, state)) return;
    this.#state = state;
    const generation = this.#rollout.active?.number ?? null;
    await this.#room.chain.record("StateEntered", { state, generation });
    this.#tell(`state ${state}`);
  }

  #tell(text: string): void {
    this.#room.options.tell(text);
    this.#listener?.(text);
  }
}

/** A chain that cannot be written ends the supervisor: nothing may be done any more. */
function stopping(chain: DeploymentChain, stop: () => void): DeploymentChain {
  return {
    ...chain,
    record: async (...given) => {
      try {
        await chain.record(...given);
      } catch (cause) {
        stop();
        throw cause;
      }
    },
  };
}

function reasonOf(cause: unknown): string {
  if (cause instanceof CcosError) return `${cause.code}: ${cause.message}`;
  throw cause;
}
