/**
 * One contract, every wall: how programs end, what sessions are, what is refused, what holds.
 *
 * A wall whose tools are missing shows as skipped, with the reason. Where REQUIRE_ISOLATION (a comma list
 * of provider names) names it, it fails instead.
 *
 * @module
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import {
  createProviders,
  GUARANTEES,
  type Guarantee,
  type Measurement,
  measureProvider,
} from "../../src/isolation/index.ts";
import type {
  Ending,
  IsolationProvider,
  Probe,
  SandboxProgram,
  SandboxSpec,
} from "../../src/isolation/provider.ts";

import { testImage } from "./image.ts";

const MIB = 1024 * 1024;
const IS_ROOT = process.geteuid?.() === 0;
const NEVER = new AbortController().signal;
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
const stateDir = mkdtempSync(join(tmpdir(), "ccos-contract-"));
const providers = createProviders({ nodePath: process.execPath, stateDir, ...testImage() });

afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

/** What each wall does not hold. Measured, not meant: a better result than declared fails too. */
const NOT_HELD: Readonly<Record<string, readonly Guarantee[]>> = {
  "microvm/firecracker": [],
  "microvm/cloud-hypervisor": [],
  "microvm/qemu": [],
  "gvisor/runsc": [],
  "process/bubblewrap": [],
  "process/unshare": [],
  "process/landlock": [],
  "wasm/bubblewrap": [],
  "wasm/node-permission": [],
  // Signals are not in the permission model; a user of the guest's own stops them where we are root.
  "process/node-permission": IS_ROOT ? [] : ["processes"],
};

function spec(change: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    limits: {
      wallMs: 10_000,
      cpuMs: 10_000,
      memoryBytes: 512 * MIB,
      pidsMax: 64,
      outputBytes: MIB,
      diskBytes: 16 * MIB,
    },
    files: [],
    binds: [],
    environment: {},
    sockets: false,
    ...change,
  };
}

function limits(change: Partial<SandboxSpec["limits"]>): SandboxSpec {
  return spec({ limits: { ...spec().limits, ...change } });
}

/** The same behaviour for Node and for an engine that has less of it. */
interface Dialect {
  readonly flood: string;
  readonly speak: string;
  readonly countInput: string;
  readonly echo: string;
  /** Says that it is up, then {@link EVENTS} lines on descriptor 3. */
  readonly events: string;
}

const EVENTS = 20_000;
const EVENT =
  " and what else there is to say of it in some hundred bytes, as a step or a call would";

const NODE: Dialect = {
  flood: "const b = Buffer.alloc(65536, 46); for (;;) require('node:fs').writeSync(1, b);",
  speak: "process.stdout.write('o'.repeat(200000)); process.stderr.write('e')",
  countInput:
    "let n = 0; process.stdin.on('data', (d) => (n += d.length)).on('end', () => console.log(n));",
  // As the guest does it: blocking reads and writes, no socket object, which a permission model refuses.
  echo: `
    const fs = require("node:fs");
    const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    const buffer = Buffer.alloc(64);
    for (;;) {
      try { const n = fs.readSync(3, buffer); fs.writeSync(3, "<" + buffer.toString("utf8", 0, n) + ">"); break; }
      catch (error) { if (error.code !== "EAGAIN") throw error; pause(); }
    }`,
  events: `
    const fs = require("node:fs");
    const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    fs.writeSync(1, "up");
    const bytes = Buffer.from(Array.from({ length: ${EVENTS} }, (_, n) => n + "${EVENT}").join("\\n") + "\\n");
    for (let at = 0; at < bytes.length; ) {
      try { at += fs.writeSync(3, bytes, at, Math.min(8192, bytes.length - at)); }
      catch (error) { if (error.code !== "EAGAIN") throw error; pause(); }
    }`,
};
const ENGINE: Dialect = {
  flood: "const b = new Uint8Array(65536).fill(46); for (;;) require('node:fs').writeSync(1, b);",
  speak: "const fs = require('node:fs'); fs.writeSync(1, 'o'.repeat(200000)); fs.writeSync(2, 'e')",
  countInput:
    "const b = new Uint8Array(9999); let n = 0, k; while ((k = require('node:fs').readSync(0, b)) > 0) n += k; console.log(n)",
  echo: `
    const fs = require("node:fs"), buffer = new Uint8Array(64), n = fs.readSync(3, buffer);
    fs.writeSync(3, "<" + new TextDecoder().decode(buffer.subarray(0, n)) + ">");`,
  events: `
    const fs = require("node:fs");
    fs.writeSync(1, "up");
    const lines = Array.from({ length: ${EVENTS} }, (_, n) => n + "${EVENT}").join("\\n") + "\\n";
    for (let at = 0; at < lines.length; at += 8192) fs.writeSync(3, lines.slice(at, at + 8192));`,
};

function dialectOf(provider: IsolationProvider): Dialect {
  return provider.runs.has("bytecode") ? ENGINE : NODE;
}

function guest(source: string): SandboxProgram {
  const content = new TextEncoder().encode(source);
  return {
    kind: "rtfs",
    guest: { path: "/ccos/guest.cjs", content, executable: false },
    beside: [],
    stackKiB: 984,
  };
}

function command(...argv: string[]): SandboxProgram {
  return { kind: "external", argv, channel: false };
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

interface Ran {
  readonly ending: Ending;
  readonly out: string;
  readonly error: string;
}

interface RunOptions {
  readonly spec?: SandboxSpec;
  readonly signal?: AbortSignal;
  readonly input?: string;
}

async function run(
  provider: IsolationProvider,
  program: SandboxProgram,
  options: RunOptions = {},
): Promise<Ran> {
  const session = await provider.open(options.spec ?? spec());
  try {
    const execution = await session.execute(program, options.signal ?? NEVER);
    execution.stdin.on("error", () => undefined);
    execution.stdin.end(options.input ?? "");
    const texts = Promise.all([textOf(execution.stdout), textOf(execution.stderr)]);
    const ending = await execution.ending;
    const [out, error] = await texts;
    return { ending, out, error };
  } finally {
    await session.close();
  }
}

/** A machine was measured when the suite began (test/e2e/warm-walls.ts), which takes a minute; others are here. */
async function measuredOnce(provider: IsolationProvider): Promise<readonly Measurement[]> {
  if (provider.machine === undefined)
    return await measureProvider(provider, { stateDir, nodePath: process.execPath });
  const home = process.env["CCOS_TEST_WARM_HOME"] ?? "";
  const row = join(home, "walls", `${provider.name.replace("/", ".")}.json`);
  return JSON.parse(readFileSync(row, "utf8")).measurements;
}

const probes = new Map<string, Probe>();
for (const provider of providers) probes.set(provider.name, await provider.probe());

function whyMissing(probe: Probe | undefined): string {
  return probe?.kind === "missing" ? ` (missing: ${probe.what.join(", ")})` : "";
}

test("createProviders makes the walls of this version, strongest first", () => {
  const named = providers.map((provider) => provider.name);
  expect(named).toEqual([
    "microvm/firecracker",
    "microvm/cloud-hypervisor",
    "microvm/qemu",
    "gvisor/runsc",
    "process/bubblewrap",
    "process/unshare",
    "process/landlock",
    "wasm/bubblewrap",
    "wasm/node-permission",
    "process/node-permission",
  ]);
  const strengths = providers.map((provider) => provider.strength);
  expect(strengths).toEqual([...strengths].sort((left, right) => right - left));
});

for (const provider of providers) {
  const probe = probes.get(provider.name);
  const isSkipped = probe?.kind === "missing" && !required.includes(provider.name);
  // A machine boots some seconds, on a busy host many.
  const timeout = provider.machine === undefined ? 30_000 : 180_000;
  describe.skipIf(isSkipped)(`${provider.name}${whyMissing(probe)}`, { timeout }, () => {
    test("is ready where it is required", () => expect(probe?.kind).toBe("ready"));
    endings(provider);
    sessions(provider);
    refusals(provider);
    if (provider.runs.has("external")) externals(provider);
    test("holds what it declares: no less, and no more", async () => {
      const measured = await measuredOnce(provider);
      const rows = measured.map((each) => [
        each.guarantee,
        each.verdict,
        each.verdict === "held" ? "" : each.evidence,
      ]);
      const declared = GUARANTEES.map((each) => [
        each,
        NOT_HELD[provider.name]?.includes(each) === true ? "not-held" : "held",
      ]);
      expect(
        rows.map(([guarantee, verdict]) => [guarantee, verdict]),
        JSON.stringify(rows),
      ).toEqual(declared);
    }, 60_000);
  });
}

function endings(provider: IsolationProvider): void {
  test("execute tells the program's own exit status", async () => {
    expect((await run(provider, guest("process.exitCode = 7"))).ending).toEqual({
      kind: "exited",
      status: 7,
    });
    expect((await run(provider, guest("0"))).ending).toEqual({ kind: "exited", status: 0 });
  });

  test("execute never calls a program's own exit 137, 124 or 125 an ending of ours", async () => {
    for (const status of [124, 125, 137]) {
      const { ending } = await run(provider, guest(`process.exitCode = ${status}`));
      expect(ending.kind).not.toBe("killed");
    }
  });

  test("execute reports a timeout as an ending", async () => {
    const { ending } = await run(provider, guest("setTimeout(() => {}, 60000)"), {
      spec: limits({ wallMs: 300 }),
    });
    expect(ending).toEqual({ kind: "killed", by: "timeout" });
  });

  test("execute reports a spinning program as ended by cpu", async () => {
    const { ending } = await run(provider, guest("for (;;);"), { spec: limits({ cpuMs: 1_000 }) });
    expect(ending).toEqual({ kind: "killed", by: "cpu" });
  });

  test("execute ends a program over its output limit, and hands on not one byte more", async () => {
    const flood = guest(dialectOf(provider).flood);
    const { ending, out, error } = await run(provider, flood, {
      spec: limits({ outputBytes: 10_000 }),
    });
    expect(ending).toEqual({ kind: "killed", by: "output" });
    expect(out.length + error.length).toBe(10_000);
  });

  test("execute reports the caller's abort as cancelled", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    const { ending } = await run(provider, guest("setTimeout(() => {}, 60000)"), {
      signal: stop.signal,
    });
    expect(ending).toEqual({ kind: "killed", by: "cancelled" });
  });

  test("execute hands over all output of a program that ends by itself", async () => {
    const { out, error } = await run(provider, guest(dialectOf(provider).speak));
    expect([out.length, error]).toEqual([200_000, "e"]);
  });
}

function sessions(provider: IsolationProvider): void {
  test("execute runs one program: a second one is refused", async () => {
    const session = await provider.open(spec());
    const first = await session.execute(guest("0"), NEVER);
    await expect(session.execute(guest("0"), NEVER)).rejects.toMatchObject({ name: "CcosError" });
    expect(await first.ending).toEqual({ kind: "exited", status: 0 });
    await session.close();
  });

  test("close is idempotent, ends what runs, and leaves a session that runs nothing", async () => {
    const session = await provider.open(spec());
    const { ending } = await session.execute(guest("setTimeout(() => {}, 60000)"), NEVER);
    await Promise.all([session.close(), session.close()]);
    await session.close();
    expect((await ending).kind).not.toBe("exited");
    await expect(session.execute(guest("0"), NEVER)).rejects.toMatchObject({ name: "CcosError" });
  });

  test("close before execute is allowed", async () => {
    const session = await provider.open(spec());
    await session.close();
    await expect(session.execute(guest("0"), NEVER)).rejects.toMatchObject({ name: "CcosError" });
  });

  test("execute starts nothing when its signal was aborted before", async () => {
    const session = await provider.open(spec());
    await expect(session.execute(guest("0"), AbortSignal.abort())).rejects.toMatchObject({
      code: "CANCELLED",
    });
    await session.close();
  });

  test("the control channel carries bytes both ways on fd 3", async () => {
    const session = await provider.open(spec());
    const { channel, ending } = await session.execute(guest(dialectOf(provider).echo), NEVER);
    channel?.writable.write("ping");
    expect(await textOf(channel?.readable as Readable)).toBe("<ping>");
    expect(await ending).toEqual({ kind: "exited", status: 0 });
    await session.close();
  });

  test("what a program says while nobody listens is neither lost nor out of order, and is not gathered here", async () => {
    const session = await provider.open(spec());
    const program = guest(dialectOf(provider).events);
    const { channel, stdout, ending } = await session.execute(program, NEVER);
    await once(stdout, "data");
    await pause(1_000);
    const readable = channel?.readable as Readable;
    expect(readable.readableLength).toBeLessThan(MIB / 4);
    const lines = (await textOf(readable)).split("\n");
    expect(lines.length).toBe(EVENTS + 1);
    expect(lines.findIndex((line, at) => at < EVENTS && line !== `${at}${EVENT}`)).toBe(-1);
    expect(await ending).toEqual({ kind: "exited", status: 0 });
    await session.close();
  });

  test("the guest's environment has nothing of ours", async () => {
    process.env["CCOS_TEST_CANARY"] = "secret";
    try {
      const { out } = await run(
        provider,
        guest("console.log(JSON.stringify(Object.keys(process.env)))"),
      );
      const allowed = new Set(["HOME", "LANG", "PATH", "PWD", "TMPDIR"]);
      expect((JSON.parse(out) as string[]).filter((name) => !allowed.has(name))).toEqual([]);
    } finally {
      delete process.env["CCOS_TEST_CANARY"];
    }
  });

  test("stdin reaches the program and ends", async () => {
    const count = guest(dialectOf(provider).countInput);
    expect((await run(provider, count, { input: "x".repeat(70_000) })).out).toBe("70000\n");
  });
}

function refusals(provider: IsolationProvider): void {
  test.each(["wallMs", "cpuMs", "memoryBytes", "pidsMax", "outputBytes", "diskBytes"] as const)(
    "open refuses a spec without a bound on %s",
    async (name) => {
      for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1.5]) {
        await expect(provider.open(limits({ [name]: value }))).rejects.toMatchObject({
          code: "ISOLATION_UNAVAILABLE",
        });
      }
    },
  );

  const withoutSockets = provider.sockets ? null : test;
  withoutSockets?.("open refuses sockets it could not keep from the network", async () => {
    await expect(provider.open(spec({ sockets: true }))).rejects.toMatchObject({
      code: "ISOLATION_UNAVAILABLE",
    });
  });

  const guestsOnly = provider.runs.has("external") ? null : test;
  guestsOnly?.("execute refuses an external program before it starts", async () => {
    const session = await provider.open(spec());
    await expect(session.execute(command("true"), NEVER)).rejects.toMatchObject({
      code: "ISOLATION_UNAVAILABLE",
    });
    await session.close();
  });
}

function externals(provider: IsolationProvider): void {
  test("execute looks a command up inside and tells its status and signal", async () => {
    expect((await run(provider, command("sh", "-c", "exit 9"))).ending).toEqual({
      kind: "exited",
      status: 9,
    });
    const { ending } = await run(provider, command("sh", "-c", "kill -SEGV $$"));
    expect(ending).toEqual({ kind: "signaled", signal: "SIGSEGV" });
  });

  test("execute refuses a command that is not there, naming it", async () => {
    const session = await provider.open(spec());
    const run = session.execute(command("no-such-command"), NEVER);
    await expect(run).rejects.toMatchObject({
      code: "INPUT_NOT_FOUND",
      what: 'Cannot run "no-such-command"',
    });
    await session.close();
  });

  test("a file of the spec is there with its content, and cannot be changed", async () => {
    const content = new TextEncoder().encode('echo from-the-file; echo x >> "$0" && echo changed');
    const files = [{ path: "/work/tool.sh", content, executable: false }];
    const { out } = await run(provider, command("sh", "/work/tool.sh"), { spec: spec({ files }) });
    expect(out).toBe("from-the-file\n");
  });

  test("the environment is the one of the spec", async () => {
    const { out } = await run(provider, command("sh", "-c", "echo $GREETING"), {
      spec: spec({ environment: { GREETING: "hello" } }),
    });
    expect(out).toBe("hello\n");
  });

  test("a program that leaves a child behind ends, and its child with it", async () => {
    const { ending, out } = await run(provider, command("sh", "-c", "sleep 30 & echo started"));
    expect([ending, out]).toEqual([{ kind: "exited", status: 0 }, "started\n"]);
  });
}
