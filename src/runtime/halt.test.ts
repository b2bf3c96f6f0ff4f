import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ChainWriter, memoryStore, openChain } from "../chain/index.ts";
import { loadConfig } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { giveOrder, HaltWatch, liftOrder } from "./halt.ts";

const ORDER = { agent: "agent.a", reason: "audit", by: "ops", at: 5 };
let state: string;
let watch: HaltWatch;
let types: string[];

/** The host's clock. */
let nowMs = 0;

function watchOf(fields: string): HaltWatch {
  const source = `(agent.config :agent-id "agent.a" ${fields})`;
  const { config } = loadConfig(source, { file: "agent.rtfs" });
  if (config === null) throw new Error(source);
  return new HaltWatch({ stateDir: state, nowMs: () => nowMs }, config);
}

function begun(append: () => void = () => undefined): ChainWriter {
  const chain = openChain({
    store: memoryStore(),
    chainId: "run-a",
    configDigest: "sha256:c",
    nowMs: () => 0,
  });
  chain.append({ type: "RunStarted", data: { config: "sha256:c" } });
  return {
    head: chain.head,
    append(input) {
      append();
      types.push(input.type);
      return chain.append(input);
    },
    commit: () => chain.commit(),
    close: () => chain.close(),
  };
}

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "ccos-halt-"));
  watch = watchOf("");
  types = [];
});
afterEach(() => {
  watch.close();
  rmSync(state, { recursive: true });
});

describe("HaltWatch", () => {
  test("lets calls pass until there is an order, then none, and records it once", async () => {
    watch.begin(begun());
    expect([watch.admit(), watch.verdict()]).toEqual([null, null]);
    await giveOrder(state, ORDER);
    const refusal = {
      code: "AGENT_HALTED",
      rule: "halt",
      reason: expect.stringContaining("audit"),
    };
    expect(watch.admit()).toMatchObject({ ...refusal, how: "denied" });
    expect(watch.verdict()).toMatchObject({ ...refusal, kind: "deny" });
    await liftOrder(state, "agent.a");
    expect(watch.admit()).toMatchObject(refusal);
    expect(types).toEqual(["EmergencyStopped"]);
    expect(watch.signal.aborted).toBe(true);
    expect(watch.stopped).toBe("AGENT_HALTED");
  });

  test("sees an order without a call", async () => {
    watch.begin(begun());
    await giveOrder(state, { ...ORDER, agent: null });
    await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), { timeout: 20_000 });
    expect(types).toEqual(["EmergencyStopped"]);
  });

  test("is not moved by the order of another agent", async () => {
    watch.begin(begun());
    await giveOrder(state, { ...ORDER, agent: "agent.ab" });
    expect(watch.admit()).toBeNull();
    expect(() => watch.refuseStart()).not.toThrow();
  });

  test("ends the run though the order cannot be recorded, and refuses the call by an error", async () => {
    const full = (): void => {
      throw new CcosError("CHAIN_UNWRITABLE", { what: "Cannot write", why: "the disk is full" });
    };
    watch.begin(begun(full));
    await giveOrder(state, ORDER);
    await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), { timeout: 20_000 });
    expect(watch.admit() ?? "passed").not.toBe("passed");
  });

  test("refuses a call before the chain has begun, and records the order when it has", async () => {
    await giveOrder(state, ORDER);
    expect(watch.admit()).toMatchObject({ code: "AGENT_HALTED" });
    expect(watch.signal.aborted).toBe(false);
    watch.begin(begun());
    expect(watch.admit()).toMatchObject({ code: "AGENT_HALTED" });
    expect(types).toEqual(["EmergencyStopped"]);
  });

  test("ends the run when its validity does, and records that once", async () => {
    nowMs = Date.parse("2026-11-22T07:59:59Z");
    watch = watchOf(':validity {:until "2026-11-22T08:00:00Z"}');
    watch.begin(begun());
    expect([watch.admit(), watch.verdict()]).toEqual([null, null]);
    nowMs += 1000;
    await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), { timeout: 20_000 });
    const denied = { code: "OUTSIDE_VALIDITY", rule: "validity" };
    expect([watch.admit(), watch.verdict()]).toMatchObject([denied, denied]);
    expect([types, watch.stopped]).toEqual([["LimitReached"], "OUTSIDE_VALIDITY"]);
  });

  test("refuses a start outside of every window, with the reason", () => {
    nowMs = Date.parse("2026-11-22T12:00:00Z");
    const windows = (days: string): string => `:validity {:windows [{:days [${days}]}]}`;
    expect(() => watchOf(windows(":mon :tue")).refuseStart()).toThrow(/no window .* is open/);
    expect(() => watchOf(windows(":sun")).refuseStart()).not.toThrow();
  });
});
