/**
 * Every call of a whole run that opens, makes, writes or connects fails once in turn: afterwards the chain verifies, and no effect lacks its
 * intent. The run has files, requests, results and a chain, in a process of its own each time.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyChainFile } from "../../src/chain/index.ts";
import { type Finished, type Sandbox, sandbox } from "../e2e/ccos.ts";
import {
  countingServer,
  type CountingServer,
  finished,
  startWith,
  writeAgent,
} from "./resume-world.ts";

const SLOW = 240_000;
const EFFECTS = 4;
const AT_ONCE = 2;

let server: CountingServer;
beforeAll(async () => {
  server = await countingServer();
});
afterAll(() => server.close());

/** @param call - Counts from 1; 0 fails none. */
async function runFailing(
  call: number,
): Promise<{ box: Sandbox; done: Finished; calls: string[] }> {
  const box = sandbox();
  writeAgent(box, server.port, EFFECTS);
  const names = join(box.dir, "calls");
  const env = { CCOS_TEST_FAIL: String(call), CCOS_TEST_CALLS: names };
  const child = startWith(box, ["run", "agent.rtfs"], { preload: "fail-at-call.cjs", env });
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const done = await finished(child);
  clearTimeout(timer);
  const calls = existsSync(names) ? readFileSync(names, "utf8").split("\n") : [];
  return { box, done, calls };
}

interface Evidence {
  readonly chains: readonly string[];
  readonly intents: readonly string[];
}

async function judge(box: Sandbox): Promise<Evidence> {
  const runs = join(box.home, "runs");
  const chains: string[] = [];
  const intents: string[] = [];
  for (const run of existsSync(runs) ? readdirSync(runs) : []) {
    const path = join(runs, run, "chain.jsonl");
    if (!existsSync(path)) continue;
    const verified = await verifyChainFile(path);
    chains.push(verified.kind === "valid" ? "valid" : verified.reason);
    const text = readFileSync(path, "utf8");
    for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n"))
      if (line.includes('"type":"CallIntended"')) intents.push(line);
    const files = readdirSync(join(runs, run, "workspace")).filter((name) => /^f\d+$/.test(name));
    for (const file of files)
      expect(intents.some((line) => line.includes(`write /workspace/${file}`))).toBe(true);
  }
  return { chains, intents };
}

test(
  "leaves a chain that verifies, and no effect without a record",
  async () => {
    const whole = await runFailing(0);
    expect(whole.done, whole.done.stderr).toMatchObject({ status: 0 });
    const { calls } = whole;
    expect((await judge(whole.box)).intents).toHaveLength(EFFECTS);
    whole.box.remove();
    expect(calls.length).toBeGreaterThan(40);

    const endings = new Map<number | null, number>();
    server.plain.clear();
    let plainIntents = 0;
    let next = 1;
    const worker = async (): Promise<void> => {
      for (let call = next++; call <= calls.length; call = next++) {
        const { box, done } = await runFailing(call);
        const place = `call ${call}, ${calls[call - 1]}: ${done.stderr}`;
        expect(done.signal, place).toBeNull();
        const { chains, intents } = await judge(box);
        plainIntents += intents.filter((line) => line.includes("/plain")).length;
        for (const chain of chains) expect(["valid", "torn"], place).toContain(chain);
        endings.set(done.status, (endings.get(done.status) ?? 0) + 1);
        box.remove();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    expect(server.plain.get(1)).toBeLessThanOrEqual(plainIntents);
    // A failed call is not passed over: most end the run, each with the status of its code.
    expect(
      [...endings.keys()].every((status) => [0, 1, 64, 65, 69, 70].includes(Number(status))),
    ).toBe(true);
  },
  SLOW,
);
