/** The laws of the walls with namespaces, on the real kernel and on gVisor's. Escapes in breadth: measure.ts and the contract suite. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import {
  createProviders,
  type Ending,
  type SandboxLimits,
  type SandboxProgram,
  type SandboxSpec,
} from "./index.ts";

const MIB = 1024 * 1024;
const LIMITS: SandboxLimits = {
  wallMs: 20_000,
  cpuMs: 10_000,
  memoryBytes: 128 * MIB,
  pidsMax: 64,
  outputBytes: MIB,
  diskBytes: 4 * MIB,
};
const SPEC: SandboxSpec = { limits: LIMITS, files: [], binds: [], environment: {}, sockets: false };
const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const sh = (script: string): SandboxProgram => ({
  kind: "external",
  argv: ["sh", "-c", script],
  channel: false,
});
const perl = (script: string): SandboxProgram => ({
  kind: "external",
  argv: ["perl", "-e", script],
  channel: false,
});
const guest = (script: string): SandboxProgram => ({
  kind: "rtfs",
  stackKiB: 3_900,
  guest: { path: "/ccos/guest.cjs", content: text(script), executable: false },
  beside: [],
});

interface Seen {
  readonly ending: Ending;
  readonly out: string;
  readonly error: string;
  readonly channel: string;
}

const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");

for (const name of ["gvisor/runsc", "process/bubblewrap", "process/unshare"]) {
  const [provider] = createProviders({
    nodePath: process.execPath,
    stateDir: tmpdir(),
    only: [name],
  });
  if (provider === undefined) throw new Error(`no provider ${name}`);
  const probe = await provider.probe();
  const isMissing = probe.kind === "missing" && !required.includes(name);
  const hasOwnKernel = name === "gvisor/runsc";

  const run = async (
    program: SandboxProgram,
    over: Partial<SandboxSpec> & {
      limit?: Partial<SandboxLimits>;
      input?: string;
      signal?: AbortSignal;
    } = {},
  ): Promise<Seen> => {
    const { limit, input, signal, ...spec } = over;
    const session = await provider.open({ ...SPEC, ...spec, limits: { ...LIMITS, ...limit } });
    try {
      const execution = await session.execute(program, signal ?? new AbortController().signal);
      const seen = { out: "", error: "", channel: "" };
      execution.stdout.on("data", (chunk: Buffer) => (seen.out += chunk.toString("utf8")));
      execution.stderr.on("data", (chunk: Buffer) => (seen.error += chunk.toString("utf8")));
      execution.channel?.readable.on(
        "data",
        (chunk: Buffer) => (seen.channel += chunk.toString("utf8")),
      );
      execution.stdin.end(input ?? "");
      return { ending: await execution.ending, ...seen };
    } finally {
      await session.close();
    }
  };

  describe.skipIf(isMissing)(
    `${name}${isMissing ? ` (missing: ${JSON.stringify(probe)})` : ""}`,
    () => {
      test("is ready here", () => {
        expect(probe.kind).toBe("ready");
      });

      test("passes exit statuses and signals on", async () => {
        expect((await run(sh("exit 0"))).ending).toEqual({ kind: "exited", status: 0 });
        expect((await run(sh("exit 125"))).ending).toEqual({ kind: "exited", status: 125 });
        expect((await run(sh("kill -TERM $$"))).ending).toEqual({
          kind: "signaled",
          signal: "SIGTERM",
        });
        expect((await run(sh("kill -KILL $$"))).ending).toEqual({
          kind: "signaled",
          signal: "SIGKILL",
        });
      });

      test("gives the program its streams, its environment and nothing else", async () => {
        process.env["CCOS_TEST_SECRET"] = "from the host";
        const seen = await run(sh("cat; env | sort; echo bad >&2"), {
          input: "hello\n",
          environment: { OWN: "a b" },
        });
        delete process.env["CCOS_TEST_SECRET"];
        expect(seen.error).toBe("bad\n");
        expect(seen.out.split("\n").filter((line) => !line.startsWith("PWD="))).toEqual([
          "hello",
          "HOME=/work",
          "LANG=C.UTF-8",
          "OWN=a b",
          "PATH=/usr/local/bin:/usr/bin:/bin",
          "TMPDIR=/tmp",
          "",
        ]);
      });

      test("lets nothing of the host or of another variable show in /proc", async () => {
        const marker = "CCOS_TEST_MARKER_OF_HOST";
        process.env[marker] = marker;
        const look = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'";
        const seen = await run(sh(look), { environment: { TOKEN: "for-the-program-only" } });
        delete process.env[marker];
        expect(seen.out).not.toContain(marker);
        const { out } = await run(sh("ls /proc"));
        const pids = out
          .split("\n")
          .filter((line) => /^\d+$/.test(line))
          .map(Number);
        expect(Math.max(...pids)).toBeLessThan(20);
      });

      test("keeps secrets of the environment out of every command line", async () => {
        // Behind a kernel of its own, process 1 is the program itself.
        const first = hasOwnKernel ? "" : "/proc/1/environ";
        const seen = await run(sh(`cat ${first} /proc/*/cmdline 2>/dev/null`), {
          environment: { TOKEN: "s3cr3t-value" },
        });
        expect(seen.out).not.toContain("s3cr3t-value");
      });

      test("shows the program descriptors 0, 1, 2, and 3 only when there is a channel", async () => {
        const list =
          'opendir my $d, "/proc/self/fd"; my @all = grep { /[0-9]/ } readdir $d; print join ",", sort { $a <=> $b } @all';
        const own = (seen: Seen): string => seen.out;
        expect(own(await run(perl(list)))).toMatch(/^0,1,2,3$/);
        expect(
          own(await run({ kind: "external", argv: ["perl", "-e", list], channel: true })),
        ).toMatch(/^0,1,2,3,4$/);
      });

      test("closes a descriptor that the supervisor itself inherited", async () => {
        const list = `opendir my $d, "/proc/self/fd"; print join ",", grep { /[0-9]/ } readdir $d`;
        const script = `
        const { createProviders } = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
        const [provider] = createProviders({ nodePath: process.execPath, stateDir: "/tmp", only: [${JSON.stringify(name)}] });
        const session = await provider.open(${JSON.stringify(SPEC)});
        const program = { kind: "external", argv: ["perl", "-e", ${JSON.stringify(list)}], channel: false };
        const execution = await session.execute(program, new AbortController().signal);
        execution.stdout.on("data", (chunk) => process.stdout.write(chunk));
        await execution.ending;
        await session.close();`;
        const holes = Array.from({ length: 37 }, () => "ignore" as const);
        const supervisor = spawn(process.execPath, ["--input-type=module", "-e", script], {
          stdio: ["ignore", "pipe", "inherit", ...holes, "pipe"],
        });
        let out = "";
        supervisor.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
        await new Promise((resolve) => supervisor.once("close", resolve));
        expect(
          out
            .split(",")
            .map(Number)
            .sort((left, right) => left - right),
        ).toEqual([0, 1, 2, 3]);
      });

      test("runs a plan guest on our Node with a channel both ways", async () => {
        const session = await provider.open(SPEC);
        const script =
          'const fs = require("fs"); const b = Buffer.alloc(4); fs.readSync(3, b); fs.writeSync(3, "got " + b); fs.writeSync(1, process.version)';
        const execution = await session.execute(guest(script), new AbortController().signal);
        const seen = { out: "", channel: "" };
        execution.stdout.on("data", (chunk: Buffer) => (seen.out += chunk.toString("utf8")));
        execution.stderr.resume();
        execution.channel?.readable.on(
          "data",
          (chunk: Buffer) => (seen.channel += chunk.toString("utf8")),
        );
        execution.channel?.writable.write("ping");
        expect(await execution.ending).toEqual({ kind: "exited", status: 0 });
        await session.close();
        expect(seen).toEqual({ out: process.version, channel: "got ping" });
      });

      test("is another user, without capabilities, and cannot become more", async () => {
        const script =
          "id -u; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; unshare -U true 2>&1";
        const { out } = await run(sh(script));
        expect(out.split("\n")[0]).toBe("1000");
        expect([...out.matchAll(/^Cap\w+:\s+(\w+)$/gm)].map((match) => match[1])).toEqual(
          Array(hasOwnKernel ? 4 : 5).fill("0000000000000000"),
        );
        expect(out).toMatch(/Seccomp:\s+2/);
        if (!hasOwnKernel) {
          expect(out).toMatch(/NoNewPrivs:\s+1/);
          expect((await run(sh("grep -c ' /proc proc ro,' /proc/mounts"))).out).toBe("1\n");
        }
        expect(out).toMatch(/unshare.*(not permitted|No space)/);
      });

      test("refuses writes everywhere but in its own scratch", async () => {
        const targets = [
          "/x",
          "/usr/x",
          "/etc/x",
          "/ccos/x",
          "/dev/x",
          "/run/x",
          "/proc/sys/vm/swappiness",
          "/usr/bin/sh",
        ];
        const seen = await run(
          sh(
            `for each in ${targets.join(" ")}; do (echo x > $each) 2>/dev/null && echo $each; done; for each in /work/x /tmp/x /dev/shm/x; do echo x > $each && echo ok; done`,
          ),
        );
        expect(seen.out).toBe("ok\nok\nok\n");
      });

      test("answers ENOSPC at the size of its disk", async () => {
        const seen = await run(sh("head -c 9000000 /dev/zero > /work/x; wc -c < /work/x"));
        expect(seen.error).toContain("No space left on device");
        expect(seen.out).toBe(`${4 * MIB}\n`);
      });

      test("gives files as they are, read-only, also below /work", async () => {
        const files = [
          { path: "/work/in/data.bin", content: Uint8Array.from([0, 255, 10]), executable: false },
          { path: "/ccos/tool", content: text("#!/bin/sh\necho tool runs\n"), executable: true },
        ];
        const seen = await run(
          sh(
            "od -An -tx1 /work/in/data.bin; /ccos/tool; rm -f /work/in/data.bin; echo x > /work/in/data.bin; od -An -tx1 /work/in/data.bin",
          ),
          { files },
        );
        expect(seen.out.replaceAll(/ +/g, " ")).toBe(" 00 ff 0a\ntool runs\n 00 ff 0a\n");
      });

      test("reaches no network, and its own loopback only where sockets were granted", async () => {
        const dial =
          'use Socket; socket(my $s, 2, 1, 0) or print("socket: $!"), exit; print connect($s, pack_sockaddr_in(PORT, inet_aton("127.0.0.1"))) ? "reached" : "connect: $!"';
        const server = createServer((socket) => socket.destroy());
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const { port } = server.address() as { port: number };
        expect((await run(perl(dial.replace("PORT", String(port))))).out).toMatch(/^socket: /);
        expect((await run(perl(dial.replace("PORT", String(port))), { sockets: true })).out).toBe(
          "connect: Connection refused",
        );
        server.close();
        const own =
          'use Socket; socket(my $l, 2, 1, 0); bind $l, pack_sockaddr_in(0, inet_aton("127.0.0.1")); listen $l, 1; socket(my $s, 2, 1, 0); print connect($s, getsockname $l) ? "up" : $!';
        expect((await run(perl(own), { sockets: true })).out).toBe("up");
      });

      test("reaches a granted Unix socket at its place", async () => {
        const directory = mkdtempSync(join(tmpdir(), "ccos-wall-"));
        const source = join(directory, "capability.sock");
        const server = createServer((socket) => socket.end("from the host"));
        await new Promise<void>((resolve) => server.listen(source, resolve));
        const dial =
          'use Socket; socket(my $s, 1, 1, 0) or die; connect($s, pack_sockaddr_un("/ccos/capability.sock")) or print $!; print <$s>';
        const binds = [{ source, target: "/ccos/capability.sock", kind: "socket" as const }];
        expect((await run(perl(dial), { sockets: true, binds })).out).toBe("from the host");
        server.close();
        rmSync(directory, { recursive: true });
      });

      test("ends by each limit, and says by which", async () => {
        expect((await run(sh("sleep 60"), { limit: { wallMs: 200 } })).ending).toEqual({
          kind: "killed",
          by: "timeout",
        });
        expect((await run(sh("while :; do :; done"), { limit: { cpuMs: 300 } })).ending).toEqual({
          kind: "killed",
          by: "cpu",
        });
        const forks = "for each in 1 2 3 4 5 6; do (while :; do :; done) & done; wait";
        expect((await run(sh(forks), { limit: { cpuMs: 500 } })).ending).toEqual({
          kind: "killed",
          by: "cpu",
        });
        const flood = await run(sh("yes"), { limit: { outputBytes: 50_000 } });
        expect(flood.ending).toEqual({ kind: "killed", by: "output" });
        expect(flood.out.length).toBe(50_000);
      });

      test("does not believe a program that ended well after writing too much", async () => {
        const seen = await run(sh("head -c 60000 /dev/zero; exit 0"), {
          limit: { outputBytes: 50_000 },
        });
        expect(seen.ending).toEqual({ kind: "killed", by: "output" });
      });

      test("ends by memory: heap, buffers, and a process that is no Node", async () => {
        const killed = { kind: "killed", by: "memory" };
        expect(
          (await run(guest("const a = []; for (;;) a.push(new Array(1e5).fill(Math.random()))")))
            .ending,
        ).toEqual(killed);
        expect(
          (await run(guest("const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))"))).ending,
        ).toEqual(killed);
        expect((await run(perl('my @a; push @a, "x" x (1 << 20) while 1'))).ending).toEqual(killed);
      });

      test("stops forking at its limit of processes", async () => {
        const bomb =
          "my $n = 1; for (1 .. 100) { my $pid = fork; last unless defined $pid; if (!$pid) { sleep 20; exit } $n++ } print $n";
        expect((await run(perl(bomb), { limit: { pidsMax: 12 } })).out).toBe("12");
      });

      test("counts the wall clock anew, once it has its task, while it lives", async () => {
        const session = await provider.open({ ...SPEC, limits: { ...SPEC.limits, wallMs: 3_000 } });
        try {
          const program = sh("echo up; sleep 3.2");
          const execution = await session.execute(program, new AbortController().signal);
          await new Promise((resolve) => execution.stdout.once("data", resolve));
          await pause(1_500);
          expect(execution.restartClock()).toBe(true);
          expect(await execution.ending).toEqual({ kind: "exited", status: 0 });
          expect(execution.restartClock()).toBe(false);
          const late = await provider.open({ ...SPEC, limits: { ...SPEC.limits, wallMs: 600 } });
          const second = await late.execute(sh("sleep 9"), new AbortController().signal);
          expect(second.restartClock()).toBe(true);
          expect(await second.ending).toEqual({ kind: "killed", by: "timeout" });
          await late.close();
        } finally {
          await session.close();
        }
      });

      test("ends as cancelled, and refuses to start when it was cancelled before", async () => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 100);
        expect((await run(sh("sleep 60"), { signal: controller.signal })).ending).toEqual({
          kind: "killed",
          by: "cancelled",
        });
        await expect(run(sh("true"), { signal: AbortSignal.abort() })).rejects.toMatchObject({
          code: "CANCELLED",
        });
      });

      test("leaves no process and no control group, whatever the program left behind", async () => {
        const marker = `7${process.pid}${Date.now() % 1e6}`;
        await run(
          sh(
            `for each in 1 2 3; do setsid sh -c "trap '' TERM HUP INT; sleep ${marker}" & done; sleep 0.2`,
          ),
          { label: marker },
        );
        const open = await provider.open({ ...SPEC, label: marker });
        const execution = await open.execute(
          sh(`setsid sleep ${marker} & sleep ${marker}`),
          new AbortController().signal,
        );
        const shown = { timeout: 10_000, interval: 20 };
        await vi.waitFor(() => expect(processesWith(marker).length).toBeGreaterThan(0), shown);
        for (const pid of processesWith(marker)) expect(userOf(pid)).not.toBe(0);
        await open.close();
        await open.close();
        expect(await execution.ending).toEqual({ kind: "killed", by: "cancelled" });
        expect(processesWith(marker)).toEqual([]);
        expect(groupsOf(process.pid)).toEqual([]);
      });

      test("dies with its supervisor", async () => {
        const marker = `8${process.pid}${Date.now() % 1e6}`;
        const script = `
        const { createProviders } = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
        const [provider] = createProviders({ nodePath: process.execPath, stateDir: "/tmp", only: [${JSON.stringify(name)}] });
        const session = await provider.open(${JSON.stringify({ ...SPEC, label: marker })});
        const program = { kind: "external", argv: ["sh", "-c", "setsid sleep ${marker} & sleep 0.2; echo up; sleep ${marker}"], channel: false };
        const execution = await session.execute(program, new AbortController().signal);
        execution.stdout.on("data", () => process.stdout.write("up"));`;
        const supervisor = spawn(process.execPath, ["--input-type=module", "-e", script], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        await new Promise((resolve) => supervisor.stdout.once("data", resolve));
        expect(processesWith(marker).length).toBeGreaterThan(0);
        supervisor.kill("SIGKILL");
        await new Promise((resolve) => supervisor.once("exit", resolve));
        for (let round = 0; round < 100 && processesWith(marker).length > 0; round++)
          await pause(20);
        expect(processesWith(marker)).toEqual([]);
      });

      test("is single-use", async () => {
        const session = await provider.open(SPEC);
        const first = await session.execute(sh("true"), new AbortController().signal);
        await first.ending;
        await expect(session.execute(sh("true"), new AbortController().signal)).rejects.toThrow(
          "second program",
        );
        await session.close();
      });

      test("refuses a command that is not visible inside, naming what is", async () => {
        const directory = mkdtempSync(join(tmpdir(), "ccos-wall-"));
        writeFileSync(join(directory, "tool"), "#!/bin/sh\n", { mode: 0o755 });
        const external = (command: string): SandboxProgram => ({
          kind: "external",
          argv: [command],
          channel: false,
        });
        for (const command of [
          "no-such-command",
          join(directory, "tool"),
          "../../etc/passwd",
          "/proc/self/exe",
        ]) {
          await expect(run(external(command))).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
        }
        const files = [
          { path: "/work/script", content: text("#!/opt/missing/python\n"), executable: true },
        ];
        await expect(run(external("./script"), { files })).rejects.toThrow(
          'interpreter "/opt/missing/python"',
        );
        rmSync(directory, { recursive: true });
      });
    },
  );
}

/** By a word of their own, or of their wall's where the host does not see them. */
function processesWith(argument: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || !existsSync(`/proc/${pid}/cmdline`)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
      return words.some((word) => word === argument || word.endsWith(`/state-${argument}`));
    } catch {
      return false;
    }
  });
}

/** The real user as the host sees it. */
function userOf(pid: string): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

function groupsOf(pid: number): readonly string[] {
  const own = /:memory:(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "";
  const directory = join("/sys/fs/cgroup/memory", own);
  return existsSync(directory)
    ? readdirSync(directory).filter((each) => new RegExp(`^ccos-\\d+-${pid}-`).test(each))
    : [];
}
