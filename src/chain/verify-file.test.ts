import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  bytesOf,
  CHAIN_ID,
  calls,
  pieces,
  relinked,
  type Sample,
  sampleChain,
  treeRoot,
} from "../../test/chain/sample.ts";
import { signHead } from "./head.ts";
import { checkStretches, type StretchPlan } from "./stretch.ts";
import { verifyChainFile, verifyInThreads } from "./verify-file.ts";
import { type Verification, verifyChain, type VerifyOptions } from "./verify.ts";

/** About four lines: most stretches hold several records, a few begin with one. */
const STRETCH_BYTES = 1500;

let directory = "";
let path = "";
let sample: Sample;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-verify-"));
  path = join(directory, "chain.jsonl");
  sample = await sampleChain(calls(40));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** What two threads say, which must be what one says. */
async function verdictOf(bytes: Uint8Array, options: VerifyOptions): Promise<Verification> {
  writeFileSync(path, bytes);
  const alone = await verifyChain(pieces(bytes, 4096), options);
  const inTwo = { ...options, stretchBytes: STRETCH_BYTES, threadsMax: 2 };
  const shared = await verifyInThreads(path, inTwo);
  if (shared === null) {
    expect(alone.kind).toBe("broken");
    expect(await verifyChainFile(path, inTwo)).toEqual(alone);
  } else expect(shared).toEqual(alone);
  const ofLinks = await verifyInThreads(path, { ...inTwo, only: "links" });
  if (ofLinks !== null) expect(ofLinks).toEqual(alone);
  else expect(alone.kind).toBe("broken");
  return alone;
}

const sealed = (): VerifyOptions => ({
  head: sample.head,
  publicKey: sample.key.publicKey,
  chainId: CHAIN_ID,
});

describe("verifyChainFile, in two threads", () => {
  test("takes a sealed and an unsealed chain", async () => {
    const bytes = bytesOf(sample.lines);
    expect(bytes.length).toBeGreaterThan(8 * STRETCH_BYTES);
    const sum = { kind: "valid", records: 41, head: sample.head.head };
    const { keyId } = sample.key;
    expect(await verdictOf(bytes, sealed())).toEqual({ ...sum, sealed: true, keyId });
    expect(await verdictOf(bytes, {})).toEqual({ ...sum, sealed: false });
  });

  test.each<[string, (lines: string[]) => void, string]>([
    ["a changed byte", (lines) => (lines[30] = lines[30]!.replace("n29", "n28")), "changed"],
    ["a record forged with its hash", (lines) => (lines[9] = forged(9)), "changed"],
    ["a last record forged with its hash", (lines) => (lines[40] = forged(40)), "changed"],
    ["a dropped record", (lines) => lines.splice(17, 1), "dropped"],
    ["a dropped first record", (lines) => lines.splice(0, 1), "dropped"],
    ["two swapped records", (lines) => lines.splice(5, 2, lines[6]!, lines[5]!), "moved"],
    ["a record that stands twice", (lines) => lines.splice(36, 0, lines[4]!), "duplicated"],
    ["a line that is none", (lines) => lines.splice(20, 0, "x"), "inserted"],
    ["a cut tail", (lines) => lines.splice(33), "truncated"],
    ["a record after the head", (lines) => lines.push(lines[40]!), "after-head"],
  ])("finds %s", async (_name, edit, reason) => {
    const lines = [...sample.lines];
    edit(lines);
    expect(await verdictOf(bytesOf(lines), sealed())).toMatchObject({ kind: "broken", reason });
  });

  test("finds a torn end, another run's chain and a head that counts fewer", async () => {
    const bytes = bytesOf(sample.lines);
    const torn = await verdictOf(bytes.subarray(0, -1), {});
    expect(torn).toMatchObject({ kind: "broken", reason: "torn" });
    expect(await verdictOf(bytes, { chainId: "run-2" })).toMatchObject({ reason: "chain-id" });
    const head = signHead(
      {
        chain: CHAIN_ID,
        records: 40,
        head: sample.records[39]!.hash,
        root: treeRoot(sample.records.slice(0, 40)),
      },
      sample.key,
    );
    const fewer = await verdictOf(bytes, { head, publicKey: sample.key.publicKey });
    expect(fewer).toMatchObject({ reason: "after-head" });
  });

  test("says that there is no file as one thread does", async () => {
    const absent = verifyChainFile(join(directory, "absent"), {});
    await expect(absent).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
  });

  function forged(number: number): string {
    return relinked(sample.records[number]!, { facts: { forged: true } });
  }
});

describe("checkStretches", () => {
  test("of links alone finds a record forged with its hash wherever it stands", async () => {
    for (let number = 0; number < 40; number++) {
      const lines = [...sample.lines];
      lines[number] = relinked(sample.records[number]!, { facts: { forged: true } });
      writeFileSync(path, bytesOf(lines));
      const plan = { ...planOf(1_000_000, 1), linksOnly: true };
      expect(await checkStretches(plan)).toEqual([[0, "unsound"]]);
    }
  });

  test("counts every record once, wherever the file is cut", async () => {
    const bytes = bytesOf(sample.lines);
    writeFileSync(path, bytes);
    const begins = sample.lines.map((_, line) => bytesOf(sample.lines.slice(0, line + 1)).length);
    const cut = fc.oneof(fc.integer({ min: 1, max: bytes.length }), fc.constantFrom(...begins));
    await fc.assert(
      fc.asyncProperty(cut, async (stretchBytes) => {
        const stretches = Math.ceil(bytes.length / stretchBytes);
        if (stretches > 200) return;
        const plan = planOf(stretchBytes, stretches);
        const both = (await Promise.all([checkStretches(plan), checkStretches(plan)])).flat();
        expect(both.map(([number]) => number).sort((a, b) => a - b)).toEqual([
          ...Array(stretches).keys(),
        ]);
        let records = 0;
        for (const [, stretch] of both.toSorted(([a], [b]) => a - b)) {
          if (stretch === "empty") continue;
          if (stretch === "unsound") throw new Error("unsound");
          expect(stretch.first).toMatchObject({ seq: records });
          records += stretch.records;
          expect(stretch.last).toBe(sample.records[records - 1]!.hash);
        }
        expect(records).toBe(41);
      }),
      { numRuns: 100 },
    );
  });

  test("finds every record of a stretch that was forged with its hash", async () => {
    for (let number = 1; number < 40; number++) {
      const lines = [...sample.lines];
      lines[number] = relinked(sample.records[number]!, { facts: { forged: true } });
      writeFileSync(path, bytesOf(lines));
      expect(await checkStretches(planOf(1_000_000, 1))).toEqual([[0, "unsound"]]);
    }
  });
});

function planOf(stretchBytes: number, stretches: number): StretchPlan {
  const next = new Int32Array(new SharedArrayBuffer(4));
  return { path, stretchBytes, stretches, withTree: true, linksOnly: false, next };
}
