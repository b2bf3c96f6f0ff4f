/** What one verifier says, another one that shares no line with it says too: test/chain/verify.py. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  base64Of,
  checkProof,
  hostLog,
  openCheckpoint,
  originOf,
  proofText,
  prove,
} from "../../src/chain/index.ts";
import { parseHead } from "../../src/chain/head.ts";
import { proveConsistency } from "../../src/chain/prove.ts";
import { forgedLine } from "./sample.ts";
import { runId, type SealedHost, sealedHost } from "./sealed-host.ts";

const VERIFIER = join(import.meta.dirname, "verify.py");
const RUNS = 6;
let stateDir: string;
let host: SealedHost;
const kept: string[] = [];
const at = (...names: string[]): string => join(stateDir, ...names);
const keyFile = (): string => at("keys", "host.pub.pem");

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "ccos-second-"));
  host = await sealedHost(stateDir);
  for (let run = 0; run < RUNS; run++) {
    await host.seal(runId(run), 1 + 7 * run);
    kept.push(at(`checkpoint-${run + 1}`));
    cpSync(hostLog(stateDir).checkpoint, kept.at(-1)!);
  }
});
afterAll(() => rmSync(stateDir, { recursive: true }));

function second(...args: readonly string[]): string {
  return execFileSync("python3", [VERIFIER, ...args], { encoding: "utf8" }).trim();
}

function refused(...args: readonly string[]): boolean {
  return spawnSync("python3", [VERIFIER, ...args]).status === 1;
}

describe("the second verifier", () => {
  test("takes every chain, head and root that was sealed, and no changed one", () => {
    for (let run = 0; run < RUNS; run++) {
      const files = ["chain.jsonl", "head.json"].map((name) => at("runs", runId(run), name));
      expect(second("chain", ...files, keyFile())).toMatch(`chain ${runId(run)} ${1 + 7 * run} `);
    }
    const [chain, head] = ["chain.jsonl", "head.json"].map((name) => at("runs", runId(2), name));
    const changed = at("changed.jsonl");
    writeFileSync(changed, readFileSync(chain!, "utf8").replace('"n3"', '"n4"'));
    expect(refused("chain", changed, head!, keyFile())).toBe(true);
    const rooted = at("changed.json");
    const text = readFileSync(head!, "utf8");
    writeFileSync(rooted, text.replace(/"root":"../, '"root":"00'));
    expect(refused("chain", chain!, rooted, keyFile())).toBe(true);
  });

  test("takes the log and its checkpoint, and no cut log", () => {
    const { heads, checkpoint } = hostLog(stateDir);
    expect(second("log", heads, checkpoint, keyFile())).toMatch(
      `log ${originOf(host.key.publicKey)} ${RUNS} `,
    );
    expect(refused("log", heads, kept[2]!, keyFile())).toBe(true);
  });

  test("takes a proof of each head and of a record under it, and no proof of another", async () => {
    const log = hostLog(stateDir);
    const { publicKey } = host.key;
    for (const run of [0, 3, RUNS - 1]) {
      const directory = at("runs", runId(run));
      const head = parseHead(readFileSync(join(directory, "head.json"), "utf8"));
      if (!head.ok) throw new Error(head.error);
      const path = join(directory, "chain.jsonl");
      for (const record of [undefined, { path, seq: 0 }, { path, seq: 7 * run }]) {
        const options = { log, publicKey, head: head.value, index: run };
        const proof = await prove(record === undefined ? options : { ...options, record });
        const file = at("a.tlog-proof");
        writeFileSync(file, proofText(proof));
        expect(second("proof", file, keyFile())).toBe(`proof ${runId(run)} ${run} of ${RUNS}`);
        writeFileSync(file, proofText({ ...proof, index: (run + 1) % RUNS }));
        expect(refused("proof", file, keyFile())).toBe(true);
      }
    }
  });

  test("and the first take no record that is not under the head", async () => {
    const path = at("runs", runId(3), "chain.jsonl");
    const head = parseHead(readFileSync(at("runs", runId(3), "head.json"), "utf8"));
    if (!head.ok) throw new Error(head.error);
    const { publicKey } = host.key;
    const options = { log: hostLog(stateDir), publicKey, head: head.value, index: 3 };
    const proof = await prove({ ...options, record: { path, seq: 4 } });
    const line = forgedLine(proof.record!.line.slice(8, -75).replace('"n3"', '"n4"'));
    const forged = proofText({ ...proof, record: { ...proof.record!, line } });
    expect(checkProof(proofText(proof), publicKey)).toMatchObject({ ok: true });
    expect(checkProof(forged, publicKey)).toMatchObject({ ok: false });
    writeFileSync(at("a.tlog-proof"), forged);
    expect(refused("proof", at("a.tlog-proof"), keyFile())).toBe(true);
  });

  test("takes that the log goes on from each checkpoint that was kept", async () => {
    const { publicKey } = host.key;
    for (const [index, file] of kept.entries()) {
      const name = originOf(publicKey);
      const from = openCheckpoint(readFileSync(file, "utf8"), { name, publicKey });
      if (!from.ok) throw new Error(from.error);
      const proof = await proveConsistency(hostLog(stateDir), publicKey, from.value);
      const path = JSON.stringify(proof!.path.map(base64Of));
      const newest = hostLog(stateDir).checkpoint;
      expect(second("consistency", file, newest, keyFile(), path)).toBe(
        `consistency ${index + 1} ${RUNS}`,
      );
      if (index > 0) {
        expect(refused("consistency", kept[index - 1]!, newest, keyFile(), path)).toBe(true);
      }
    }
  });
});
