/**
 * The real host (gate, link, tracker, conduct) against a guest that broke its evaluator and owns its end of the channel.
 *
 * @module
 */
import { PassThrough } from "node:stream";
import { memoryStore, openChain } from "../../src/chain/index.ts";
import { encodeFrame, FrameReader } from "../../src/foundation/framing.ts";
import type { JsonObject } from "../../src/foundation/json.ts";
import type { Execution } from "../../src/isolation/index.ts";
import type { Observed } from "../../src/runtime/books.ts";
import { type Conducted, conductPlan } from "../../src/runtime/conduct.ts";
import type { Executed } from "../../src/runtime/gate-guard.ts";
import type { Launched } from "../../src/runtime/guest-launch.ts";
import { GuestLink } from "../../src/runtime/guest-link.ts";
import { prepareRun } from "../../src/runtime/prepare.ts";

const PLAN =
  '(dotimes [n 5000] (call :ccos.echo "a")) (if (empty? args) (step "sum" (call :ccos.math.add 1 2)))';
const IMAGE = `sha256:${"0".repeat(64)}`;
export interface Attacked extends Conducted {
  readonly records: readonly { readonly type: string; readonly data: JsonObject }[];
  readonly executed: readonly string[];
  readonly answers: readonly JsonObject[];
  /** The program as the guest got it. */
  readonly execute: JsonObject | undefined;
}

export interface Attack {
  /** Sent when the program arrived. */
  readonly bytes?: Uint8Array;
  /** Said in this order; after a call, when its answer arrived. */
  readonly claims?: readonly { readonly type: string }[];
  /** Sent right behind `ready`. */
  readonly early?: Uint8Array;
  /** Fields of the config. */
  readonly config?: string;
  readonly value?: Executed;
  /** Sent when the first answer arrived. */
  readonly then?: Uint8Array;
  readonly plan?: string;
  /** What broker, file port and wall counted; absent: nothing. */
  readonly seen?: Partial<Observed>;
  /** Module texts that lie ready. */
  readonly modules?: readonly { name: string; file: string; source: string }[];
}

const NOTHING_SEEN: Observed = {
  network: 0,
  sentBytes: 0,
  receivedBytes: 0,
  files: 0,
  strayBytes: null,
};

interface Heard {
  readonly programs: JsonObject[];
  readonly answers: JsonObject[];
}

/** One run of `plan` by the forger. */
export async function attack(attempt: Attack): Promise<Attacked> {
  const { config = "", value, plan = PLAN, modules = [], seen = {} } = attempt;
  const prepared = prepareRun({
    configFile: "agent.rtfs",
    configSource: `(agent.config :version "0.1" :agent-id "agent.test" :plan "plan.rtfs" ${config})`,
    planFile: "plan.rtfs",
    planSource: plan,
    modules,
    command: null,
    staged: [],
    production: false,
  });
  const store = memoryStore();
  const chain = openChain({
    store,
    chainId: "run-01HF7YAT00000000000000000A",
    configDigest: prepared.digests.config,
    nowMs: () => 0,
  });
  const executed: string[] = [];
  const heard: Heard = { programs: [], answers: [] };
  const conducted = await conductPlan(
    prepared,
    {
      chain,
      room: {
        execute: (call) => {
          executed.push(call.capability.manifest.id);
          return Promise.resolve(value ?? { ok: true, value: 3, facts: {} });
        },
        matchSecrets: () => [],
        placeholders: [],
        keepResult: () => undefined,
      },
      observed: () => ({ ...NOTHING_SEEN, ...seen }),
      endEffects: () => undefined,
      startFacts: {},
    },
    {
      guestDigest: IMAGE,
      launched: () => Promise.resolve(forger(attempt, heard)),
      observe: () => undefined,
      signal: new AbortController().signal,
    },
  );
  const lines = Buffer.from(store.bytes()).toString("utf8").trimEnd().split("\n");
  const records = lines.map((line) => (JSON.parse(line) as { body: Attacked["records"][0] }).body);
  const { answers, programs } = heard;
  return { ...conducted, records, executed, answers, execute: programs[0] };
}

/** Repeats the session key as it must, then says whatever it was told to. */
function forger({ early, bytes, then, claims = [] }: Attack, heard: Heard): Launched {
  let said = 0;
  const goOn = (): void => {
    while (said < claims.length) {
      const claim = claims[said++]!;
      readable.write(encodeFrame(claim));
      if (claim.type === "call") return;
    }
  };
  const readable = new PassThrough();
  const writable = new PassThrough();
  const reader = new FrameReader();
  writable.on("data", (chunk: Buffer) => {
    const frames = reader.push(new Uint8Array(chunk));
    for (const frame of frames.ok ? frames.value : []) {
      const message = frame as { type: string; session: string };
      if (message.type === "execute") {
        heard.programs.push(frame as JsonObject);
        if (bytes !== undefined) readable.write(bytes);
        goOn();
      }
      if (message.type === "result") {
        heard.answers.push(frame as JsonObject);
        if (then !== undefined) readable.write(then);
        goOn();
      }
      if (message.type !== "hello") continue;
      const ready = { type: "ready", version: 1, session: message.session, image: IMAGE };
      readable.write(Buffer.concat([encodeFrame(ready), early ?? new Uint8Array()]));
    }
  });
  const silent = (): PassThrough => new PassThrough().end();
  const channel = { readable, writable };
  const execution: Execution = {
    channel,
    stdin: silent(),
    stdout: silent(),
    stderr: silent(),
    ending: Promise.resolve({ kind: "exited", status: 0 }),
    usage: () => null,
    restartClock: () => true,
  };
  const session = {
    execute: () => Promise.reject(new TypeError("the forger already runs")),
    close: () => Promise.resolve(),
  };
  const link = new GuestLink(channel, {
    session: "k".repeat(64),
    tellsSession: true,
    image: IMAGE,
  });
  return { session, execution, link };
}
