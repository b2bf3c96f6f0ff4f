/**
 * gVisor's own doors: the socket that runsc is controlled by, its directory, its user, what a killed supervisor leaves.
 *
 * Skipped, visibly, where runsc is missing; REQUIRE_ISOLATION makes that a failure.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { createProviders, type SandboxSpec } from "../../src/isolation/index.ts";
import { publicNode } from "../contract/no-wall.ts";
import { ROOT } from "../e2e/ccos.ts";

const NAME = "gvisor/runsc";
const MIB = 1024 * 1024;
const SPEC: SandboxSpec = {
  limits: {
    wallMs: 60_000,
    cpuMs: 30_000,
    memoryBytes: 128 * MIB,
    pidsMax: 32,
    outputBytes: MIB,
    diskBytes: 4 * MIB,
  },
  files: [],
  binds: [],
  environment: {},
  sockets: true,
};
const isRoot = process.getuid?.() === 0;
const index = join(import.meta.dirname, "../../src/isolation/index.ts");
const directory = mkdtempSync(join(tmpdir(), "ccos-gvisor-"));
/** Where the supervisors of these tests keep their walls: the walls of other tests neither see nor sweep it. */
const temporary = mkdtempSync(join(tmpdir(), "ccos-gvisor-walls-"));
chmodSync(temporary, 0o1777);
afterAll(() => {
  for (const path of [directory, temporary]) rmSync(path, { recursive: true, force: true });
});

const [provider] = createProviders({
  nodePath: process.execPath,
  stateDir: directory,
  only: [NAME],
});
if (provider === undefined) throw new Error(`no provider ${NAME}`);
const probe = await provider.probe();
const isRequired = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes(NAME);
const patient = { timeout: 20_000, interval: 50 };

/** A process of its own that raises a labelled wall around sleep(1) and says "up" once the program runs. */
async function supervise(label: string): Promise<ChildProcess> {
  const script = `
    const { createProviders } = await import(${JSON.stringify(index)});
    const [provider] = createProviders({ nodePath: process.execPath, stateDir: "/tmp", only: [${JSON.stringify(NAME)}] });
    provider.recall("0 ptrace");
    const session = await provider.open(${JSON.stringify({ ...SPEC, label })});
    const program = { kind: "external", argv: ["sh", "-c", "echo up; sleep 50"], channel: false };
    const execution = await session.execute(program, new AbortController().signal);
    execution.stdout.on("data", () => process.stdout.write("up"));
    process.stdin.on("end", () => session.close()).resume();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: temporary },
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the supervisor ended early")));
  });
  return child;
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => child.once("exit", () => resolve()));

function wallsOf(pid: number | undefined): readonly string[] {
  return readdirSync(temporary).filter((name) => name.startsWith(`ccos-wall-${pid}-`));
}

function processesOf(label: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(`/state-${label}`);
    } catch {
      return false;
    }
  });
}

describe.skipIf(probe.kind === "missing" && !isRequired)(
  `${NAME}${probe.kind === "missing" ? ` (missing: ${probe.what.join(", ")})` : ""}`,
  () => {
    test("a supervisor that closes leaves no process and no directory", async () => {
      const label = `closed-${process.pid}`;
      const child = await supervise(label);
      expect(processesOf(label).length).toBeGreaterThan(2);
      child.stdin?.end();
      await ended(child);
      expect([processesOf(label), wallsOf(child.pid)]).toEqual([[], []]);
    });

    test("a killed supervisor leaves no process, and its directory goes with the next wall", async () => {
      const label = `killed-${process.pid}`;
      const child = await supervise(label);
      expect(processesOf(label).length).toBeGreaterThan(2);
      child.kill("SIGKILL");
      await ended(child);
      await vi.waitFor(() => expect(processesOf(label)).toEqual([]), patient);
      expect(wallsOf(child.pid)).toHaveLength(1);
      const next = await supervise(`next-${process.pid}`);
      expect(wallsOf(child.pid)).toEqual([]);
      next.stdin?.end();
      await ended(next);
    });

    test("nobody outside reaches the socket that runsc is controlled by", async () => {
      const child = await supervise(`control-${process.pid}`);
      const unix = readFileSync("/proc/net/unix", "latin1");
      expect(unix).not.toContain("runsc");
      // The twin: it is there, in the wall's own network.
      const [own] = processesOf(`control-${process.pid}`).filter((pid) =>
        readFileSync(`/proc/${pid}/net/unix`, "latin1").includes("@runsc-sandbox."),
      );
      expect(own).toBeDefined();
      child.stdin?.end();
      await ended(child);
    });

    test.runIf(isRoot)(
      "none of its processes is root's, and none keeps the host's network",
      async () => {
        const label = `user-${process.pid}`;
        const child = await supervise(label);
        const network = (pid: string): string => readFileSync(`/proc/${pid}/net/dev`, "latin1");
        for (const pid of processesOf(label)) {
          const status = readFileSync(`/proc/${pid}/status`, "latin1");
          expect(Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])).toBeGreaterThanOrEqual(200_000);
          expect(network(pid)).not.toBe(network("self"));
        }
        child.stdin?.end();
        await ended(child);
      },
    );

    test.runIf(isRoot)(
      "an ordinary user raises it, with the same answers",
      async () => {
        const user = { uid: 265_536, gid: 265_536 };
        chmodSync(directory, 0o755);
        for (const name of ["bin", "dist", "package.json"])
          cpSync(join(ROOT, name), join(directory, name), { recursive: true });
        const home = join(directory, "user");
        mkdirSync(home);
        writeFileSync(join(home, "policy.rtfs"), '(agent.config :agent-id "agent.user")');
        chownSync(home, user.uid, user.gid);
        const node = await publicNode();
        try {
          const child = spawn(
            node.path,
            [
              join(directory, "bin/ccos.cjs"),
              "run",
              "--policy",
              "policy.rtfs",
              "--",
              "sh",
              "-c",
              "read x; echo $x; exit 3",
            ],
            {
              ...user,
              cwd: home,
              env: {
                PATH: "/usr/bin:/bin",
                HOME: home,
                CCOS_HOME: join(home, ".ccos"),
                CCOS_WALLS: NAME,
              },
            },
          );
          let [out, error] = ["", ""];
          child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
          child.stderr.on("data", (chunk: Buffer) => (error += chunk.toString("utf8")));
          child.stdin.end("hello\n");
          const status = await new Promise((resolve) => child.once("close", resolve));
          expect([out, status], error).toEqual(["hello\n", 1]);
          expect(error).toContain(`walls     ${NAME}`);
        } finally {
          node.remove();
        }
      },
      90_000,
    );

    test("a wall that never stood is no ending of the program, and a program cannot pretend one", async () => {
      const ending = async (argv: readonly string[]): Promise<unknown> => {
        const files = [
          { path: "/ccos/broken", content: new Uint8Array([1, 2, 3]), executable: true },
        ];
        const session = await provider.open({ ...SPEC, files });
        const program = { kind: "external", argv, channel: false } as const;
        const execution = await session.execute(program, new AbortController().signal);
        execution.stdout.resume();
        execution.stderr.resume();
        try {
          return await execution.ending;
        } finally {
          await session.close();
        }
      };
      await expect(ending(["/ccos/broken"])).rejects.toMatchObject({ code: "PROVIDER_CRASHED" });
      const lie = `echo '{"msg":"running container: no"}' >&2; exit 128`;
      expect(await ending(["sh", "-c", lie])).toEqual({ kind: "exited", status: 128 });
    });

    test("a program behind it cannot be told from its kernel's side that a wall next door exists", async () => {
      const child = await supervise(`next-door-${process.pid}`);
      const session = await provider.open(SPEC);
      const look = "cat /proc/net/unix; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; id -u";
      const execution = await session.execute(
        { kind: "external", argv: ["sh", "-c", look], channel: false },
        new AbortController().signal,
      );
      let out = "";
      execution.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
      execution.stderr.resume();
      expect(await execution.ending).toEqual({ kind: "exited", status: 0 });
      await session.close();
      expect(out).not.toMatch(/runsc|next-door|ccos-wall/);
      expect(out).toContain("1000");
      child.stdin?.end();
      await ended(child);
    });
  },
);

test("no bundle of this process's own walls is left", () => {
  expect(wallsOf(process.pid)).toEqual([]);
});
