/**
 * Deployments, end to end and behind real walls: packaged, supervised, called, replaced, rolled back; refused what is not
 * healthy; asked in hostile ways; opened in an emergency.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { descendants, processFacts, removeTree } from "../../src/host/index.ts";
import { pureConfig, type Sandbox, sandbox } from "./ccos.ts";
import {
  connectAs,
  killSupervisors,
  packAgents,
  recordsOf,
  saidTo,
  startSupervisor,
  until,
} from "./supervisor.ts";

const SLOW = 120_000;
const SERVING = /state serving/;

let box: Sandbox;
let server: Server;
/** Answers that jobs of `held.package` wait for. */
const held: ServerResponse[] = [];
beforeAll(async () => {
  box = sandbox();
  server = createServer((_, response) => void held.push(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  box.write(
    "held.plan.rtfs",
    `(get (call :ccos.network.http-fetch {:url "http://localhost:${port}/"}) :body)`,
  );
  box.write(
    "held.rtfs",
    pureConfig(
      "held.plan.rtfs",
      `:features [:network] :capabilities {:http {:enabled true}} :network {:enabled true :egress {:via :proxy
         :rules [{:host "localhost" :schemes [:http] :ports [${port}] :methods [:GET] :addresses ["127.0.0.0/8" "::1/128"]}]}}`,
    ),
  );
  await ccos(["package", "held.rtfs", "--out", "held.package"]);
  await packAgents(box);
  for (const [name, plan] of [["sick", '(if (empty? args) "sick" (+ 1 :a))']] as const) {
    box.write(`${name}.plan.rtfs`, plan);
    box.write(`${name}.rtfs`, pureConfig(`${name}.plan.rtfs`));
    await ccos(["package", `${name}.rtfs`, "--out", `${name}.package`]);
  }
}, SLOW);
afterAll(async () => {
  await killSupervisors();
  server.closeAllConnections();
  server.close();
  await removeTree(box.dir);
});

async function ccos(args: readonly string[], status = 0): Promise<string> {
  const done = await box.run(args);
  expect(done, done.stderr).toMatchObject({ status });
  return status === 0 ? done.stdout : done.stderr;
}

async function statusOf(name: string): Promise<Record<string, unknown>> {
  return (await box.json(["status", name])).value;
}

const deploymentDir = (name: string): string => join(box.home, "deployments", name);
const typesOf = (name: string): readonly string[] => recordsOf(box, name).map(({ type }) => type);

describe("a deployment", () => {
  afterEach(killSupervisors);

  test(
    "serves what was deployed, then the next generation, then the one before again",
    async () => {
      expect(await ccos(["deploy", "one.package", "--name", "life"])).toContain("stopped");
      const supervisor = startSupervisor(box, "life");
      await supervisor.says(SERVING);
      expect(await ccos(["call", "life", "--args", "[1,2]"])).toBe('"one 3"\n');
      const job = await box.json(["call", "life"]);
      expect(job).toMatchObject({ status: 0, value: { ok: true, outcome: { value: "one 0" } } });
      const run = String(job.value["run"]);

      const deployed = await ccos(["deploy", "two.package", "--name", "life", "--health", "[4]"]);
      expect(deployed).toMatch(/active +2/);
      expect(await ccos(["call", "life"])).toBe('"two 0"\n');
      await ccos(["rollback", "life"]);
      expect(await ccos(["call", "life"])).toBe('"one 0"\n');
      expect(await statusOf("life")).toMatchObject({ active: 1, previous: 2, candidate: null });

      await ccos(["stop", "life"]);
      expect(await supervisor.over).toBe(0);
      expect(readdirSync(deploymentDir("life")).sort()).toEqual([
        "chain.jsonl",
        "consoles",
        "generations",
        "head.json",
        "state.json",
      ]);
      for (const chain of ["deployment-life", run]) await ccos(["chain", "verify", chain]);
      await ccos(["chain", "verify", run, "--replay"]);
      const replaced = ["Staged", "Attested", "Healthy", "Switched", "Drained", "Retired"];
      const told = typesOf("life");
      const second = told.lastIndexOf("GenerationStaged");
      expect(told.slice(second, second + 6)).toEqual(replaced.map((each) => `Generation${each}`));
    },
    SLOW,
  );

  test(
    "keeps two generations' files, and removes older ones",
    async () => {
      for (const name of ["one", "two", "one"])
        await ccos(["deploy", `${name}.package`, "--name", "files"]);
      // Nobody ran: each replaced the one that waited.
      expect(readdirSync(join(deploymentDir("files"), "generations"))).toEqual(["3"]);
      const supervisor = startSupervisor(box, "files");
      await supervisor.says(SERVING);
      for (const name of ["two", "one"])
        await ccos(["deploy", `${name}.package`, "--name", "files"]);
      expect(readdirSync(join(deploymentDir("files"), "generations"))).toEqual(["4", "5"]);
      const file = statSync(join(deploymentDir("files"), "generations", "5", "agent.rtfs"));
      expect(file.mode & 0o777).toBe(0o444);
      expect(await supervisor.kill("SIGTERM")).toBe(0);
      await ccos(["chain", "verify", "deployment-files"]);
    },
    SLOW,
  );

  test(
    "drains: a job ends on the generation it began on, the next begins on the new one, at the same time",
    async () => {
      await ccos(["deploy", "held.package", "--name", "drain"]);
      const supervisor = startSupervisor(box, "drain");
      await supervisor.says(SERVING);
      const long = box.json(["call", "drain"]);
      await until(() => held.length === 1);
      const deploying = ccos(["deploy", "two.package", "--name", "drain"]);
      await supervisor.says(/draining generation 1/);
      const short = await box.json(["call", "drain"]);
      expect(short.value).toMatchObject({ outcome: { value: "two 0" } });
      expect(typesOf("drain")).not.toContain("GenerationDrained");
      held.pop()?.end("let go");
      const [longJob] = await Promise.all([long, deploying]);
      expect(longJob.value).toMatchObject({ outcome: { value: "let go" } });
      expect(longJob.value["run"]).not.toBe(short.value["run"]);
      const drained = recordsOf(box, "drain").find(({ type }) => type === "GenerationDrained");
      expect(drained?.data).toEqual({ generation: 1, ended: 0 });
    },
    SLOW,
  );

  test(
    "that drains for long is told to end, and ends in the time that it is told",
    async () => {
      await ccos(["deploy", "held.package", "--name", "hurry"]);
      const supervisor = startSupervisor(box, "hurry");
      await supervisor.says(SERVING);
      const long = box.json(["call", "hurry"]);
      await until(() => held.length === 1);
      const deploying = box.run([
        "deploy",
        "two.package",
        "--name",
        "hurry",
        "--drain-timeout",
        "1h",
      ]);
      await supervisor.says(/draining generation 1/);
      await ccos(["stop", "hurry", "--drain-timeout", "1ms"]);
      expect((await long).value).toMatchObject({ ok: false, outcome: { code: "CANCELLED" } });
      held.pop()?.destroy();
      expect(await supervisor.over).toBe(0);
      await deploying;
      const [drained] = recordsOf(box, "hurry").filter(({ type }) => type === "GenerationDrained");
      expect(drained?.data).toEqual({ generation: 1, ended: 1 });
    },
    SLOW,
  );

  test(
    "ends jobs that outlast the drain",
    async () => {
      await ccos(["deploy", "held.package", "--name", "cut"]);
      const supervisor = startSupervisor(box, "cut");
      await supervisor.says(SERVING);
      const long = box.json(["call", "cut"]);
      await until(() => held.length === 1);
      await ccos(["stop", "cut", "--drain-timeout", "1ms"]);
      expect((await long).value).toMatchObject({ ok: false, outcome: { code: "CANCELLED" } });
      held.pop()?.destroy();
      expect(await supervisor.over).toBe(0);
    },
    SLOW,
  );
});

describe("a generation that is not healthy", () => {
  afterEach(killSupervisors);

  test(
    "is rejected, recorded, and leaves what served before",
    async () => {
      await ccos(["deploy", "one.package", "--name", "gate"]);
      const supervisor = startSupervisor(box, "gate");
      await supervisor.says(SERVING);
      const rejected = ["deploy", "sick.package", "--name", "gate", "--health", "[1]"];
      expect(await ccos(rejected, 69)).toContain("DEPLOYMENT_REJECTED");

      const bad = join(box.dir, "bad.package");
      await ccos(["package", "two.rtfs", "--out", "bad.package"]);
      chmodSync(join(bad, "two.plan.rtfs"), 0o600);
      writeFileSync(join(bad, "two.plan.rtfs"), "666");
      expect(await ccos(["deploy", "bad.package", "--name", "gate"], 65)).toContain(
        '"two.plan.rtfs"',
      );
      expect(await ccos(["call", "gate"])).toBe('"one 0"\n');
      expect(await statusOf("gate")).toMatchObject({ active: 1, previous: null, candidate: null });
      const told = recordsOf(box, "gate").filter(({ type }) => type === "GenerationRejected");
      expect(told.map(({ data }) => data)).toEqual([
        { generation: 2, phase: "health", code: "DEPLOYMENT_REJECTED" },
        { generation: 3, phase: "staging", code: "PACKAGE_INVALID" },
      ]);
      expect(readdirSync(join(deploymentDir("gate"), "generations"))).toEqual(["1"]);
      expect(await ccos(["rollback", "gate"], 69)).toContain("no generation served before");
      // The same package without the question is taken: the gate asked, and nothing else.
      await ccos(["deploy", "sick.package", "--name", "gate"]);
      expect(await ccos(["call", "gate"])).toBe('"sick"\n');
    },
    SLOW,
  );

  test(
    "is not served when its files were changed where they are kept; the supervisor says so and takes another",
    async () => {
      await ccos(["deploy", "one.package", "--name", "tampered"]);
      const plan = join(deploymentDir("tampered"), "generations", "1", "one.plan.rtfs");
      chmodSync(plan, 0o600);
      writeFileSync(plan, "666");
      const supervisor = startSupervisor(box, "tampered");
      await supervisor.says(/state idle/);
      expect(await ccos(["call", "tampered"], 69)).toContain("PACKAGE_INVALID");
      await ccos(["deploy", "two.package", "--name", "tampered"]);
      expect(await ccos(["call", "tampered"])).toBe('"two 0"\n');
    },
    SLOW,
  );
});

describe("a supervisor", () => {
  afterEach(killSupervisors);

  test(
    "is the only one of its deployment",
    async () => {
      await ccos(["deploy", "one.package", "--name", "only"]);
      const supervisor = startSupervisor(box, "only");
      await supervisor.says(SERVING);
      expect(await ccos(["supervise", "only"], 69)).toContain(`process ${supervisor.pid}`);
      expect(await ccos(["call", "only"])).toBe('"one 0"\n');
    },
    SLOW,
  );

  test("is asked for a deployment that there is", async () => {
    for (const command of ["supervise", "status", "rollback"])
      expect(await ccos([command, "nothing"], 65)).toContain("DEPLOYMENT_NOT_FOUND");
    expect(await ccos(["call", "nothing"], 69)).toContain("DEPLOYMENT_NOT_RUNNING");
    expect(await ccos(["status", "../escape"], 64)).toContain("USAGE");
  });

  test(
    "refuses what is no request, and serves on",
    async () => {
      await ccos(["deploy", "one.package", "--name", "hostile"]);
      const supervisor = startSupervisor(box, "hostile");
      await supervisor.says(SERVING);
      const socket = join(deploymentDir("hostile"), "control.sock");
      for (const line of [
        "x".repeat(300 * 1024),
        "no json",
        "[]",
        '{"verb":"exec","argv":["sh"]}',
        '{"verb":"status","more":1}',
        '{"verb":"__proto__"}',
        '{"verb":"call"}',
        '{"verb":"deploy","package":"relative","key":null,"health":null,"drainMs":1}',
        '{"verb":"stop","drainMs":-1}',
        "\xff".repeat(3),
      ])
        expect(await saidTo(socket, `${line}\n`), line.slice(0, 80)).toContain('"code":"USAGE"');
      expect(await saidTo(socket, "")).toBe("");
      expect(statSync(deploymentDir("hostile")).mode & 0o777).toBe(0o700);
      if (process.geteuid?.() === 0) expect(await connectAs(65_534, socket)).toBe("EACCES");
      expect(await ccos(["call", "hostile"])).toBe('"one 0"\n');
    },
    SLOW,
  );

  test(
    "runs 16 jobs at once and no more, though all were asked for before it served",
    async () => {
      await ccos(["deploy", "one.package", "--name", "busy"]);
      const supervisor = startSupervisor(box, "busy", ["--warm", "0"]);
      const socket = join(deploymentDir("busy"), "control.sock");
      await until(() => existsSync(socket));
      const asked = Array.from({ length: 18 }, () =>
        saidTo(socket, '{"verb":"call","args":null}\n', true),
      );
      const answers = await Promise.all(asked);
      expect(answers.filter((text) => text.includes('"code":"DEPLOYMENT_BUSY"'))).toHaveLength(2);
      expect(answers.filter((text) => text.includes('"one 0"'))).toHaveLength(16);
      expect(await supervisor.kill("SIGTERM")).toBe(0);
    },
    SLOW,
  );

  test(
    "keeps a service alive, backs off when it fails, stops it in a crash loop, and takes the next generation",
    async () => {
      box.write("service.rtfs", '(agent.config :version "0.1" :agent-id "agent.service")');
      for (const [name, script] of [
        ["crashing", "exit 7"],
        ["lasting", "echo it lives; sleep 1000"],
      ] as const)
        await ccos(["package", "service.rtfs", "--out", name, "--", "sh", "-c", script]);
      await ccos(["deploy", "crashing", "--name", "service"]);
      const supervisor = startSupervisor(box, "service", ["--service"]);
      await supervisor.says(/state crash-looped/);
      const failed = recordsOf(box, "service").filter(({ type }) => type === "InstanceFailed");
      expect(failed.map(({ data }) => data["exitCode"])).toEqual([1, 1, 1, 1, 1]);
      expect(await statusOf("service")).toMatchObject({ state: "crash-looped" });
      await ccos(["deploy", "lasting", "--name", "service"]);
      await supervisor.says(/it lives/);
      expect(await statusOf("service")).toMatchObject({ state: "serving", jobs: 1, active: 2 });
      const inside = descendants(supervisor.pid);
      expect(inside.length).toBeGreaterThan(1);
      expect(await supervisor.kill("SIGTERM")).toBe(0);
      expect(inside.filter((pid) => processFacts(pid) !== null)).toEqual([]);
      await ccos(["chain", "verify", "deployment-service"]);
    },
    SLOW,
  );
});

describe("a guest that dies", () => {
  afterEach(killSupervisors);

  test(
    "is its job's failure, holds the next one back, and after five of them jobs are refused",
    async () => {
      await ccos(["deploy", "held.package", "--name", "dying"]);
      const supervisor = startSupervisor(box, "dying", ["--warm", "0"]);
      await supervisor.says(SERVING);
      for (let death = 1; death <= 5; death++) {
        const job = box.json(["call", "dying"]);
        await until(() => held.length === 1);
        for (const pid of descendants(supervisor.pid).slice(1)) kill(pid);
        expect((await job).value).toMatchObject({ ok: false });
        held.pop()?.destroy();
        expect(typesOf("dying").filter((type) => type === "InstanceFailed")).toHaveLength(death);
      }
      expect(await ccos(["call", "dying"], 69)).toContain("DEPLOYMENT_CRASH_LOOP");
      const told = recordsOf(box, "dying").filter(({ type }) => type === "StateEntered");
      expect(told.slice(1).map(({ data }) => data["state"])).toEqual([
        ...Array.from({ length: 4 }, () => ["backing-off", "serving"]).flat(),
        "crash-looped",
      ]);
      await ccos(["deploy", "one.package", "--name", "dying"]);
      expect(await ccos(["call", "dying"])).toBe('"one 0"\n');
    },
    SLOW,
  );
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

describe("a console", () => {
  afterEach(killSupervisors);

  test(
    "is recorded before it opens, holds no agent, and ends at its time",
    async () => {
      await ccos(["deploy", "one.package", "--name", "glass"]);
      const supervisor = startSupervisor(box, "glass");
      await supervisor.says(SERVING);
      expect(await ccos(["console", "glass"], 77)).toContain("CONSOLE_REFUSED");
      expect(typesOf("glass")).not.toContain("ConsoleOpened");

      const input = "echo here; ls /work /ccos/capability.sock; env | grep CCOS; exit 3\n";
      const done = await box.run(["console", "glass", "--reason", "a test", "--json"], { input });
      expect(done.status).toBe(0);
      expect(done.stdout).toMatch(/^here\n/);
      expect(done.stdout).not.toMatch(/one\.plan|CCOS_SESSION/);
      const late = await box.run(
        ["console", "glass", "--reason", "too long", "--for", "1s", "--json"],
        { input: "sleep 8\n" },
      );
      expect(late.stdout).toContain('"ending":"time is over"');
      const much = await box.run(["console", "glass", "--reason", "too much", "--json"], {
        input: "yes | head -c 4000000\n",
      });
      expect(much.stdout).toContain('"ending":"transcript full"');

      const told = recordsOf(box, "glass").filter(({ type }) => type.startsWith("Console"));
      expect(told.map(({ type }) => type)).toEqual(
        Array.from({ length: 3 }, () => ["ConsoleOpened", "ConsoleClosed"]).flat(),
      );
      const [opened, closed] = told;
      expect(opened?.data).toMatchObject({ reason: "a test", generation: 1, forMs: 600_000 });
      expect(closed?.data).toMatchObject({ console: opened?.data["console"], status: 3 });
      const path = join(
        deploymentDir("glass"),
        "consoles",
        `${String(opened?.data["console"])}.jsonl`,
      );
      const lines = readFileSync(path, "utf8").trim().split("\n");
      const spoken = lines.map((line) => JSON.parse(line) as { from: string; data: string });
      const [first] = spoken;
      expect(first).toEqual({ from: "in", data: Buffer.from(input).toString("base64") });
      expect(spoken.some(({ from }) => from === "out")).toBe(true);
      expect(closed?.facts["bytes"]).toBe(statSync(path).size);
    },
    SLOW,
  );

  test(
    "that its supervisor did not outlive is closed by the next one",
    async () => {
      await ccos(["deploy", "one.package", "--name", "cutglass"]);
      const killed = startSupervisor(box, "cutglass");
      await killed.says(SERVING);
      const open = box.run(["console", "cutglass", "--reason", "a test"], { input: "sleep 50\n" });
      await until(() => typesOf("cutglass").includes("ConsoleOpened"));
      await killed.kill("SIGKILL");
      expect((await open).status).toBe(69);
      const next = startSupervisor(box, "cutglass");
      await next.says(SERVING);
      const closed = recordsOf(box, "cutglass").find(({ type }) => type === "ConsoleClosed");
      expect(closed?.data["ending"]).toBe("supervisor ended");
    },
    SLOW,
  );
});
