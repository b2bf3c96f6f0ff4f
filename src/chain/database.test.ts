import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { calls, CHAIN_ID, CONFIG_DIGEST, newKey, treeRoot } from "../../test/chain/sample.ts";
import { signHead } from "./head.ts";
import { readRecords } from "./read.ts";
import type { ChainRecord } from "./record.ts";
import { newStore } from "./store.ts";
import { type VerifyOptions, type Verification } from "./verify.ts";
import { verifyChainFile } from "./verify-file.ts";
import { openChain } from "./writer.ts";

const RECORDS = 12;
let directory: string;
let path: string;
let options: VerifyOptions;
let records: ChainRecord[];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-database-"));
  path = join(directory, "chain.db");
  let clock = 1_763_700_000_000;
  const store = await newStore(path);
  const chain = openChain({
    store,
    chainId: CHAIN_ID,
    configDigest: CONFIG_DIGEST,
    nowMs: () => clock++,
  });
  records = [chain.append({ type: "RunStarted", data: { config: CONFIG_DIGEST } })];
  for (const input of calls(RECORDS - 1)) {
    records.push(chain.append({ ...input, data: { ...input.data, step: "é" } }));
    if (records.length % 3 === 0) await chain.commit();
  }
  await chain.close();
  const key = newKey();
  const { seq, hash } = chain.head;
  const root = treeRoot(records);
  const head = signHead({ chain: CHAIN_ID, records: seq + 1, head: hash, root }, key);
  options = { head, publicKey: key.publicKey, chainId: CHAIN_ID };
});
afterEach(() => rmSync(directory, { recursive: true }));

function sql(text: string): void {
  const database = new DatabaseSync(path);
  database.exec(text);
  database.close();
}

const verified = (): Promise<Verification> => verifyChainFile(path, options);

async function found(where?: ReadonlyMap<string, string>): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { body } of readRecords(path, where)) numbers.push(body.seq);
  return numbers;
}

describe("a chain in a database", () => {
  test("verifies like a file, and gives its records in order or by what they say", async () => {
    expect(await verified()).toMatchObject({ kind: "valid", sealed: true, records: RECORDS });
    expect(statSync(path).mode & 0o077).toBe(0);
    expect(await found()).toEqual([...Array(RECORDS).keys()]);
    expect(await found(new Map([["type", "RunStarted"]]))).toEqual([0]);
    expect(await found(new Map([["step", "é"]]))).toHaveLength(RECORDS - 1);
    expect(await found(new Map([["step", "x' OR 1 --"]]))).toEqual([]);
  });

  test("is never another's: what stands at its path is not touched", async () => {
    await expect(newStore(path)).rejects.toMatchObject({ code: "CHAIN_UNWRITABLE" });
    expect(await verified()).toMatchObject({ kind: "valid" });
  });

  test.each<[string, string, string]>([
    [
      "a changed line",
      "UPDATE lines SET line = replace(line, 'n3', 'n4') WHERE number = 5",
      "changed",
    ],
    ["a dropped line", "DELETE FROM lines WHERE number = 6", "dropped"],
    ["a cut tail", "DELETE FROM lines WHERE number > 9", "truncated"],
    [
      "an added line",
      "INSERT INTO lines(line) SELECT line FROM lines WHERE number = 3",
      "after-head",
    ],
    [
      "two swapped lines",
      "UPDATE lines SET number = 100 WHERE number = 4; UPDATE lines SET number = 4 WHERE number = 5; UPDATE lines SET number = 5 WHERE number = 100",
      "moved",
    ],
    [
      "a line in two",
      "UPDATE lines SET line = replace(line, ',', ',' || char(10)) WHERE number = 2",
      "malformed",
    ],
  ])("is found with %s", async (_name, edit, reason) => {
    sql(edit);
    expect(await verified()).toMatchObject({ kind: "broken", reason });
  });

  test.each<[string, () => void]>([
    ["no database", () => writeFileSync(path, "hello")],
    ["an empty file", () => writeFileSync(path, "")],
    ["no table", () => sql("DROP TABLE lines")],
    [
      "a view that never ends in its place",
      () =>
        sql(
          "DROP TABLE lines; CREATE VIEW lines(number, line) AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'x' FROM n",
        ),
    ],
    [
      "a line of 2 MiB",
      () =>
        sql(
          "UPDATE lines SET line = char(34) || hex(zeroblob(1048576)) || char(34) WHERE number = 3",
        ),
    ],
  ])("is not read from %s", async (_name, damage) => {
    damage();
    await expect(verified()).rejects.toMatchObject({ code: "INPUT_UNREADABLE" });
  });

  test("that is not there is said so", async () => {
    const absent = verifyChainFile(join(directory, "absent.db"), {});
    await expect(absent).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
  });
});
