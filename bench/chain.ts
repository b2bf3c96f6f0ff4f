/**
 * The chain beside its peers, in one run: `node bench/chain.ts [ROUNDS] [VERIFY_RECORDS] [--json
 * FILE]`.
 *
 * Peers: one fdatasync per record, a bare fdatasync of one block, buffered appends without any
 * sync, SQLite (WAL, synchronous FULL) with one and with 256 records per transaction. Files go to
 * CCOS_BENCH_DIR or the working directory's disk: a tmpfs would measure nothing.
 */
import { hash } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  type ChainWriter,
  fileStore,
  openChain,
  type RecordInput,
  type Verification,
  verifyChain,
  verifyChainFile,
} from "../src/chain/index.ts";
import { canonicalJson } from "../src/foundation/canonical-json.ts";
import { readChunks } from "../src/host/index.ts";
import {
  type Contender,
  elapsedMs,
  interleaved,
  type Mark,
  markLine,
  median,
  shown,
  table,
  writeResults,
} from "./lib/stats.ts";

const rounds = Number(process.argv[2]) || 7;
const verifyRecords = Number(process.argv[3]) || 1_000_000;
const directory = mkdtempSync(
  join(process.env["CCOS_BENCH_DIR"] ?? process.cwd(), ".bench-chain-"),
);
const config = `sha256:${"c".repeat(64)}`;
const chainId = "run-01HF7YAT00ZZZZZZZZZZZZZZZZ";
const tag = Buffer.from("ccos.chain.v1\0");
let files = 0;
const nextPath = (): string => join(directory, `chain-${files++}.jsonl`);

/** About 330 bytes as a line. */
function input(call: number): RecordInput {
  const result = `sha256:${(Math.imul(call, 2654435761) >>> 0).toString(16).padStart(16, "0")}`;
  return { type: "CallCompleted", data: { call, result }, facts: { ms: call % 350, status: 200 } };
}

async function newChain(): Promise<{ chain: ChainWriter; path: string }> {
  const path = nextPath();
  const store = await fileStore(path);
  const chain = openChain({ store, chainId, configDigest: config, nowMs: Date.now });
  chain.append({ type: "RunStarted", data: { config } });
  await chain.commit();
  return { chain, path };
}

const perSecond = (count: number, ms: number): number => count / (ms / 1000);

function formatAndHash(): Promise<number> {
  const count = 100_000;
  let prev = "0".repeat(64);
  return elapsedMs(() => {
    for (let seq = 0; seq < count; seq++) {
      const body = canonicalJson({
        chain: chainId,
        prev,
        seq,
        ts: Date.now(),
        v: 1,
        ...input(seq),
        facts: {},
      });
      prev = hash("sha256", body);
    }
  }).then((ms) => perSecond(count, ms));
}

async function appendBuffered(): Promise<number> {
  const { chain, path } = await newChain();
  const count = 100_000;
  const ms = await elapsedMs(() => {
    for (let call = 0; call < count; call++) chain.append(input(call));
  });
  await chain.close();
  rmSync(path);
  return perSecond(count, ms);
}

function groupCommit(callers: number): () => Promise<number> {
  return async () => {
    const { chain, path } = await newChain();
    const count = Math.min(60_000, 300 * callers);
    let left = count;
    const caller = async (): Promise<void> => {
      while (left-- > 0) {
        chain.append(input(left));
        await chain.commit();
      }
    };
    const ms = await elapsedMs(() => Promise.all(Array.from({ length: callers }, caller)));
    await chain.close();
    rmSync(path);
    return perSecond(count, ms);
  };
}

/** What everybody writes first: format, hash, write, fdatasync, one after the other. */
async function syncPerRecord(): Promise<number> {
  const path = nextPath();
  const file = openSync(path, "a");
  let prev = "0".repeat(64);
  const count = 300;
  const ms = await elapsedMs(() => {
    for (let seq = 0; seq < count; seq++) {
      const body = JSON.stringify({ prev, seq, ts: Date.now(), ...input(seq) });
      prev = hash("sha256", body);
      writeSync(file, `${body}${prev}\n`);
      fdatasyncSync(file);
    }
  });
  closeSync(file);
  rmSync(path);
  return perSecond(count, ms);
}

async function bareSync(): Promise<number> {
  const path = nextPath();
  const file = openSync(path, "a");
  const block = Buffer.alloc(330, "x");
  const count = 300;
  const ms = await elapsedMs(() => {
    for (let at = 0; at < count; at++) {
      writeSync(file, block);
      fdatasyncSync(file);
    }
  });
  closeSync(file);
  rmSync(path);
  return perSecond(count, ms);
}

/**
 * One caller's time / a bare fdatasync's: in turn every few commits, since the disk's mood changes faster than rounds
 * come round.
 */
async function oneCallerRatio(): Promise<number> {
  const { chain, path } = await newChain();
  const barePath = nextPath();
  const file = openSync(barePath, "a");
  const block = Buffer.alloc(330, "x");
  const ratios: number[] = [];
  for (let pair = 0; pair < 15 * rounds; pair++) {
    const bareMs = await elapsedMs(() => {
      for (let at = 0; at < 20; at++) {
        writeSync(file, block);
        fdatasyncSync(file);
      }
    });
    const chainMs = await elapsedMs(async () => {
      for (let at = 0; at < 20; at++) {
        chain.append(input(at));
        await chain.commit();
      }
    });
    ratios.push(chainMs / bareMs);
  }
  await chain.close();
  closeSync(file);
  rmSync(path);
  rmSync(barePath);
  return median(ratios);
}

function sqlite(perTransaction: number): () => Promise<number> {
  return async () => {
    const path = nextPath();
    const database = new DatabaseSync(path);
    database.exec(
      "pragma journal_mode=wal; pragma synchronous=full;" +
        "create table log(seq integer primary key, body text, hash text) strict",
    );
    const insert = database.prepare("insert into log values (?, ?, ?)");
    const count = perTransaction === 1 ? 300 : perTransaction * 60;
    let prev = "0".repeat(64);
    const ms = await elapsedMs(() => {
      for (let seq = 0; seq < count; seq++) {
        if (seq % perTransaction === 0) database.exec("begin");
        const body = JSON.stringify({ prev, seq, ts: Date.now(), ...input(seq) });
        prev = hash("sha256", body);
        insert.run(seq, body, prev);
        if (seq % perTransaction === perTransaction - 1) database.exec("commit");
      }
    });
    database.close();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    return perSecond(count, ms);
  };
}

async function buildLong(records: number): Promise<string> {
  const { chain, path } = await newChain();
  for (let call = 1; call < records; call++) {
    chain.append(input(call));
    if (call % 20_000 === 0) await chain.commit();
  }
  await chain.close();
  return path;
}

/** Resident memory of all threads at every tenth of the time of one verification. */
async function memoryOfVerify(path: string): Promise<number[]> {
  const samples: number[] = [];
  const timer = setInterval(() => samples.push(process.memoryUsage.rss()), 10);
  await verifyChainFile(path);
  clearInterval(timer);
  return Array.from(
    { length: 10 },
    (_, tenth) => samples[Math.ceil(((tenth + 1) * samples.length) / 10) - 1]!,
  );
}

/**
 * The least anybody could do: split, hash, JSON.parse, compare. Neither canonical form nor fields.
 */
async function parseOnly(path: string): Promise<number> {
  let count = 0;
  let prev = "";
  const ms = await elapsedMs(async () => {
    let carried = Buffer.alloc(0);
    for await (const chunk of readChunks(path)) {
      const block = Buffer.concat([carried, chunk]);
      let from = 0;
      for (let end = block.indexOf(10); end !== -1; end = block.indexOf(10, from)) {
        const body = block.subarray(from + 8, end - 75);
        const own = hash("sha256", Buffer.concat([tag, body]));
        const { prev: linked } = JSON.parse(body.toString()) as { prev: string };
        if (own !== block.toString("latin1", end - 66, end - 2)) throw new Error(`hash ${count}`);
        if (count > 0 && linked !== prev) throw new Error(`link ${count}`);
        prev = own;
        count++;
        from = end + 1;
      }
      carried = Buffer.from(block.subarray(from));
    }
  });
  return perSecond(count, ms);
}

async function verifyRate(
  path: string,
  verify: (path: string) => Promise<Verification>,
): Promise<number> {
  let found = 0;
  const ms = await elapsedMs(async () => {
    const verdict = await verify(path);
    if (verdict.kind !== "valid" || verdict.records !== verifyRecords) throw new Error("not valid");
    found = verdict.records;
  });
  return perSecond(found, ms);
}

try {
  const long = await buildLong(verifyRecords);
  const contenders: Contender[] = [
    { name: "format + hash", round: formatAndHash },
    { name: "append, buffered", round: appendBuffered },
    { name: "commit, 1 caller", round: groupCommit(1) },
    { name: "commit, 16 callers", round: groupCommit(16) },
    { name: "commit, 256 callers", round: groupCommit(256) },
    { name: "peer: fdatasync per record", round: syncPerRecord },
    { name: "peer: bare fdatasync", round: bareSync },
    { name: "peer: SQLite FULL, 1 per transaction", round: sqlite(1) },
    { name: "peer: SQLite FULL, 256 per transaction", round: sqlite(256) },
    { name: "verify", round: () => verifyRate(long, verifyChainFile) },
    {
      name: "verify, links only",
      round: () => verifyRate(long, (path) => verifyChainFile(path, { only: "links" })),
    },
    {
      name: "verify, one thread",
      round: () => verifyRate(long, (path) => verifyChain(readChunks(path))),
    },
    { name: "peer: split, hash, JSON.parse only", round: () => parseOnly(long) },
  ];
  const rates = await interleaved(contenders, rounds);
  const rateOf = (name: string): number => median(rates.get(name) ?? []);
  const base = rateOf("peer: fdatasync per record");
  const rows = contenders.map(({ name }) => [
    name,
    shown(rateOf(name)),
    shown(rateOf(name) / base),
  ]);
  const memory = await memoryOfVerify(long);
  const drift = Math.max(...memory.slice(1)) / Math.min(...memory.slice(1));
  const marks: Mark[] = [
    {
      name: "256 callers / one fdatasync per record",
      value: rateOf("commit, 256 callers") / base,
      limit: 40,
      atLeast: true,
    },
    {
      name: "one caller's time / bare fdatasync's",
      value: await oneCallerRatio(),
      limit: 1.6,
      atLeast: false,
    },
    { name: "verify, records per second", value: rateOf("verify"), limit: 700_000, atLeast: true },
    {
      name: "verify, links only, records per second",
      value: rateOf("verify, links only"),
      limit: 1_500_000,
      atLeast: true,
    },
    {
      name: "verify, largest / smallest memory after the first tenth",
      value: drift,
      limit: 1.1,
      atLeast: false,
    },
  ];
  console.log(table([`${rounds} rounds, medians`, "per second", "/ fdatasync per record"], rows));
  console.log(
    `resident MB at each tenth of verifying ${verifyRecords} records:`,
    memory.map((bytes) => Math.round(bytes / 1e6)).join(" "),
  );
  console.log(marks.map(markLine).join("\n"));
  writeResults("chain", { rounds, verifyRecords, rates: Object.fromEntries(rates), memory, marks });
} finally {
  rmSync(directory, { recursive: true });
}
