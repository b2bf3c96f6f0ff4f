/**
 * G39: whatever is edited in the chains, their heads and the host log, a verification that has the last witnessed
 * checkpoint finds it.
 *
 * The attacker owns every file below CCOS_HOME, not the key. One property over random edits of random files, then the
 * edits with a name, each with the diagnosis it must get; then what an attacker with the key cannot do.
 */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type Checkpoint,
  hostLog,
  type LogVerdict,
  openCheckpoint,
  originOf,
} from "../../src/chain/index.ts";
import { type RunDirectory, runDirectory } from "../../src/runtime/run-directory.ts";
import { repairRun, verifyLogged, verifyRun, type World } from "../../src/runtime/index.ts";
import { runId, type SealedHost, sealedHost } from "../chain/sealed-host.ts";

const RUNS = 5;
/** The chain under attack: neither the first nor the last of the log. */
const TARGET = runId(2);
let origin: string;
let stateDir: string;
let host: SealedHost;
let witnessed: Checkpoint;

beforeAll(async () => {
  origin = mkdtempSync(join(tmpdir(), "ccos-log-attack-"));
  stateDir = join(origin, "attacked");
  const honest = join(origin, "honest");
  host = await sealedHost(honest);
  for (let run = 0; run < RUNS; run++) {
    await host.seal(runId(run), 4 + run);
    if (run < RUNS - 1)
      cpSync(hostLog(honest).directory, join(origin, `log-${run}`), { recursive: true });
  }
  witnessed = checkpointIn(honest);
}, 30_000);
afterAll(() => rmSync(origin, { recursive: true }));
beforeEach(reset);

function reset(): void {
  rmSync(stateDir, { recursive: true, force: true });
  cpSync(join(origin, "honest"), stateDir, { recursive: true });
}

function checkpointIn(directory: string): Checkpoint {
  const { publicKey } = host.key;
  const note = readFileSync(hostLog(directory).checkpoint, "utf8");
  const opened = openCheckpoint(note, { name: originOf(publicKey), publicKey });
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

const world = (): World => ({ stateDir }) as unknown as World;
const run = (): RunDirectory => runDirectory(stateDir, TARGET);

type Diagnosis = { readonly kind: string; readonly reason?: string };

/** What `ccos chain verify RUN --checkpoint FILE` finds. */
async function diagnosis(pinned: Checkpoint | null = witnessed): Promise<Diagnosis> {
  const chain = await verifyRun(world(), run());
  if (chain.kind === "broken") return chain;
  const log: LogVerdict = await verifyLogged(world(), run(), chain, pinned);
  return log.kind === "unlogged" ? { kind: "broken", reason: "unlogged" } : log;
}

const FILES = ["chain.jsonl", "head.json", "heads.jsonl", "checkpoint"] as const;
function pathOf(file: (typeof FILES)[number]): string {
  const inRun = file === "chain.jsonl" || file === "head.json";
  return join(inRun ? run().path : hostLog(stateDir).directory, file);
}

/** Edits of a file's bytes. What changes nothing is no edit. */
const edits: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => (bytes: Buffer) => {
    const flipped = Buffer.from(bytes);
    flipped[at % flipped.length]! ^= bits;
    return flipped;
  }),
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 64 })).map(([at, length]) => (bytes: Buffer) => {
    const from = at % bytes.length;
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
  }),
  fc
    .tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 32 }))
    .map(([at, added]) => (bytes: Buffer) => {
      const from = at % (bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, from), added, bytes.subarray(from)]);
    }),
  fc.nat().map((at) => (bytes: Buffer) => bytes.subarray(0, at % bytes.length)),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([a, b]) =>
      (bytes: Buffer) =>
        swapLines(bytes, a, b),
  ),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([a, b]) =>
      (bytes: Buffer) =>
        copyLine(bytes, a, b),
  ),
  fc.nat().map((at) => (bytes: Buffer) => {
    const lines = linesOf(bytes);
    lines.splice(at % lines.length, 1);
    return Buffer.from(lines.join(""));
  }),
);

function linesOf(bytes: Buffer): string[] {
  return bytes.toString("latin1").split(/(?<=\n)/);
}

function swapLines(bytes: Buffer, a: number, b: number): Buffer {
  const lines = linesOf(bytes);
  const [left, right] = [a % lines.length, b % lines.length];
  [lines[left], lines[right]] = [lines[right]!, lines[left]!];
  return Buffer.from(lines.join(""), "latin1");
}

function copyLine(bytes: Buffer, a: number, b: number): Buffer {
  const lines = linesOf(bytes);
  lines.splice(b % (lines.length + 1), 0, lines[a % lines.length]!);
  return Buffer.from(lines.join(""), "latin1");
}

/** Behind the signed heads of the log anything may stand, as a crash leaves it: nobody believes it. */
function isBehindLog(file: string, before: Buffer, after: Buffer): boolean {
  return file === "heads.jsonl" && after.subarray(0, before.length).equals(before);
}

describe("an attacker without the key", () => {
  test("is found with every edit of chain, head, log or checkpoint", async () => {
    let edited = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...FILES), edits, async (file, edit) => {
        const before = readFileSync(pathOf(file));
        const after = edit(before);
        if (after.equals(before) || isBehindLog(file, before, after)) return;
        edited++;
        writeFileSync(pathOf(file), after);
        try {
          expect((await diagnosis()).kind).toBe("broken");
        } finally {
          writeFileSync(pathOf(file), before);
        }
      }),
      { numRuns: 2000 },
    );
    expect(edited).toBeGreaterThan(1200);
    expect(await diagnosis()).toMatchObject({ kind: "logged", index: 2, pinned: true });
  }, 60_000);

  test("puts nothing into the log: a line behind it is not believed, and none but our own is signed", async () => {
    const first = linesOf(readFileSync(pathOf("heads.jsonl")))[0]!;
    const forged = first.replace(runId(0), TARGET);
    appendFileSync(pathOf("heads.jsonl"), forged);
    expect(await diagnosis()).toMatchObject({ kind: "logged", index: 2, size: RUNS });
    const next = (await sealedHost(stateDir)).seal(runId(9), 3);
    await expect(next).rejects.toMatchObject({ code: "CHAIN_INTEGRITY" });
    expect(checkpointIn(stateDir)).toEqual(witnessed);
  });

  const cut = (file: (typeof FILES)[number], lines: number): void => {
    const kept = linesOf(readFileSync(pathOf(file))).slice(0, -lines);
    writeFileSync(pathOf(file), kept.join(""), "latin1");
  };
  const olderLog = (number: number): void => {
    const { directory } = hostLog(stateDir);
    rmSync(directory, { recursive: true });
    cpSync(join(origin, `log-${number}`), directory, { recursive: true });
  };

  test.each<[string, () => void, string]>([
    ["a cut chain", () => cut("chain.jsonl", 2), "truncated"],
    [
      "a cut chain whose head was taken away",
      () => {
        cut("chain.jsonl", 2);
        rmSync(run().head);
      },
      "truncated",
    ],
    ["a head taken away", () => rmSync(run().head), "stripped"],
    [
      "the chain and head of another run",
      () => {
        const other = runDirectory(stateDir, runId(3));
        cpSync(other.chain, run().chain);
        cpSync(other.head, run().head);
      },
      "chain-id",
    ],
    ["the log as it was before the run", () => olderLog(1), "log-rollback"],
    ["the log as it was after the run", () => olderLog(3), "log-rollback"],
    [
      "no log at all",
      () => rmSync(hostLog(stateDir).directory, { recursive: true }),
      "log-rollback",
    ],
    [
      "the log without the run, its checkpoint kept",
      () => {
        const lines = linesOf(readFileSync(pathOf("heads.jsonl")));
        writeFileSync(
          pathOf("heads.jsonl"),
          lines.filter((line) => !line.includes(TARGET)).join(""),
        );
      },
      "log-changed",
    ],
    [
      "a checkpoint without its signature",
      () => {
        const note = readFileSync(pathOf("checkpoint"), "utf8");
        writeFileSync(pathOf("checkpoint"), `${note.split("\n\n")[0]!}\n`);
      },
      "log-signature",
    ],
  ])("is told: %s", async (_name, attack, reason) => {
    attack();
    expect(await diagnosis()).toMatchObject({ kind: "broken", reason });
  });

  test("who changes another run's head in the log is found without a witness too", async () => {
    const lines = linesOf(readFileSync(pathOf("heads.jsonl")));
    writeFileSync(pathOf("heads.jsonl"), [...lines.slice(1, 2), ...lines.slice(1)].join(""));
    expect(await diagnosis(null)).toMatchObject({ kind: "broken", reason: "log-changed" });
  });

  test("who puts back an older log and chain is found by the witnessed checkpoint alone", async () => {
    olderLog(3);
    expect(await diagnosis(null)).toMatchObject({ kind: "logged" });
    expect(await diagnosis()).toMatchObject({ kind: "broken", reason: "log-rollback" });
  });
});

describe("an attacker with the key", () => {
  /** A whole new state directory with the host's key: every signature is right. */
  async function rewritten(records: (number: number) => number, runs: number): Promise<void> {
    const { readdirSync } = await import("node:fs");
    for (const name of readdirSync(stateDir)) {
      if (name !== "keys") rmSync(join(stateDir, name), { recursive: true });
    }
    const forger = await sealedHost(stateDir);
    for (let number = 0; number < runs; number++) await forger.seal(runId(number), records(number));
  }

  test("can write the same history again, and no other", async () => {
    await rewritten((number) => 4 + number, RUNS);
    expect(await diagnosis()).toMatchObject({ kind: "logged", pinned: true });
    for (const changed of [0, 2, 4]) {
      await rewritten((number) => 4 + number + (number === changed ? 1 : 0), RUNS);
      expect(await diagnosis(null)).toMatchObject({ kind: "logged" });
      expect(await diagnosis()).toMatchObject({ kind: "broken", reason: "log-fork" });
    }
    await rewritten((number) => 4 + number, RUNS - 1);
    expect(await diagnosis()).toMatchObject({ kind: "broken", reason: "log-rollback" });
    await rewritten((number) => 4 + number, RUNS + 2);
    expect(await diagnosis()).toMatchObject({ kind: "logged", size: RUNS + 2 });
  });

  test("cannot give a run another end than the log has", async () => {
    rmSync(run().path, { recursive: true });
    const forger = await sealedHost(stateDir);
    await forger.seal(TARGET, 9);
    // The log has two heads of one run now.
    expect(await diagnosis()).toMatchObject({ kind: "broken", reason: "fork" });
  });
});

test("a crash between log and head is mended from the log, an edit is not", async () => {
  const head = readFileSync(run().head);
  rmSync(run().head);
  expect(await repairRun(world(), run())).toEqual({ bytes: 0, head: true });
  expect(readFileSync(run().head)).toEqual(head);
  expect(await diagnosis()).toMatchObject({ kind: "logged" });
  rmSync(run().head);
  const lines = linesOf(readFileSync(run().chain));
  writeFileSync(run().chain, lines.slice(0, -1).join(""));
  expect(await repairRun(world(), run())).toEqual({ bytes: 0, head: false });
  expect(existsSync(run().head)).toBe(false);
});
