/**
 * One generation of a deployment, brought up from its package: it is verified, attested, warmed; it runs jobs; it drains.
 *
 * Read in this order: Generation.open, attest, warm, run, drain. Each job is an ordinary run of the packaged program, with a guest,
 * a chain and a run directory of its own. Two generations share nothing that one of them could take from the
 * other: guests wait in pools of their own; users of walls are leased from the kernel; runs, machines and sockets are named by
 * random bytes.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import type { IsolationProvider } from "../isolation/index.ts";
import {
  chooseWall,
  createGuestPools,
  type GuestPools,
  needsOf,
  type PreparedRun,
  prepareRun,
  proveGuest,
  refuseUnenforceable,
  runAgent,
  type RunEvent,
  type RunInputs,
  type RunReport,
  sandboxLimits,
  type StagedContent,
  type World,
} from "../runtime/index.ts";
import { capabilityFiles } from "./package-make.ts";
import { invalid, packagedInputs, type VerifiedPackage, verifyPackage } from "./package-verify.ts";
import { CAPABILITIES_NAME, IMAGE_NAME, type PackageLock } from "./package-lock.ts";
import { type DeploymentPaths, type GenerationEntry, generationRoot } from "./store.ts";

export interface GenerationOptions {
  /** The operator's, on top of what the package says. */
  readonly given: Pick<RunInputs, "bounds" | "production">;
  /** Guests that wait; 0: each job starts its own. */
  readonly warm: number;
  /** What `ccos run --json` prints of a run. */
  readonly present: (
    report: RunReport,
    events: readonly RunEvent[],
    stdout: string,
  ) => { readonly exitCode: number };
  /** Told before something that takes seconds. */
  readonly waiting: (what: string) => void;
}

export interface JobAnswer {
  /** What `ccos run --json` prints. */
  readonly answer: { readonly exitCode: number };
  readonly run: string | null;
  /** `crashed`: not the program failed but what it ran in. */
  readonly end: "well" | "failed" | "time" | "crashed";
}

export interface JobTerminal {
  readonly out: (chunk: Uint8Array) => void;
  readonly error: (chunk: Uint8Array) => void;
}

interface RunningJob {
  readonly abort: AbortController;
  readonly over: Promise<unknown>;
}

export class Generation {
  readonly number: number;
  readonly package: VerifiedPackage;
  readonly #world: World;
  readonly #options: GenerationOptions;
  readonly #prepared: PreparedRun;
  readonly #staged: readonly StagedContent[];
  readonly #pools: GuestPools | null;
  readonly #running = new Set<RunningJob>();
  /** Jobs that outlasted a drain. */
  #ended = 0;
  #wall: IsolationProvider | null = null;

  /**
   * Verify the package, and that this version judges it as the one that made it.
   *
   * @throws {CcosError} `PACKAGE_INVALID`, `PACKAGE_UNTRUSTED`, and what a run would refuse before it starts.
   */
  static async open(
    world: World,
    paths: DeploymentPaths,
    entry: GenerationEntry,
    options: GenerationOptions,
  ): Promise<Generation> {
    const root = generationRoot(paths, entry.generation);
    const found = await verifyPackage(root, { kind: "digest", digest: entry.digest });
    const { inputs, staged } = await packagedInputs(found);
    refuseOtherContracts(found, prepareRun(inputs));
    const prepared = prepareRun({ ...inputs, ...options.given });
    refuseUnenforceable(prepared.config, inputs.configFile);
    if (prepared.admission?.admitted === false)
      throw invalid(
        root,
        inputs.planFile ?? "",
        "its plan is not admitted under the operator's bounds",
      );
    return new Generation(world, entry.generation, { found, prepared, staged, options });
  }

  private constructor(
    world: World,
    number: number,
    given: {
      readonly found: VerifiedPackage;
      readonly prepared: PreparedRun;
      readonly staged: readonly StagedContent[];
      readonly options: GenerationOptions;
    },
  ) {
    const { found, options } = given;
    this.number = number;
    this.package = found;
    this.#options = options;
    this.#prepared = given.prepared;
    this.#staged = given.staged;
    const hasImage = found.lock.image !== null;
    this.#world = hasImage ? { ...world, imageDir: join(found.root, IMAGE_NAME) } : world;
    const pooled = options.warm > 0 && this.isPlan;
    this.#pools = pooled ? createGuestPools(this.#world, { size: options.warm }) : null;
  }

  get isPlan(): boolean {
    return this.package.lock.program.kind === "plan";
  }

  /** The wall that was attested. */
  get wall(): IsolationProvider {
    if (this.#wall === null) throw new TypeError("The generation was not attested");
    return this.#wall;
  }

  get prepared(): PreparedRun {
    return this.#prepared;
  }

  get jobs(): number {
    return this.#running.size;
  }

  /** Guests that are ready for the next job. */
  get ready(): number {
    return (this.#pools?.counts ?? []).reduce((sum, { ready }) => sum + ready, 0);
  }

  /**
   * Choose the wall, and measure the image that boots where it is a machine.
   *
   * @returns Facts for the record.
   * @throws {CcosError} `ISOLATION_UNAVAILABLE`.
   */
  async attest(signal: AbortSignal): Promise<JsonObject> {
    const { config, inputs, policy } = this.#prepared;
    const { provider, facts } = await chooseWall(this.#world, {
      config,
      configFile: inputs.configFile,
      needs: needsOf(inputs, config, policy),
      named: inputs.bounds?.provider ?? null,
      waiting: this.#options.waiting,
      signal,
    });
    this.#wall = provider;
    return facts;
  }

  /** One guest boots and shakes hands, and the next ones begin to wait. A program that is no plan has no such guest. */
  async warm(signal: AbortSignal): Promise<void> {
    if (!this.isPlan) return;
    const { wall } = this;
    const limits = sandboxLimits(this.#prepared.config);
    await proveGuest(this.#world, wall, limits, signal);
    if (wall.machine !== undefined) return;
    const early = await this.#pools?.take(wall.name, limits, signal);
    await early?.session.close();
  }

  /** Run the program once. Rejects only for a defect: whatever a run refuses or breaks at is an answer. */
  async run(
    args: readonly JsonValue[] | null,
    terminal: JobTerminal | null,
    signal: AbortSignal,
  ): Promise<JobAnswer> {
    const abort = new AbortController();
    const over = this.#run(args, terminal, AbortSignal.any([signal, abort.signal]));
    const job: RunningJob = { abort, over };
    this.#running.add(job);
    try {
      return await over;
    } finally {
      this.#running.delete(job);
    }
  }

  async #run(
    args: readonly JsonValue[] | null,
    terminal: JobTerminal | null,
    signal: AbortSignal,
  ): Promise<JobAnswer> {
    const output: Uint8Array[] = [];
    const events: RunEvent[] = [];
    try {
      const report = await runAgent(this.#world, {
        inputs: { ...this.#prepared.inputs, ...(args === null ? {} : { args }) },
        staged: this.#staged,
        terminal: {
          stdin: null,
          out: terminal?.out ?? ((chunk) => void output.push(chunk)),
          error: terminal?.error ?? (() => undefined),
        },
        observe: (event) => void events.push(event),
        signal,
        waiting: this.#pools,
        image: this.package.lock.image,
      });
      const stdout = Buffer.concat(output).toString("utf8");
      const answer = this.#options.present(report, events, stdout);
      return { answer, run: report.run, end: endOf(report, answer.exitCode) };
    } catch (cause) {
      if (!(cause instanceof CcosError)) throw cause;
      const answer = { ok: false, exitCode: cause.exitCode, error: cause.toJson() };
      return { answer, run: null, end: CRASHES.has(cause.code) ? "crashed" : "failed" };
    }
  }

  /**
   * Wait until no job runs, at most so long; then end those that still do. Whoever drains again may wait less long.
   *
   * @returns How many had to be ended so far.
   */
  async drain(atMostMs: number): Promise<number> {
    const all = Promise.allSettled([...this.#running].map(({ over }) => over));
    const clock = Promise.withResolvers<void>();
    const timer = setTimeout(clock.resolve, atMostMs);
    await Promise.race([all, clock.promise]);
    clearTimeout(timer);
    const left = [...this.#running];
    this.#ended += left.filter(({ abort }) => !abort.signal.aborted).length;
    for (const { abort } of left) abort.abort();
    await Promise.allSettled(left.map(({ over }) => over));
    return this.#ended;
  }

  /** End the guests that wait. */
  async close(): Promise<void> {
    await this.#pools?.close();
  }
}

/** What a run breaks at when its wall does, and nothing of the program is to blame. */
const CRASHES: ReadonlySet<string> = new Set([
  "PROVIDER_CRASHED",
  "ISOLATION_UNAVAILABLE",
  "VMM_API_ERROR",
]);

function endOf({ outcome }: RunReport, exitCode: number): JobAnswer["end"] {
  if (exitCode === 0) return "well";
  if (outcome.kind === "failed" && CRASHES.has(outcome.code)) return "crashed";
  return outcome.kind === "limit" && outcome.code === "LIMIT_TIME" ? "time" : "failed";
}

/** The contracts that the package was judged under are the ones that hold here, and so is what its config means. */
function refuseOtherContracts({ root, lock }: VerifiedPackage, prepared: PreparedRun): void {
  if (prepared.digests.policy !== lock.policy)
    throw invalid(root, "agent.rtfs", "this version compiles its policy otherwise");
  const packaged = lock.files.filter(({ path }) => path.startsWith(`${CAPABILITIES_NAME}/`));
  const sortedDigests = (files: PackageLock["files"]): readonly string[] =>
    files.map(({ path, digest }) => `${path} ${digest}`).sort();
  const here = sortedDigests(capabilityFiles(prepared));
  const there = sortedDigests(packaged);
  if (!isDeepStrictEqual(here, there))
    throw invalid(root, CAPABILITIES_NAME, "this version has other contracts");
}
