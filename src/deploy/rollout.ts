/**
 * Which generation serves, and how it is replaced: stage → verify → attest → warm → health → switch → drain → retire.
 *
 * Read in this order: Rollout.stage, resume, replace, bringUp, switchTo, retire. Each step is recorded before it takes effect, and
 * `state.json` is written after; whoever finds a half-done replacement goes on with it, or ends it and leaves what
 * served before. A failure before the switch changes nothing but the candidate.
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { isWithinDepth, type JsonObject, type JsonValue } from "../foundation/json.ts";
import { listDirectory, publishDirectory, removeTree, sealTree } from "../host/index.ts";
import type { World } from "../runtime/index.ts";
import { ARGS_DEPTH_MAX } from "./control.ts";
import type { DeploymentChain } from "./deployment-chain.ts";
import { Generation, type GenerationOptions } from "./generation.ts";
import { copyPackage, type Trust } from "./package-verify.ts";
import {
  type DeploymentPaths,
  type DeploymentState,
  entryOf,
  type GenerationEntry,
  generationRoot,
  writeState,
} from "./store.ts";

export interface RolloutRoom {
  readonly world: World;
  readonly paths: DeploymentPaths;
  readonly chain: DeploymentChain;
  /** How generations are brought up; absent where none is. */
  readonly options?: GenerationOptions;
  /** Ends what is being brought up. */
  readonly signal: AbortSignal;
  /** What is done, one line a step. */
  readonly tell: (text: string) => void;
}

/** What a candidate has behind it; the phase in which a rejected one failed. */
type Phase = "staging" | "verifying" | "attesting" | "warming" | "health";

export class Rollout {
  readonly #room: RolloutRoom;
  #state: DeploymentState;
  /** The one that new jobs go to. */
  #active: Generation | null = null;
  #draining: Generation | null = null;
  #drainMsMax: number = Number.POSITIVE_INFINITY;

  constructor(room: RolloutRoom, state: DeploymentState) {
    this.#room = room;
    this.#state = state;
  }

  get state(): DeploymentState {
    return this.#state;
  }

  get active(): Generation | null {
    return this.#active;
  }

  /** Remove what a killed supervisor left of a generation that was never staged or is retired. @returns What it was. */
  async sweep(): Promise<readonly string[]> {
    const { paths } = this.#room;
    const kept = new Set(this.#state.generations.map(({ generation }) => String(generation)));
    const left = (await listDirectory(paths.generations)).filter((name) => !kept.has(name));
    for (const name of left) await removeTree(join(paths.generations, name));
    return left;
  }

  /**
   * A verified copy of the package, as the next generation. It replaces a candidate that waits.
   *
   * @throws {CcosError} `PACKAGE_INVALID`, `PACKAGE_UNTRUSTED`; the rejection is recorded. `USAGE` for a health job that
   *   no record can hold.
   */
  async stage(
    root: string,
    trust: Trust,
    health: readonly JsonValue[] | null,
  ): Promise<GenerationEntry> {
    const { paths, chain, tell } = this.#room;
    if (!isWithinDepth(health, ARGS_DEPTH_MAX)) throw tooDeep();
    if (this.#state.candidate !== null)
      await this.#reject(this.#state.candidate.generation, "staging", replaced());
    const generation = this.#state.next;
    const making = join(paths.generations, `making-${generation}`);
    tell(`staging generation ${generation}`);
    // First of all: a number that stands in a record is never given to another package.
    await this.#save({ next: generation + 1 });
    try {
      await removeTree(making);
      const { lock, digest } = await copyPackage(root, making, trust);
      await sealTree(making);
      const entry: GenerationEntry = { generation, digest, agent: lock.agent, health };
      await chain.record("GenerationStaged", {
        generation,
        package: digest,
        agent: lock.agent,
        keyId: lock.keyId,
      });
      await publishDirectory(making, generationRoot(paths, generation));
      await this.#save({
        candidate: { generation, phase: "staged" },
        generations: [...this.#state.generations, entry],
      });
      return entry;
    } catch (cause) {
      await removeTree(making);
      if (!(cause instanceof CcosError)) throw cause;
      await this.#reject(generation, "staging", cause);
      throw cause;
    }
  }

  /** Make the generation before the active one the candidate. @throws {CcosError} `DEPLOYMENT_REJECTED`. */
  async stagePrevious(): Promise<GenerationEntry> {
    const { previous } = this.#state;
    if (previous === null) {
      throw new CcosError("DEPLOYMENT_REJECTED", {
        what: `Cannot roll "${this.#room.paths.name}" back`,
        why: "no generation served before this one",
        fix: "Deploy another package",
      });
    }
    await this.#save({ candidate: { generation: previous, phase: "staged" } });
    return entryOf(this.#state, previous);
  }

  /** At a supervisor's start: what served serves again, and what was half done is gone on with. */
  async resume(drainMs: number): Promise<void> {
    const { active, candidate } = this.#state;
    let failure: unknown = null;
    if (active !== null) {
      try {
        this.#active = await this.#bringUp(entryOf(this.#state, active), false);
      } catch (cause) {
        failure = cause;
      }
    }
    if (candidate !== null) return await this.replace(drainMs, () => Promise.resolve());
    if (failure !== null) throw failure;
  }

  /**
   * The candidate takes the place of the active generation.
   *
   * @param switched - Called when new jobs go to it, before the one before is drained.
   * @throws {CcosError} why it was rejected; what served before still serves.
   */
  async replace(drainMs: number, switched: () => Promise<void>): Promise<void> {
    const { candidate } = this.#state;
    if (candidate === null) throw new TypeError("There is no candidate");
    const entry = entryOf(this.#state, candidate.generation);
    const before = this.#active;
    const generation = await this.#bringUp(entry, candidate.phase === "staged");
    try {
      await this.#switchTo(generation);
    } catch (cause) {
      await generation.close();
      throw cause;
    }
    await switched();
    await this.#retire(before, drainMs);
  }

  /** From now on no drain lasts longer, the one under way included. */
  async hurry(drainMsMax: number): Promise<void> {
    this.#drainMsMax = drainMsMax;
    await this.#draining?.drain(drainMsMax);
  }

  /** Wait for the jobs that run, and end the guests that wait. Nothing serves any more. */
  async end(drainMs: number): Promise<void> {
    const active = this.#active;
    this.#active = null;
    await this.#drain(active, drainMs);
  }

  async #bringUp(entry: GenerationEntry, isAsked: boolean): Promise<Generation> {
    const { world, paths, chain, options, signal, tell } = this.#room;
    const { generation: number } = entry;
    if (options === undefined) throw new TypeError("Nothing is brought up here");
    let phase: Phase = "verifying";
    let generation: Generation | null = null;
    const enter = (next: Phase): void => {
      phase = next;
      tell(`${next} generation ${number}`);
    };
    try {
      enter("verifying");
      generation = await Generation.open(world, paths, entry, options);
      enter("attesting");
      const facts = await generation.attest(signal);
      const { digests } = generation.prepared;
      const judged = { config: digests.config, program: digests.plan, policy: digests.policy };
      await chain.record("GenerationAttested", { generation: number, ...judged }, facts);
      enter("warming");
      await generation.warm(signal);
      const health = isAsked ? entry.health : null;
      if (health !== null) {
        enter("health");
        await isHealthy(generation, health, signal);
      }
      await chain.record("GenerationHealthy", { generation: number, asked: health !== null });
      return generation;
    } catch (cause) {
      await generation?.close();
      if (signal.aborted || !(cause instanceof CcosError)) throw cause;
      await this.#reject(number, phase, cause);
      throw cause;
    }
  }

  async #switchTo(generation: Generation): Promise<void> {
    const { chain, tell } = this.#room;
    const to = generation.number;
    const from = this.#state.active;
    await this.#save({ candidate: { generation: to, phase: "switching" } });
    await chain.record("GenerationSwitched", { from, to });
    const previous = from === to ? this.#state.previous : from;
    await this.#save({ active: to, previous, candidate: null });
    this.#active = generation;
    tell(`serving generation ${to}`);
  }

  async #retire(before: Generation | null, drainMs: number): Promise<void> {
    const { chain, paths } = this.#room;
    await this.#drain(before, drainMs);
    const { active, previous, generations } = this.#state;
    const removed = generations.filter(
      ({ generation }) => generation !== active && generation !== previous,
    );
    if (before === null && removed.length === 0) return;
    const numbers = removed.map(({ generation }) => generation);
    await chain.record("GenerationRetired", {
      generation: before?.number ?? null,
      removed: numbers,
    });
    await this.#save({ generations: generations.filter((each) => !removed.includes(each)) });
    for (const number of numbers) await removeTree(generationRoot(paths, number));
  }

  async #drain(generation: Generation | null, drainMs: number): Promise<void> {
    if (generation === null) return;
    const { chain, tell } = this.#room;
    tell(`draining generation ${generation.number}`);
    this.#draining = generation;
    const ended = await generation.drain(Math.min(drainMs, this.#drainMsMax));
    this.#draining = null;
    await generation.close();
    await chain.record("GenerationDrained", { generation: generation.number, ended });
  }

  /** A candidate goes, with its files unless they are those of a generation that served. */
  async #reject(generation: number, phase: Phase, cause: CcosError): Promise<void> {
    const { chain, paths, tell } = this.#room;
    tell(`rejected generation ${generation}: ${cause.code}`);
    const facts: JsonObject = { why: cause.message };
    await chain.record("GenerationRejected", { generation, phase, code: cause.code }, facts);
    const { active, previous, candidate, generations } = this.#state;
    const served = generation === active || generation === previous;
    await this.#save({
      candidate: candidate?.generation === generation ? null : candidate,
      generations: served
        ? generations
        : generations.filter((each) => each.generation !== generation),
    });
    if (!served) await removeTree(generationRoot(paths, generation));
  }

  async #save(change: Partial<DeploymentState>): Promise<void> {
    const state = { ...this.#state, ...change };
    await writeState(this.#room.paths, state);
    this.#state = state;
  }
}

/** @throws {CcosError} `DEPLOYMENT_REJECTED`. */
async function isHealthy(
  generation: Generation,
  args: readonly JsonValue[],
  signal: AbortSignal,
): Promise<void> {
  const { end, run, answer } = await generation.run(args, null, signal);
  if (end === "well") return;
  throw new CcosError("DEPLOYMENT_REJECTED", {
    what: `Cannot call generation ${generation.number} healthy`,
    why: `its health job ended with ${answer.exitCode}${run === null ? "" : `, see ${run}`}`,
    fix: run === null ? "Read the supervisor's output" : `Run \`ccos chain show ${run}\``,
  });
}

function tooDeep(): CcosError {
  return new CcosError("USAGE", {
    what: "Cannot keep the health job",
    why: `its arguments nest deeper than ${ARGS_DEPTH_MAX}`,
    fix: "Give it flatter arguments",
  });
}

function replaced(): CcosError {
  return new CcosError("DEPLOYMENT_REJECTED", {
    what: "Cannot keep the generation that waited",
    why: "another one was deployed before it served",
    fix: "Deploy it again",
  });
}
