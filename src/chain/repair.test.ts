import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesOf, calls, sampleChain } from "../../test/chain/sample.ts";
import { readRecords } from "./read.ts";
import type { ChainRecord } from "./record.ts";
import { repairTornTail } from "./repair.ts";
import { verifyChainFile } from "./verify-file.ts";

let directory = "";
let path = "";
let whole: Buffer = Buffer.alloc(0);
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-repair-"));
  path = join(directory, "chain.jsonl");
  whole = bytesOf((await sampleChain(calls(3))).lines);
  writeFileSync(path, whole);
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function listed(): Promise<ChainRecord[]> {
  const records: ChainRecord[] = [];
  for await (const record of readRecords(path)) records.push(record);
  return records;
}

describe("repairTornTail", () => {
  test("moves a cut write aside, and the rest verifies", async () => {
    appendFileSync(path, '{"body":{"cha');
    expect(await verifyChainFile(path)).toMatchObject({ reason: "torn" });
    expect(await repairTornTail(path)).toBe(13);
    expect(readFileSync(`${path}.torn`, "utf8")).toBe('{"body":{"cha');
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(await verifyChainFile(path)).toMatchObject({ kind: "valid", records: 4 });
    expect(await repairTornTail(path)).toBe(0);
  });

  test("completes a repair that was interrupted after the copy", async () => {
    appendFileSync(path, "tail");
    writeFileSync(`${path}.torn`, "tail");
    expect(await repairTornTail(path)).toBe(4);
  });

  test("does not write over another tail", async () => {
    appendFileSync(path, "tail");
    writeFileSync(`${path}.torn`, "other");
    await expect(repairTornTail(path)).rejects.toMatchObject({ code: "IO_ERROR" });
    expect(readFileSync(path, "utf8").endsWith("tail")).toBe(true);
  });

  test.each<[string, () => void]>([
    ["a whole chain", () => undefined],
    [
      "a chain that was changed before its torn end",
      () => writeFileSync(path, Buffer.from(`${whole.toString().replace("n1", "n9")}tail`)),
    ],
    [
      "a sealed chain",
      () => {
        writeFileSync(join(directory, "head.json"), "{}");
        appendFileSync(path, "tail");
      },
    ],
  ])("leaves %s as it is", async (_name, prepare) => {
    prepare();
    const before = readFileSync(path);
    expect(await repairTornTail(path)).toBe(0);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(existsSync(`${path}.torn`)).toBe(false);
  });

  test("refuses while a process has the chain open for writing", async () => {
    appendFileSync(path, "tail");
    const reader = openSync(path, "r");
    const writer = openSync(path, "a");
    await expect(repairTornTail(path)).rejects.toMatchObject({
      code: "IO_ERROR",
      why: "a process still writes it",
    });
    closeSync(writer);
    expect(await repairTornTail(path)).toBe(4);
    closeSync(reader);
  });
});

describe("readRecords", () => {
  test("gives the records in order", async () => {
    expect((await listed()).map(({ body }) => [body.seq, body.type])).toEqual([
      [0, "RunStarted"],
      [1, "CallIntended"],
      [2, "CallIntended"],
      [3, "CallIntended"],
    ]);
  });

  test("ends with CHAIN_TORN after the last whole line, never silently", async () => {
    appendFileSync(path, "tail");
    await expect(listed()).rejects.toMatchObject({ code: "CHAIN_TORN" });
  });

  test("ends with CHAIN_INTEGRITY at a line that is no record", async () => {
    writeFileSync(path, whole.toString().replace("n1", "n9"));
    await expect(listed()).rejects.toMatchObject({ code: "CHAIN_INTEGRITY" });
  });

  test("names an absent chain", async () => {
    rmSync(path);
    await expect(listed()).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
  });
});
