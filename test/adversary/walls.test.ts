/**
 * Every attack of `walls/` behind every wall that runs external programs: each attempt blocked, each twin at work.
 *
 * The same attacks run without a wall too, as a user without rights: there they must get through. A wall whose tools are missing shows as
 * skipped; where REQUIRE_ISOLATION names it, it fails.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { createProviders, type IsolationProvider } from "../../src/isolation/index.ts";
import { testImage } from "../contract/image.ts";
import { type Report, reportsOf, scriptOf, type WallAttack } from "./walls/attack.ts";
import { devices } from "./walls/devices.ts";
import { foreignAbi } from "./walls/foreign-abi.ts";
import { ioUring } from "./walls/io-uring.ts";
import { kernel } from "./walls/kernel.ts";
import { keyrings } from "./walls/keyrings.ts";
import { mounts } from "./walls/mounts.ts";
import { namespaces } from "./walls/namespaces.ts";
import { privileges } from "./walls/privileges.ts";
import { processes } from "./walls/processes.ts";
import { sharedMemory } from "./walls/shared-memory.ts";
import { sockets } from "./walls/sockets.ts";
import { store } from "./walls/store.ts";
import { terminal } from "./walls/terminal.ts";

const ATTACKS: readonly WallAttack[] = [
  devices,
  foreignAbi,
  ioUring,
  kernel,
  keyrings,
  mounts,
  namespaces,
  privileges,
  processes,
  sharedMemory,
  sockets,
  store,
  terminal,
];
const MIB = 1024 * 1024;
const RUN_MS_MAX = 60_000;
const stateDir = mkdtempSync(join(tmpdir(), "ccos-adversary-"));
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
const providers = createProviders({
  nodePath: process.execPath,
  stateDir,
  ...testImage(),
}).filter(({ runs }) => runs.has("external"));
const ready = new Map<string, boolean>();
for (const provider of providers)
  ready.set(provider.name, (await provider.probe()).kind === "ready");
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

async function attackBehind(provider: IsolationProvider): Promise<readonly Report[]> {
  const limits = { wallMs: RUN_MS_MAX, cpuMs: 30_000, memoryBytes: 512 * MIB, pidsMax: 64 };
  const session = await provider.open({
    limits: { ...limits, outputBytes: 4 * MIB, diskBytes: 16 * MIB },
    files: [],
    binds: [],
    environment: {},
    sockets: provider.sockets,
  });
  try {
    const program = { kind: "external", argv: scriptOf(ATTACKS), channel: false } as const;
    const execution = await session.execute(program, new AbortController().signal);
    execution.stdin.end();
    const [output, , ending] = await Promise.all([
      textOf(execution.stdout),
      textOf(execution.stderr),
      execution.ending,
    ]);
    expect(ending).toEqual({ kind: "exited", status: 0 });
    return reportsOf(output);
  } finally {
    await session.close();
  }
}

/** Attempts that a wall answers itself: they may succeed, and reach nothing. */
function isAnsweredInside(
  { answeredInside = {} }: WallAttack,
  wall: string,
  { attempt }: Report,
): boolean {
  return Object.entries(answeredInside).some(
    ([prefix, { attempts }]) =>
      wall.startsWith(prefix) && attempts.some((each) => attempt.startsWith(each)),
  );
}

describe.each(providers)("behind $name", (provider) => {
  const isReady = ready.get(provider.name) === true;
  const reports = new Map<string, readonly Report[]>();

  test.runIf(!isReady && required.includes(provider.name))("the wall is there", () => {
    expect.unreachable(`${provider.name} is required and not ready`);
  });

  test.runIf(isReady)(
    "the attacks run to their end",
    async () => {
      for (const report of await attackBehind(provider))
        reports.set(report.attack, [...(reports.get(report.attack) ?? []), report]);
      expect([...reports.keys()].sort()).toEqual(ATTACKS.map(({ name }) => name).sort());
    },
    RUN_MS_MAX + 10_000,
  );

  test.runIf(isReady).each(ATTACKS)("$name is held", (attack) => {
    const mine = reports.get(attack.name) ?? [];
    const through = mine.filter(
      (report) => report.outcome === "through" && !isAnsweredInside(attack, provider.name, report),
    );
    expect(through).toEqual([]);
    expect(mine.filter(({ outcome }) => outcome === "blocked").length).toBeGreaterThan(0);
    expect(mine.map(({ outcome }) => outcome).filter((each) => each.startsWith("twin"))).toEqual([
      "twin",
    ]);
  });
});

/** A user that owns nothing, and the same with rights over namespaces of its own: what is tried harms no host. */
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const UNWALLED: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    "a plain user",
    [],
    ["foreign-abi", "io-uring", "kernel", "keyrings", "namespaces", "privileges", "sockets"],
  ],
  [
    "namespaces of its own",
    ["unshare", "--user", "--map-root-user", "--mount", "--uts", "--pid", "--fork"],
    ["kernel", "mounts", "namespaces", "privileges", "processes", "sockets"],
  ],
];

describe("without a wall", () => {
  test.each(UNWALLED)("as %s the attacks get through", async (_, raise, expected) => {
    const user = process.geteuid?.() === 0 ? NOBODY : [];
    const [file = "", ...args] = [...user, ...raise, ...scriptOf(ATTACKS)];
    const { stdout } = await promisify(execFile)(file, args, {
      cwd: tmpdir(),
      timeout: RUN_MS_MAX,
    });
    const through = reportsOf(stdout).filter(({ outcome }) => outcome === "through");
    const open = new Set(through.map(({ attack }) => attack));
    expect(expected.filter((name) => !open.has(name))).toEqual([]);
  });
});
