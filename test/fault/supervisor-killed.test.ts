/**
 * A supervisor that is really killed, at each record of its start and of a replacement; and the one that comes after it.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { descendants, isGone, processFacts, removeTree } from "../../src/host/index.ts";
import { type Sandbox, sandbox } from "../e2e/ccos.ts";
import {
  killSupervisors,
  packAgents,
  recordsOf,
  startSupervisor,
  until,
} from "../e2e/supervisor.ts";

const SLOW = 120_000;
const SERVING = /state serving/;

let box: Sandbox;
beforeAll(async () => {
  box = sandbox();
  await packAgents(box);
}, SLOW);
afterAll(async () => {
  await killSupervisors();
  await removeTree(box.dir);
});

async function ccos(args: readonly string[]): Promise<string> {
  const done = await box.run(args);
  expect(done, done.stderr).toMatchObject({ status: 0 });
  return done.stdout;
}

async function statusOf(name: string): Promise<Record<string, unknown>> {
  return (await box.json(["status", name])).value;
}

const deploymentDir = (name: string): string => join(box.home, "deployments", name);
const typesOf = (name: string): readonly string[] => recordsOf(box, name).map(({ type }) => type);

async function statusUntil(
  name: string,
  isSo: (status: Record<string, unknown>) => boolean,
): Promise<void> {
  const deadline = performance.now() + SLOW;
  while (!isSo(await statusOf(name)))
    if (performance.now() > deadline) throw new Error("It never came to be so");
}

describe("a supervisor that is killed", () => {
  /** The records of a replacement, and those of a start. */
  const MOMENTS = [
    "SupervisorStarted",
    "GenerationAttested",
    "GenerationSwitched",
    "GenerationStaged 2",
    "GenerationAttested 2",
    "GenerationHealthy 2",
    "GenerationSwitched 2",
    "GenerationDrained",
    "GenerationRetired",
  ] as const;

  test.concurrent.each(MOMENTS)(
    "when %s is recorded leaves the old or the new generation, and nothing else",
    async (moment) => {
      const name = `killed-${MOMENTS.indexOf(moment)}`;
      const [type, number] = moment.split(" ");
      const isTold = (): boolean =>
        recordsOf(box, name).some(
          (each) =>
            each.type === type &&
            (number === undefined || [each.data["generation"], each.data["to"]].includes(2)),
        );
      await ccos(["deploy", "one.package", "--name", name]);
      const killed = startSupervisor(box, name);
      const isFirst = MOMENTS.indexOf(moment) < 3;
      let deploying: Promise<unknown> = Promise.resolve();
      if (!isFirst) {
        await killed.says(SERVING);
        deploying = box.run(["deploy", "two.package", "--name", name]);
      }
      await until(isTold);
      const tree = descendants(killed.pid).map((pid) => [pid, processFacts(pid)?.startTicks ?? 0]);
      await killed.kill("SIGKILL");
      await deploying;
      await until(() => tree.every(([pid = 0, ticks = 0]) => isGone(pid, ticks)));
      const before = await box.run(["chain", "verify", `deployment-${name}`]);
      expect(before.stderr).toMatch(/UNSEALED|torn/);
      // What a killed one may have been writing.
      mkdirSync(join(deploymentDir(name), "generations", "making-9"), { recursive: true });

      const next = startSupervisor(box, name);
      await next.says(SERVING);
      await until(() => !typesOf(name).slice(-1).includes("GenerationSwitched"));
      const { active, candidate } = await statusUntilStill(name);
      expect([1, 2]).toContain(active);
      expect(candidate).toBeNull();
      expect(await ccos(["call", name])).toBe(active === 1 ? '"one 0"\n' : '"two 0"\n');
      expect(readdirSync(join(deploymentDir(name), "generations"))).not.toContain("making-9");
      const walls = readdirSync(tmpdir()).filter((each) =>
        each.startsWith(`ccos-wall-${killed.pid}-`),
      );
      expect(walls).toEqual([]);
      await ccos(["stop", name]);
      expect(await next.over).toBe(0);
      expect(existsSync(join(deploymentDir(name), "control.sock"))).toBe(false);
      await ccos(["chain", "verify", `deployment-${name}`]);
    },
    SLOW,
  );

  async function statusUntilStill(name: string): Promise<Record<string, unknown>> {
    await statusUntil(name, (status) => status["candidate"] === null);
    return await statusOf(name);
  }
});
