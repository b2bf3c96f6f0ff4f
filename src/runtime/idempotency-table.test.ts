import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../host/index.ts";
import { effectId, type IdempotencyTable, openIdempotencyTable } from "./idempotency-table.ts";

let home = "";
let nowMs = 0;
let table: IdempotencyTable;
const open = (): Promise<IdempotencyTable> => openIdempotencyTable(home, () => nowMs);
const claim = { id: "a".repeat(64), capability: "test.effect", input: "sha256:1", run: "run-1" };
const MINE = { kind: "mine", isDoubtful: false, run: "run-1" };

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "ccos-table-"));
  nowMs = 1_000_000;
  table = await open();
});
afterEach(() => {
  table.close();
  rmSync(home, { recursive: true });
});

async function rows(sql: string): Promise<void> {
  const database = await openDatabase(join(home, "idempotency", "effects.db"), "");
  database.exec(sql);
  database.close();
}

describe("IdempotencyTable", () => {
  test("gives the first result to whoever asks again, also after it was closed", async () => {
    expect(table.begin(claim)).toEqual(MINE);
    table.finish(claim.id, { json: { status: 201, body: "ä" } });
    table.close();
    table = await open();
    expect(table.begin({ ...claim, run: "run-2" })).toEqual({
      kind: "done",
      run: "run-1",
      value: { json: { status: 201, body: "ä" } },
    });
  });

  test("keeps no result in the open, and none over 64 KiB", async () => {
    table.begin(claim);
    table.finish(claim.id, { json: "a result of note" });
    table.close();
    for (const name of ["effects.db", "effects.db-wal"].map((each) =>
      join(home, "idempotency", each),
    ))
      expect(spawnSync("grep", ["-c", "of note", name]).stdout.toString()).not.toBe("1\n");
    table = await open();
    const large = { ...claim, id: "b".repeat(64) };
    table.begin(large);
    table.finish(large.id, { json: "x".repeat(64 * 1024) });
    expect(table.begin(large)).toEqual({ kind: "done", run: "run-1", value: null });
  });

  test("tells a conflict, a busy effect, one that was refused and one whose maker died apart", async () => {
    table.begin(claim);
    expect(table.begin(claim)).toEqual({ kind: "busy" });
    expect(table.begin({ ...claim, input: "sha256:2" })).toEqual({
      kind: "conflict",
      run: "run-1",
    });
    table.finish(claim.id, undefined);
    expect(table.begin({ ...claim, run: "run-2" })).toEqual({ ...MINE, run: "run-2" });
    // The same number, another process: the one that had it is gone.
    await rows("UPDATE effect SET start_ticks = 1");
    expect(table.begin({ ...claim, run: "run-3" })).toEqual({
      ...MINE,
      isDoubtful: true,
      run: "run-2",
    });
    table.leave(claim.id);
    expect(table.begin({ ...claim, run: "run-4" })).toMatchObject({
      isDoubtful: true,
      run: "run-3",
    });
  });

  test("forgets after a week, and refuses when it is full", async () => {
    table.begin(claim);
    table.finish(claim.id, { json: 1 });
    nowMs += 7 * 24 * 60 * 60 * 1000;
    expect(table.begin(claim).kind).toBe("done");
    nowMs += 1;
    expect(table.begin(claim)).toEqual(MINE);
    await rows(`WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
      INSERT INTO effect SELECT i, 'c', 'i', 'r', 'done', 0, 0, ${nowMs}, NULL, NULL FROM n`);
    expect(table.begin({ ...claim, id: "c".repeat(64) })).toEqual({ kind: "full" });
    expect(table.begin({ ...claim, id: "7" })).toMatchObject({ kind: "conflict" });
  });

  test("has a value null, not a wrong one, under another key or another row's", async () => {
    for (const id of ["1".repeat(64), "2".repeat(64)]) {
      table.begin({ ...claim, id });
      table.finish(id, { json: `of ${id[0]}` });
    }
    await rows(
      `UPDATE effect SET result = (SELECT result FROM effect WHERE id = '${"1".repeat(64)}') WHERE id = '${"2".repeat(64)}'`,
    );
    expect(table.begin({ ...claim, id: "2".repeat(64) })).toMatchObject({
      kind: "done",
      value: null,
    });
    rmSync(join(home, "idempotency", "key"));
    table.close();
    table = await open();
    expect(table.begin({ ...claim, id: "1".repeat(64) })).toMatchObject({
      kind: "done",
      value: null,
    });
  });

  test("of eight processes that begin the same effects at once, each effect is one's", async () => {
    const program = `
      import { openIdempotencyTable } from ${JSON.stringify(join(import.meta.dirname, "idempotency-table.ts"))};
      const table = await openIdempotencyTable(${JSON.stringify(home)}, Date.now);
      const mine = [];
      for (let n = 0; n < 50; n++)
        if (table.begin({ id: String(n), capability: "c", input: "i", run: "r" }).kind === "mine") { mine.push(n); table.finish(String(n), { json: n }); }
      console.log(JSON.stringify(mine));
      table.close();`;
    const run = promisify(execFile);
    const started = Array.from({ length: 8 }, () =>
      run(process.execPath, ["--input-type=module", "-e", program]),
    );
    const taken = (await Promise.all(started)).flatMap(
      ({ stdout }) => JSON.parse(stdout) as number[],
    );
    expect(taken.sort((left, right) => left - right)).toEqual(
      Array.from({ length: 50 }, (_, n) => n),
    );
  });

  test("that is no database says that it is unavailable", async () => {
    table.close();
    rmSync(join(home, "idempotency", "effects.db"));
    await rows("CREATE TABLE effect (id TEXT)");
    await expect(open()).rejects.toMatchObject({ code: "IDEMPOTENCY_UNAVAILABLE" });
    rmSync(join(home, "idempotency", "effects.db"));
    table = await open();
    expect(readFileSync(join(home, "idempotency", "key"))).toHaveLength(32);
  });
});

describe("effectId", () => {
  test("is SHA-256 over each part behind its length", () => {
    const bytes = Buffer.from(
      "ccos.idempotency.v1\0\0\0\0\x06intent\0\0\0\x05run-1\0\0\0\x03a.b\0\0\0\x01k",
      "latin1",
    );
    const name = { scope: ["intent", "run-1"], capability: "a.b", key: "k" };
    expect(effectId(name)).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("tells names apart whose texts run together", () => {
    const ids = [
      { scope: ["plan", "a", "bc"], capability: "x", key: "k" },
      { scope: ["plan", "ab", "c"], capability: "x", key: "k" },
      { scope: ["plan", "a"], capability: "bc", key: "xk" },
      { scope: ["plan", "a", "bc"], capability: "xk", key: "" },
    ].map(effectId);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
