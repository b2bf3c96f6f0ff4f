import { createRequire } from "node:module";
import { hash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLogFile } from "../host/index.ts";
import {
  addLeaf,
  addSubtree,
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  type Range,
  rootOf,
  subtreesOf,
} from "./merkle.ts";
import { StoredTree } from "./stored-tree.ts";

/** The definition, RFC 9162 2.1.1, word for word. */
function definedRoot(leaves: readonly string[]): string {
  if (leaves.length === 0) return hash("sha256", "");
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const sides = definedRoot(leaves.slice(0, split)) + definedRoot(leaves.slice(split));
  return hash("sha256", Buffer.concat([Buffer.of(1), Buffer.from(sides, "hex")]));
}

/** Leaves and roots that Certificate Transparency's implementations are tested with. */
const CT_LEAVES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((hex) => Buffer.from(hex, "hex"));
const CT_ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const SIZE_MAX = 70;
const data = Array.from({ length: SIZE_MAX }, (_, index) => Buffer.from(`entry ${index}`));
const leaves = data.map(leafHash);
const read = (level: number, index: number): string =>
  definedRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
const roots = Array.from({ length: SIZE_MAX + 1 }, (_, size) => definedRoot(leaves.slice(0, size)));

/** Sigstore's verifier of inclusion, which knows nothing of this code. */
interface Oracle {
  verifyMerkleInclusion(
    entry: {
      canonicalizedBody: Buffer;
      inclusionProof: { logIndex: string; hashes: readonly Buffer[] };
    },
    checkpoint: { logSize: bigint; logHash: Buffer },
  ): void;
}
const oracle = createRequire(import.meta.url)(
  "../../node_modules/@sigstore/verify/dist/tlog/merkle.js",
) as Oracle;

describe("a tree", () => {
  test("has the roots that Certificate Transparency's implementations have", () => {
    const range: Range = [];
    expect(rootOf(range)).toBe(EMPTY_ROOT);
    for (const [index, leaf] of CT_LEAVES.entries()) {
      addLeaf(range, index, leafHash(leaf));
      expect(rootOf(range)).toBe(CT_ROOTS[index]);
    }
  });

  test("has its defined root at every size, also when put together from parts", () => {
    for (let size = 0; size <= SIZE_MAX; size++) {
      expect(rootOf(subtreesOf(0, size, read))).toBe(roots[size]);
      for (const cut of [1, 5, 8, 31, 64].filter((each) => each < size)) {
        const [left, right]: Range[] = [[], []];
        for (let leaf = 0; leaf < cut; leaf++) addLeaf(left!, leaf, leaves[leaf]!);
        for (let leaf = cut; leaf < size; leaf++) addLeaf(right!, leaf, leaves[leaf]!);
        for (const subtree of right!) addSubtree(left!, subtree);
        expect(rootOf(left!)).toBe(roots[size]);
      }
    }
  });

  test("proves each leaf at each size, to itself and to Sigstore's verifier, and no other leaf", () => {
    for (let size = 1; size <= SIZE_MAX; size++) {
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, read);
        const at = { leaf: leaves[index]!, index, size, root: roots[size]! };
        expect(isIncluded(at, proof)).toBe(true);
        expect(isIncluded({ ...at, leaf: leaves[(index + 1) % SIZE_MAX]! }, proof)).toBe(false);
        expect(isIncluded({ ...at, root: roots[size - 1]! }, proof)).toBe(false);
        expect(isIncluded({ ...at, index: size }, proof)).toBe(false);
        // A proof for another size of tree is none, also for the same root.
        expect(isIncluded({ ...at, size: 2 * size }, proof)).toBe(false);
        expect(isIncluded(at, [...proof, leaves[0]!])).toBe(false);
        if (proof.length > 0) expect(isIncluded(at, proof.slice(1))).toBe(false);
        const entry = {
          canonicalizedBody: data[index]!,
          inclusionProof: {
            logIndex: String(index),
            hashes: proof.map((each) => Buffer.from(each, "hex")),
          },
        };
        const checkpoint = { logSize: BigInt(size), logHash: Buffer.from(roots[size]!, "hex") };
        expect(() => oracle.verifyMerkleInclusion(entry, checkpoint)).not.toThrow();
      }
    }
  });

  test("proves that each size goes on with each smaller one, and with no other history", () => {
    for (let size = 0; size <= SIZE_MAX; size++) {
      for (let earlier = 0; earlier <= size; earlier++) {
        const proof = consistencyProof(earlier, size, read);
        const old = { size: earlier, root: roots[earlier]! };
        const now = { size, root: roots[size]! };
        expect(isConsistent(old, now, proof)).toBe(true);
        const foreign = { ...old, root: leafHash(Buffer.from("another history")) };
        expect(isConsistent(foreign, now, proof)).toBe(false);
        // Every tree goes on with the empty one.
        const other = { ...now, root: roots[(size + 1) % SIZE_MAX]! };
        if (earlier > 0) expect(isConsistent(old, other, proof)).toBe(false);
        expect(isConsistent(old, now, [...proof, leaves[0]!])).toBe(false);
        if (proof.length > 0) expect(isConsistent(old, now, proof.slice(1))).toBe(false);
        if (earlier < size) expect(isConsistent(now, old, proof)).toBe(false);
      }
    }
  });
});

test("a node is made of two hashes and of nothing else", () => {
  expect(() => nodeHash("", leaves[0]!)).toThrow(TypeError);
  expect(() => nodeHash(leaves[0]!, leaves[0]!.replace(/^./, "g"))).toThrow(TypeError);
});

test("a stored tree gives at every size what the definition gives", () => {
  const directory = mkdtempSync(join(tmpdir(), "ccos-tree-"));
  try {
    const file = openLogFile(join(directory, "tree.bin"), "append");
    const tree = new StoredTree(file);
    for (let size = 0; size < SIZE_MAX; size++) {
      expect(tree.size).toBe(size);
      tree.append(size, leaves[size]!);
      for (let at = 0; at <= size + 1; at++) expect(tree.rootAt(at)).toBe(roots[at]);
    }
    expect(tree.inclusion(11, SIZE_MAX)).toEqual(inclusionProof(11, SIZE_MAX, read));
    expect(tree.consistency(37, SIZE_MAX)).toEqual(consistencyProof(37, SIZE_MAX, read));
    // A leaf whose parents a crash cut off does not count, and is written again.
    file.cut(file.size - 33);
    expect(tree.size).toBe(SIZE_MAX - 1);
    tree.append(SIZE_MAX - 1, leaves[SIZE_MAX - 1]!);
    expect(tree.rootAt(SIZE_MAX)).toBe(roots[SIZE_MAX]);
    file.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
