/**
 * Attacks G6: a guest that broke its evaluator speaks well-formed frames, and claims what its plan does not have.
 *
 * The host's side is the real one (gate, link, tracker, conduct); the guest is a forger on the channel.
 */
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { memoryStore, openChain } from "../../src/chain/index.ts";
import { encodeFrame, FrameReader } from "../../src/foundation/framing.ts";
import type { JsonObject } from "../../src/foundation/json.ts";
import type { Execution, Session } from "../../src/isolation/index.ts";
import { type Conducted, conductPlan } from "../../src/runtime/conduct.ts";
import { prepareRun } from "../../src/runtime/prepare.ts";

const PLAN = '(step "sum" (call :ccos.math.add 1 2)) (step "say" (call :ccos.echo "a"))';
const CONFIG = '(agent.config :version "0.1" :agent-id "agent.test" :plan "plan.rtfs")';
const IMAGE = `sha256:${"0".repeat(64)}`;

interface Attacked extends Conducted {
  readonly records: readonly { readonly type: string; readonly data: JsonObject }[];
  readonly executed: readonly string[];
}

/** Runs the plan's host against a guest that answers the greeting and then sends `claims`. */
async function attack(claims: readonly object[]): Promise<Attacked> {
  const prepared = prepareRun({
    configFile: "agent.rtfs",
    configSource: CONFIG,
    planFile: "plan.rtfs",
    planSource: PLAN,
    modules: [],
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
  const conducted = await conductPlan(
    prepared,
    {
      chain,
      room: {
        execute: (call) => {
          executed.push(call.capability.manifest.id);
          return Promise.resolve({ ok: true, value: 3, facts: {} });
        },
        matchSecrets: () => [],
        placeholders: [],
        keepResult: () => undefined,
      },
      egressStarted: () => 0,
      endEffects: () => undefined,
      startFacts: {},
    },
    {
      guestDigest: IMAGE,
      launched: () => Promise.resolve({ session: SESSION, execution: forger(claims) }),
      observe: () => undefined,
      signal: new AbortController().signal,
    },
  );
  const lines = Buffer.from(store.bytes()).toString("utf8").trimEnd().split("\n");
  const records = lines.map((line) => (JSON.parse(line) as { body: Attacked["records"][0] }).body);
  return { ...conducted, records, executed };
}

const SESSION: Session = {
  execute: () => Promise.reject(new TypeError("the forger already runs")),
  close: () => Promise.resolve(),
};

/** A guest that repeats the session key as it must, then says whatever it was told to. */
function forger(claims: readonly object[]): Execution {
  const readable = new PassThrough();
  const writable = new PassThrough();
  const reader = new FrameReader();
  writable.on("data", (chunk: Buffer) => {
    const frames = reader.push(new Uint8Array(chunk));
    for (const frame of frames.ok ? frames.value : []) {
      const greeting = frame as { type: string; session: string };
      if (greeting.type !== "hello") continue;
      readable.write(
        encodeFrame({ type: "ready", version: 1, session: greeting.session, image: IMAGE }),
      );
      for (const claim of claims) readable.write(encodeFrame(claim));
    }
  });
  const silent = (): PassThrough => new PassThrough().end();
  return {
    channel: { readable, writable },
    stdin: silent(),
    stdout: silent(),
    stderr: silent(),
    ending: Promise.resolve({ kind: "exited", status: 0 }),
    usage: () => null,
    restartClock: () => true,
  };
}

const enter = (name: string): object => ({ type: "step", event: "enter", name });
const leave = (name: string): object => ({ type: "step", event: "leave", name });
const call = (capability: string, id = 1): object => ({
  type: "call",
  id,
  capability,
  args: [1, 2],
});
const DONE = { type: "result", ok: true, value: 3 };

describe("a forged guest", () => {
  test("that keeps to its plan is served, so the refusals below are the claims'", async () => {
    const { outcome, executed, books } = await attack([
      enter("sum"),
      call("ccos.math.add"),
      leave("sum"),
      DONE,
    ]);
    expect(outcome).toEqual({ kind: "value", value: 3 });
    expect(executed).toEqual(["ccos.math.add"]);
    expect(books.balanced).toBe(true);
  });

  test.each<[string, readonly object[], string]>([
    ["a step that the plan does not have", [enter("admin")], 'the plan has no step "admin"'],
    ["a step named as a prototype's key", [enter("__proto__")], 'the plan has no step "__proto__"'],
    ["the end of a step that is not open", [leave("sum")], 'step "sum" is not the open step'],
    [
      "the end of the outer step before the inner one's",
      [enter("sum"), enter("say"), leave("sum")],
      'step "sum" is not the open step',
    ],
    [
      "steps without end",
      Array.from({ length: 257 }, () => enter("sum")),
      "steps nest deeper than 256",
    ],
    [
      "a call outside its step",
      [call("ccos.math.add")],
      'the plan has no call of "ccos.math.add" outside any step',
    ],
    [
      "another step's call",
      [enter("say"), call("ccos.math.add")],
      'the plan has no call of "ccos.math.add" in step "say"',
    ],
    [
      "a capability that the config grants and the plan does not have",
      [enter("sum"), call("ccos.json.parse")],
      'the plan has no call of "ccos.json.parse" in step "sum"',
    ],
    [
      "another spelling of its own call",
      [enter("sum"), call(":ccos.math.add")],
      'the plan has no call of ":ccos.math.add" in step "sum"',
    ],
  ])("that claims %s ends the run; nothing is executed and the chain says why", async (...row) => {
    const [, claims, reason] = row;
    const { outcome, executed, records } = await attack([...claims, DONE]);
    expect(outcome).toMatchObject({ kind: "failed", code: "PROTOCOL_VIOLATION", message: reason });
    expect(executed).toEqual([]);
    expect(records).toContainEqual(
      expect.objectContaining({ type: "SecurityViolation", data: { reason } }),
    );
    expect(records.at(-1)).toMatchObject({ type: "RunFailed" });
  });
});
