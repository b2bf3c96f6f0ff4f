/** Chains for tests: built by the product's own writer, taken apart and put together by hand. */
import { generateKeyPairSync, hash } from "node:crypto";
import {
  type ChainRecord,
  type HostKey,
  keyIdOf,
  linkRecord,
  memoryStore,
  openChain,
  type RecordInput,
  type SignedHead,
} from "../../src/chain/index.ts";
import { signHead } from "../../src/chain/head.ts";
import { addLeaf, type Range, rootOf } from "../../src/chain/merkle.ts";

export const CHAIN_ID = "run-01HF7YAT00ZZZZZZZZZZZZZZZZ";
export const CONFIG_DIGEST: string = `sha256:${"c".repeat(64)}`;

export interface Sample {
  /** Lines without newlines. */
  readonly lines: readonly string[];
  readonly records: readonly ChainRecord[];
  readonly head: SignedHead;
  readonly key: HostKey;
}

export function newKey(): HostKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { keyId: keyIdOf(publicKey), privateKey, publicKey };
}

const sharedKey = newKey();

/** A sealed chain: RunStarted, then one record per input. */
export async function sampleChain(
  inputs: readonly RecordInput[],
  chainId: string = CHAIN_ID,
): Promise<Sample> {
  const store = memoryStore();
  let clock = 1_763_700_000_000;
  const chain = openChain({ store, chainId, configDigest: CONFIG_DIGEST, nowMs: () => clock++ });
  const records = [chain.append({ type: "RunStarted", data: { config: CONFIG_DIGEST } })];
  for (const input of inputs) records.push(chain.append(input));
  await chain.commit();
  const { seq, hash: last } = chain.head;
  const root = treeRoot(records);
  const head = signHead({ chain: chainId, records: seq + 1, head: last, root }, sharedKey);
  const lines = Buffer.from(store.bytes()).toString("utf8").split("\n").slice(0, -1);
  return { lines, records, head, key: sharedKey };
}

/** Root of the tree of these records. */
export function treeRoot(records: readonly ChainRecord[]): string {
  const tree: Range = [];
  for (const [index, { hash: leaf }] of records.entries()) addLeaf(tree, index, leaf);
  return rootOf(tree);
}

export function calls(count: number): RecordInput[] {
  return Array.from({ length: count }, (_, call) => ({
    type: "CallIntended",
    data: { call, rule: "network.egress.rules[0]" },
    facts: { note: `n${call}` },
  }));
}

export function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(""));
}

/** Hand bytes over in pieces of `size`, as a disk might. */
export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A line as a forger would write it: the hash fits whatever the body says. */
export function forgedLine(body: string): string {
  return `{"body":${body},"hash":"${hash("sha256", `ccos.chain.v1\0${body}`)}"}`;
}

/** Change a record's body and link it again, as a forger would. */
export function relinked(record: ChainRecord, change: object): string {
  const body = { ...record.body, ...change };
  const linked = linkRecord(body);
  const sorted = Object.fromEntries(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `{"body":${JSON.stringify(sorted)},"hash":"${linked.hash}"}`;
}
