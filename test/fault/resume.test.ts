/**
 * A run whose supervisor is really killed, at each record of its effects, and goes on: a real server counts what took
 * place.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Sandbox, sandbox } from "../e2e/ccos.ts";
import {
  ccosKilled,
  countingServer,
  type CountingServer,
  type Moment,
  recordsOf,
  runPath,
  writeAgent,
} from "./resume-world.ts";

const SLOW = 240_000;
const EFFECTS = 50;
const KILLED = { status: null, signal: "SIGKILL" };
/** The answer of the server, as an operator who found the effect done would give it. */
const answerTo = (effect: number): string =>
  `{:status 200 :headers {} :body "ok ${effect}" :encoding "utf-8"}`;

let server: CountingServer;
let box: Sandbox;
beforeAll(async () => {
  server = await countingServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.plain.clear();
  server.keyed.clear();
  box = sandbox();
});
afterEach(() => box.remove());

function expectEachOnce(effects: number): void {
  for (let effect = 0; effect < effects; effect++) {
    const workspace = join(runPath(box), "workspace");
    if (effect % 4 === 0) expect(server.keyed.get(`key-${effect}`)).toBeGreaterThan(0);
    if (effect % 4 === 1) expect([effect, server.plain.get(effect)]).toEqual([effect, 1]);
    if (effect % 4 === 3)
      expect(readFileSync(join(workspace, `f${effect}`), "utf8")).toBe(`content ${effect}`);
  }
}

/** What an operator does with a plain request in doubt: look at the server, then say what is there. */
async function resumeKilled(effect: number, moment: Moment): Promise<void> {
  const isPlain = effect % 4 === 1;
  if (isPlain && effect < 8) {
    const refused = await ccosKilled(box, ["resume", "last"], moment);
    expect(refused).toMatchObject({ status: 65, signal: null });
    expect(refused.stderr).toContain(`call ${effect + 1}, POST`);
    expect(refused.stderr).toContain("RESUME_IN_DOUBT");
  }
  const isDone = server.plain.get(effect) === 1;
  const told = isDone ? ["--assume-done", answerTo(effect)] : ["--assume-not-done"];
  const args = ["resume", "last", ...(isPlain ? told : [])];
  const killed = await ccosKilled(box, args, moment);
  expect(killed, killed.stderr).toMatchObject(KILLED);
}

const typesNow = (): readonly string[] => recordsOf(box).map(({ type }) => type);

async function expectSound(): Promise<void> {
  const verified = await box.run(["chain", "verify", "last", "--replay"]);
  expect(verified.stderr).toContain("chain VALID");
  expect(verified.stderr).toContain("replay IDENTICAL");
  expect(verified.status).toBe(0);
}

describe("a run that is killed at each record of its effects", () => {
  test(
    "goes on each time, and each of its 50 effects takes place once",
    async () => {
      writeAgent(box, server.port, EFFECTS);
      const begun = await ccosKilled(box, ["run", "agent.rtfs"], "after CallIntended");
      expect(begun, begun.stderr).toMatchObject(KILLED);
      for (let effect = 0; effect < EFFECTS; effect++) {
        // Its intent is durable and it was not made: it is made, and dies before that is recorded.
        await resumeKilled(effect, "before CallCompleted");
        if (effect % 4 === 0) expect(server.keyed.get(`key-${effect}`)).toBe(1);
        if (effect % 4 === 1) expect(server.plain.get(effect)).toBe(1);
        // It is recorded; the next one is intended.
        const isLast = effect + 1 === EFFECTS;
        await resumeKilled(effect, isLast ? "after CallCompleted" : "after CallIntended");
      }
      const done = await ccosKilled(box, ["resume", "last"], null);
      expect(done, done.stderr).toMatchObject({ status: 0, stdout: `${EFFECTS}\n` });
      expectEachOnce(EFFECTS);
      const types = typesNow();
      expect(types.filter((type) => type === "CallIntended")).toHaveLength(EFFECTS);
      expect(types.filter((type) => type === "CallCompleted")).toHaveLength(EFFECTS);
      expect(types.filter((type) => type === "RunResumed")).toHaveLength(2 * EFFECTS + 1);
      await expectSound();
    },
    SLOW,
  );

  const MOMENTS: readonly Moment[] = [
    "after RunStarted",
    "torn RunStarted",
    "before CallIntended",
    "torn CallIntended",
    "torn CallCompleted",
    "before BooksBalanced",
    "torn BooksBalanced",
    "after RunCompleted",
  ];
  test.each(MOMENTS)("%s: goes on to the same end", async (moment) => {
    writeAgent(box, server.port, 1);
    expect(await ccosKilled(box, ["run", "agent.rtfs"], moment)).toMatchObject(KILLED);
    const resumed = await box.run(["resume", "last"]);
    if (moment === "torn RunStarted") {
      expect(resumed.stderr).toContain("killed before its first record");
      expect(resumed.status).toBe(65);
      return;
    }
    expect(resumed, resumed.stderr).toMatchObject({ status: 0, stdout: "1\n" });
    expect(typesNow().slice(-1)).toEqual(["RunCompleted"]);
    expect(typesNow().filter((type) => type === "CallIntended")).toHaveLength(1);
    await expectSound();
  });

  test("after RunResumed: goes on once more", async () => {
    writeAgent(box, server.port, 3);
    expect(await ccosKilled(box, ["run", "agent.rtfs"], "after CallIntended")).toMatchObject(
      KILLED,
    );
    expect(await ccosKilled(box, ["resume", "last"], "after RunResumed")).toMatchObject(KILLED);
    expect(server.keyed.size).toBe(0);
    expect(await box.run(["resume", "last"])).toMatchObject({ status: 0, stdout: "3\n" });
    expect(typesNow().filter((type) => type === "RunResumed")).toHaveLength(2);
    expectEachOnce(3);
    await expectSound();
  });
});

describe("resume", () => {
  /** A run of four effects, killed behind the first. */
  async function killedRun(): Promise<void> {
    writeAgent(box, server.port, 4);
    const killed = await ccosKilled(box, ["run", "agent.rtfs"], "after CallCompleted");
    expect(killed, killed.stderr).toMatchObject(KILLED);
  }

  async function expectRefused(args: readonly string[], why: RegExp): Promise<void> {
    const before = readFileSync(join(runPath(box), "chain.jsonl"));
    const refused = await box.run(["resume", "last", ...args]);
    expect(refused.stderr).toMatch(why);
    expect(refused.status).toBeGreaterThan(0);
    expect(readFileSync(join(runPath(box), "chain.jsonl"))).toEqual(before);
    expect(existsSync(join(runPath(box), "head.json"))).toBe(false);
  }

  test("that two processes begin at once is made by one", async () => {
    await killedRun();
    const both = await Promise.all([1, 2].map(() => box.run(["resume", "last"])));
    expect(both.filter(({ status }) => status === 0)).toHaveLength(1);
    expect(both.map(({ stderr }) => stderr).join()).toMatch(
      /RUN_LOCKED|head is signed|still writes/,
    );
    expectEachOnce(4);
    await expectSound();
  });

  test("of a run that is over, running or not there is refused", async () => {
    writeAgent(box, server.port, 4);
    expect((await box.run(["run", "agent.rtfs"])).status).toBe(0);
    const over = await box.run(["resume", "last"]);
    expect(over.stderr).toContain("its head is signed");
    expect(over.status).toBe(65);
    expect((await box.run(["resume", "run-nothing"])).stderr).toContain("RUN_NOT_FOUND");
  });

  test("with changed inputs, a changed chain or an erased result is refused, and changes nothing", async () => {
    await killedRun();
    const inputs = join(runPath(box), "inputs.json");
    const kept = readFileSync(inputs, "utf8");
    writeFileSync(inputs, kept.replace("/workspace/f", "/workspace/g"));
    await expectRefused([], /RESUME_REFUSED.*|changed since it began: plan/s);
    writeFileSync(inputs, kept.replace("agent.resumed", "agent.other"));
    await expectRefused([], /changed since it began: agent, config/);
    writeFileSync(inputs, kept);

    const key = join(runPath(box), "payload.key");
    renameSync(key, `${key}.away`);
    await expectRefused([], /its key is erased/);
    renameSync(`${key}.away`, key);

    const chain = join(runPath(box), "chain.jsonl");
    const lines = readFileSync(chain, "utf8");
    writeFileSync(chain, lines.replace('"call":1', '"call":7'));
    await expectRefused([], /CHAIN_INTEGRITY/);
    writeFileSync(chain, lines);
    expect((await box.run(["resume", "last"])).status).toBe(0);
  });

  test("takes the operator's word only where a call is in doubt, and only for what the call can answer", async () => {
    await killedRun();
    await expectRefused(["--assume-not-done"], /no call of it is in doubt/);
    await expectRefused(["--assume-not-done", "--assume-done", "1"], /USAGE/);
    await expectRefused(["--assume-done", "(1"], /USAGE/);
    const again = await ccosKilled(box, ["resume", "last"], "after CallIntended");
    expect(again, again.stderr).toMatchObject(KILLED);
    await expectRefused([], /RESUME_IN_DOUBT/);
    await expectRefused(["--assume-done", '{:status "201"}'], /the contract says/);
    const told = await box.run(["resume", "last", "--assume-done", answerTo(1)]);
    expect(told, told.stderr).toMatchObject({ status: 0 });
    expect(server.plain.size).toBe(0);
    const resumed = recordsOf(box).filter(({ type }) => type === "RunResumed");
    expect(resumed.map(({ facts }) => facts["doubt"])).toContainEqual({
      call: 2,
      how: "assumed-done",
    });
    await expectSound();
  });

  test("of a run that its limit on time had ended seals it", async () => {
    writeAgent(box, server.port, 4);
    box.write("p.rtfs", "(loop [n 0] (recur (+ n 1)))");
    box.write(
      "agent.rtfs",
      '(agent.config :version "0.1" :agent-id "agent.slow" :plan "p.rtfs" :limits {:wall-ms 300 :fuel 1000000000000})',
    );
    const killed = await ccosKilled(box, ["run", "agent.rtfs"], "torn BooksBalanced");
    expect(killed, killed.stderr).toMatchObject(KILLED);
    expect(typesNow().slice(-1)).not.toEqual(["RunFailed"]);
    const sealed = await box.run(["resume", "last"]);
    expect(sealed.stderr).toContain("had ended by LIMIT_TIME");
    expect(sealed.status).toBe(124);
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toContain("chain VALID");
    expect(verified.stderr).toContain("replay IDENTICAL");
  });

  test("of a program that is not a plan is refused", async () => {
    box.write("program.rtfs", '(agent.config :version "0.1" :agent-id "agent.program")');
    const args = ["run", "--policy", "program.rtfs", "--", "sh", "-c", "exit 0"];
    expect(await ccosKilled(box, args, "before RunCompleted")).toMatchObject(KILLED);
    await expectRefused([], /the inside of an external program cannot be brought back/);
  });
});
