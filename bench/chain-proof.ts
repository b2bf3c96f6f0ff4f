/**
 * Proofs from the host log's stored tree: `node bench/chain-proof.ts [LEAVES] [--json FILE]`.
 *
 * Builds a tree of so many leaves in a file (10 million by default, 640 MB in CCOS_BENCH_DIR), then makes and checks proofs of
 * random leaves and from random earlier sizes. Building is not what is measured; a real log grows by one leaf a run.
 */
import { hash } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { addLeaf, isConsistent, isIncluded, type Range, rootOf } from "../src/chain/merkle.ts";
import { StoredTree } from "../src/chain/stored-tree.ts";
import { openLogFile } from "../src/host/index.ts";
import { type Mark, markLine, median, shown, table, writeResults } from "./lib/stats.ts";

const leaves = Number(process.argv[2]) || 10_000_000;
const directory = mkdtempSync(join(process.env["CCOS_BENCH_DIR"] ?? process.cwd(), ".bench-tree-"));
const path = join(directory, "tree.bin");
const PROOFS = 20_000;

function leafOf(index: number): string {
  return hash("sha256", String(index));
}

/** The layout of StoredTree, written in large pieces. */
function build(): string {
  const file = openSync(path, "w");
  const range: Range = [];
  let waiting: string[] = [];
  for (let index = 0; index < leaves; index++) {
    const leaf = leafOf(index);
    const completed = addLeaf(range, index, leaf);
    waiting.push(leaf);
    for (const each of completed) waiting.push(each.hash);
    if (waiting.length < 32_768) continue;
    writeSync(file, Buffer.from(waiting.join(""), "hex"));
    waiting = [];
  }
  writeSync(file, Buffer.from(waiting.join(""), "hex"));
  closeSync(file);
  return rootOf(range);
}

/** Microseconds of each call. */
function timed(work: (index: number) => void): number[] {
  return Array.from({ length: PROOFS }, () => {
    const index = Math.floor(Math.random() * leaves);
    const startMs = performance.now();
    work(index);
    return (performance.now() - startMs) * 1000;
  });
}

try {
  const root = build();
  const file = openLogFile(path, "read");
  const tree = new StoredTree(file);
  if (tree.size !== leaves || tree.rootAt(leaves) !== root) throw new Error("the tree is another");
  const before = process.memoryUsage.rss();
  const inclusion = timed((index) => void tree.inclusion(index, leaves));
  const checked = timed((index) => {
    const at = { leaf: leafOf(index), index, size: leaves, root };
    if (!isIncluded(at, tree.inclusion(index, leaves))) throw new Error(`leaf ${index}`);
  });
  const consistency = timed((size) => void tree.consistency(size + 1, leaves));
  for (const size of [1, 2, leaves - 1, leaves]) {
    const from = { size, root: tree.rootAt(size) };
    if (!isConsistent(from, { size: leaves, root }, tree.consistency(size, leaves))) {
      throw new Error(`size ${size}`);
    }
  }
  const grown = process.memoryUsage.rss() - before;
  file.close();
  const marks: Mark[] = [
    { name: "inclusion proof, µs, median", value: median(inclusion), limit: 50, atLeast: false },
    { name: "memory of 60 000 proofs, MB", value: grown / 1e6, limit: 50, atLeast: false },
  ];
  const rows = [
    ["inclusion proof", shown(median(inclusion))],
    ["inclusion proof, made and checked", shown(median(checked))],
    ["consistency proof", shown(median(consistency))],
  ];
  console.log(table([`${leaves} leaves, ${PROOFS} proofs each`, "µs, median"], rows));
  console.log(marks.map(markLine).join("\n"));
  writeResults("chain-proof", { leaves, inclusion: median(inclusion), marks });
} finally {
  rmSync(directory, { recursive: true });
}
