import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bytesOf,
  CHAIN_ID,
  calls,
  forgedLine,
  newKey,
  pieces,
  relinked,
  type Sample,
  sampleChain,
  treeRoot,
} from "../../test/chain/sample.ts";
import { signHead } from "./head.ts";
import type { RecordInput } from "./writer.ts";
import { type Verification, verifyChain, type VerifyOptions } from "./verify.ts";

const sealedBy = ({ head, key }: Sample): VerifyOptions => ({
  head,
  publicKey: key.publicKey,
  chainId: CHAIN_ID,
});

async function verifyLines(
  lines: readonly string[],
  options: VerifyOptions,
): Promise<Verification> {
  return await verifyChain(pieces(bytesOf(lines), 4096), options);
}

describe("verifyChain", () => {
  test("takes a sealed chain however its bytes are cut, and names head and key", async () => {
    const sample = await sampleChain(calls(5));
    for (const size of [1, 7, 64, 1_000_000]) {
      expect(await verifyChain(pieces(bytesOf(sample.lines), size), sealedBy(sample))).toEqual({
        kind: "valid",
        sealed: true,
        records: 6,
        head: sample.records[5]!.hash,
        keyId: sample.key.keyId,
      });
    }
  });

  test("takes an unsealed chain and says so", async () => {
    const { lines, records } = await sampleChain(calls(2));
    expect(await verifyLines(lines, {})).toEqual({
      kind: "valid",
      sealed: false,
      records: 3,
      head: records[2]!.hash,
    });
    expect(await verifyLines([], {})).toEqual({
      kind: "valid",
      sealed: false,
      records: 0,
      head: "",
    });
  });

  test.each<[string, (sample: Sample, lines: string[]) => void, object]>([
    [
      "a changed byte",
      (_, lines) => (lines[2] = lines[2]!.replace("n1", "n9")),
      { seq: 2, line: 3, reason: "changed" },
    ],
    [
      "a changed hash",
      (_, lines) => (lines[2] = lines[2]!.replace(/.(?="}$)/, "g")),
      { seq: 2, line: 3, reason: "changed" },
    ],
    [
      "a dropped record",
      (_, lines) => lines.splice(2, 1),
      { seq: 2, line: 3, reason: "dropped", detail: "it is missing" },
    ],
    [
      "three dropped records",
      (_, lines) => lines.splice(2, 3),
      { seq: 2, reason: "dropped", detail: "records 2 to 4 are missing" },
    ],
    [
      "a dropped first record",
      (_, lines) => lines.splice(0, 1),
      { seq: 0, line: 1, reason: "dropped" },
    ],
    [
      "two swapped records",
      (_, lines) => lines.splice(2, 2, lines[3]!, lines[2]!),
      { seq: 2, line: 3, reason: "moved" },
    ],
    [
      "a record moved back",
      (_, lines) => lines.splice(2, 0, lines.splice(6, 1)[0]!),
      { seq: 2, line: 3, reason: "moved" },
    ],
    [
      "a record moved on",
      (_, lines) => lines.splice(6, 0, lines.splice(2, 1)[0]!),
      { seq: 2, line: 3, reason: "moved" },
    ],
    [
      "a record repeated at once",
      (_, lines) => lines.splice(3, 0, lines[2]!),
      { seq: 2, line: 4, reason: "duplicated" },
    ],
    [
      "a record repeated later",
      (_, lines) => lines.splice(6, 0, lines[2]!),
      { seq: 2, line: 7, reason: "duplicated" },
    ],
    [
      "a record repeated before",
      (_, lines) => lines.splice(2, 0, lines[6]!),
      { seq: 6, line: 3, reason: "duplicated" },
    ],
    [
      "an inserted forgery",
      ({ records }, lines) => lines.splice(3, 0, relinked(records[3]!, { data: {} })),
      { seq: 3, line: 5, reason: "inserted" },
    ],
    [
      "an inserted forgery with another prev",
      ({ records }, lines) => lines.splice(3, 0, relinked(records[3]!, { prev: "0".repeat(64) })),
      { seq: 3, line: 4, reason: "inserted" },
    ],
    [
      "an inserted line that is no record",
      (_, lines) => lines.splice(3, 0, "hello"),
      { seq: 3, line: 4, reason: "inserted" },
    ],
    [
      "an empty line",
      (_, lines) => lines.splice(3, 0, ""),
      { seq: 3, line: 4, reason: "inserted" },
    ],
    [
      "a record changed and linked again",
      ({ records }, lines) => (lines[3] = relinked(records[3]!, { data: { call: 99 } })),
      { seq: 3, line: 5, reason: "changed" },
    ],
    [
      "a record linked to another one before",
      ({ records }, lines) => (lines[4] = relinked(records[4]!, { prev: "0".repeat(64) })),
      { seq: 4, line: 5, reason: "changed" },
    ],
    [
      "a record of an unknown type",
      ({ records }, lines) => (lines[3] = relinked(records[3]!, { type: "Anything" })),
      { seq: 3, line: 4, reason: "bad-type" },
    ],
    [
      "a record of another version",
      ({ records }, lines) =>
        (lines[3] = forgedLine(JSON.stringify(records[3]!.body).replace('"v":1', '"v":2'))),
      { seq: 3, line: 4 },
    ],
    ["a cut tail", (_, lines) => lines.splice(7, 1), { seq: 7, reason: "truncated" }],
    ["an emptied file", (_, lines) => lines.splice(0), { seq: 0, reason: "truncated" }],
    [
      "a record after the head",
      ({ records }, lines) => lines.push(relinked(records[7]!, { seq: 8, prev: records[7]!.hash })),
      { seq: 8, line: 9, reason: "after-head" },
    ],
    [
      "a last record changed and linked again",
      ({ records }, lines) => (lines[7] = relinked(records[7]!, { ts: 1 })),
      { seq: 7, line: 8, reason: "changed" },
    ],
    [
      "a first record with another config",
      ({ records }, lines) => (lines[0] = relinked(records[0]!, { data: { config: "sha256:00" } })),
      { seq: 0, line: 1, reason: "changed" },
    ],
    [
      "a first record of another type",
      ({ records }, lines) => (lines[0] = relinked(records[0]!, { type: "GuestLog" })),
      { seq: 0, line: 1, reason: "changed" },
    ],
  ])("finds %s and tells which", async (_name, edit, expected) => {
    const sample = await sampleChain(calls(7));
    const lines = [...sample.lines];
    edit(sample, lines);
    expect(await verifyLines(lines, sealedBy(sample))).toMatchObject({
      kind: "broken",
      ...expected,
    });
  });

  test("finds a record of another run, and another run's chain", async () => {
    const sample = await sampleChain(calls(7));
    const other = await sampleChain(calls(7), "run-01HF7YAT00ZZZZZZZZZZZZZZZY");
    const lines = [...sample.lines];
    lines[3] = other.lines[3]!;
    expect(await verifyLines(lines, sealedBy(sample))).toMatchObject({
      seq: 3,
      reason: "chain-id",
    });
    lines.splice(3, 1, other.lines[3]!, sample.lines[3]!);
    expect(await verifyLines(lines, sealedBy(sample))).toMatchObject({
      seq: 3,
      reason: "inserted",
    });
    expect(await verifyLines(other.lines, { chainId: CHAIN_ID })).toMatchObject({
      seq: 0,
      reason: "chain-id",
    });
    expect(await verifyLines(other.lines, sealedBy({ ...sample, head: other.head }))).toMatchObject(
      { reason: "chain-id" },
    );
  });

  test("finds a root that is not that of the records", async () => {
    const sample = await sampleChain(calls(6));
    const { chain, records, head } = sample.head;
    const root = treeRoot(sample.records.slice(0, -1));
    const forged = signHead({ chain, records, head, root }, sample.key);
    expect(await verifyLines(sample.lines, sealedBy({ ...sample, head: forged }))).toMatchObject({
      kind: "broken",
      reason: "root",
    });
  });

  test("does not believe a head: another key, another field, no key", async () => {
    const sample = await sampleChain(calls(3));
    const options = sealedBy(sample);
    const forged = signHead(
      {
        chain: CHAIN_ID,
        records: 2,
        head: sample.records[1]!.hash,
        root: treeRoot(sample.records.slice(0, 2)),
      },
      newKey(),
    );
    const cut = sample.lines.slice(0, 2);
    const broken = { kind: "broken", reason: "signature" };
    expect(await verifyLines(cut, { ...options, head: forged })).toMatchObject(broken);
    expect(
      await verifyLines(cut, { ...options, head: { ...sample.head, records: 2 } }),
    ).toMatchObject(broken);
    expect(await verifyLines(sample.lines, { ...options, publicKey: null })).toMatchObject(broken);
  });

  test("calls a cut last line torn, truncated before a head, after-head behind it", async () => {
    const sample = await sampleChain(calls(3));
    const whole = bytesOf(sample.lines);
    const cut = whole.subarray(0, whole.length - 5);
    expect(await verifyChain(pieces(cut, 100), {})).toMatchObject({
      seq: 3,
      line: 4,
      reason: "torn",
    });
    expect(await verifyChain(pieces(cut, 100), sealedBy(sample))).toMatchObject({
      seq: 3,
      reason: "truncated",
    });
    const more = Buffer.concat([whole, Buffer.from('{"bo')]);
    expect(await verifyChain(pieces(more, 100), sealedBy(sample))).toMatchObject({
      seq: 4,
      reason: "after-head",
    });
  });

  test("refuses a line over 1 MiB without keeping it, with and without a newline", async () => {
    const { lines } = await sampleChain(calls(2));
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield bytesOf(lines);
      const block = Buffer.alloc(64 * 1024, "x");
      for (let asked = 0; asked < 20; asked++) yield block;
      throw new Error("more was asked for after the refusal");
    }
    expect(await verifyChain(endless(), {})).toMatchObject({
      seq: 3,
      line: 4,
      reason: "malformed",
    });
    expect(await verifyLines([...lines, "x".repeat(2_000_000)], {})).toMatchObject({
      seq: 3,
      reason: "malformed",
    });
  });
});

const record: fc.Arbitrary<RecordInput> = fc.record({
  type: fc.constantFrom("CallIntended", "CallCompleted", "StepStarted", "GuestLog"),
  data: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }) as fc.Arbitrary<
    RecordInput["data"]
  >,
  facts: fc.dictionary(fc.string({ unit: "grapheme" }), fc.integer(), { maxKeys: 2 }),
});

/** One edit of a file: `at`, `to` and `bit` are taken modulo what there is. */
interface Edit {
  readonly how:
    | "flip"
    | "delete"
    | "insert"
    | "swap"
    | "truncate"
    | "duplicate"
    | "splice"
    | "delete-bytes"
    | "insert-bytes";
  readonly at: number;
  readonly to: number;
  readonly bit: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  how: fc.constantFrom(
    "flip",
    "delete",
    "insert",
    "swap",
    "truncate",
    "duplicate",
    "splice",
    "delete-bytes",
    "insert-bytes",
  ),
  at: fc.nat(),
  to: fc.nat(),
  bit: fc.nat(7),
});

function applied(
  lines: readonly string[],
  other: readonly string[],
  { how, at, to, bit }: Edit,
): Buffer {
  const edited = [...lines];
  const from = at % lines.length;
  const onto = to % lines.length;
  const bytes = bytesOf(lines);
  const byte = at % bytes.length;
  switch (how) {
    case "flip":
      bytes[byte]! ^= 1 << bit;
      return bytes;
    case "delete":
      edited.splice(from, 1);
      return bytesOf(edited);
    case "insert":
      edited.splice(from, 0, other[onto % other.length]!);
      return bytesOf(edited);
    case "swap":
      [edited[from], edited[onto]] = [edited[onto]!, edited[from]!];
      return bytesOf(edited);
    case "truncate":
      return bytes.subarray(0, byte);
    case "duplicate":
      edited.splice(onto, 0, edited[from]!);
      return bytesOf(edited);
    case "splice":
      return bytesOf([...lines.slice(0, from), ...other.slice(from)]);
    case "delete-bytes":
      return Buffer.concat([bytes.subarray(0, byte), bytes.subarray(byte + 1 + (to % 50))]);
    case "insert-bytes":
      return Buffer.concat([
        bytes.subarray(0, byte),
        Buffer.from([to % 256]),
        bytes.subarray(byte),
      ]);
    default:
      throw new Error(how satisfies never);
  }
}

describe("verifyChain, for random chains", () => {
  test("finds every single edit of a sealed chain, nowhere before the first change", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        edit,
        fc.integer({ min: 1, max: 999 }),
        async (inputs, change, size) => {
          const sample = await sampleChain(inputs);
          const other = await sampleChain(inputs, "run-01HF7YAT00ZZZZZZZZZZZZZZZY");
          const before = bytesOf(sample.lines);
          const after = applied(sample.lines, other.lines, change);
          const verdict = await verifyChain(pieces(after, size), sealedBy(sample));
          if (after.equals(before)) {
            expect(verdict.kind).toBe("valid");
            return;
          }
          expect(verdict.kind).toBe("broken");
          if (verdict.kind === "broken")
            expect(verdict.line).toBeGreaterThanOrEqual(lineOfDifference(before, after));
        },
      ),
      { numRuns: 4000 },
    );
  }, 120_000);

  test("takes every chain that the writer wrote", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 20 }), async (inputs) => {
        const sample = await sampleChain(inputs);
        expect((await verifyLines(sample.lines, sealedBy(sample))).kind).toBe("valid");
      }),
      { numRuns: 500 },
    );
  });
});

/** Number of the last line that is surely untouched. */
function lineOfDifference(before: Buffer, after: Buffer): number {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at++;
  return before.subarray(0, at).filter((byte) => byte === 10).length;
}
