/** The causal chain: record, link, commit, verify, sign; and the payloads beside it. */
export { parseHead, type SignedHead, signHead } from "./head.ts";
export {
  type HostKey,
  keyIdOf,
  loadOrCreateHostKey,
  loadPublicKey,
  readPublicKey,
} from "./host-key.ts";
export { openPayloads, type PayloadStore } from "./payloads.ts";
export { readRecords } from "./read.ts";
export { type ChainRecord, digestOf, linkRecord, type RecordType } from "./record.ts";
export { repairTornTail } from "./repair.ts";
export { appendingStore, type ChainStore, fileStore, memoryStore, storeOver } from "./store.ts";
export { type Verification, verifyChain } from "./verify.ts";
export { verifyChainFile } from "./verify-file.ts";
export { type ChainWriter, openChain, type RecordInput } from "./writer.ts";
