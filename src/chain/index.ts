/** The causal chain: record, link, commit, verify, sign; and the payloads beside it. */
export type { Broken } from "./diagnosis.ts";
export { HEAD_FILE, isSignedBy, parseHead, type SignedHead, signHead } from "./head.ts";
export {
  type HostKey,
  keyIdOf,
  loadOrCreateHostKey,
  loadPublicKey,
  readPublicKey,
} from "./host-key.ts";
export { PAYLOAD_BYTES_MAX } from "./payload-blocks.ts";
export { openPayloads, type PayloadStore } from "./payloads.ts";
export { readRecords } from "./read.ts";
export {
  type ChainBody,
  type ChainRecord,
  digestOf,
  linkRecord,
  RECORD_BYTES_MAX,
  RECORD_TYPES,
  type RecordType,
} from "./record.ts";
export { repairTornTail } from "./repair.ts";
export { type ChainStore, fileStore, memoryStore, type MemoryStore, storeOver } from "./store.ts";
export { type Verification, verifyChain, verifyChainFile, type VerifyOptions } from "./verify.ts";
export { type ChainOptions, type ChainWriter, openChain, type RecordInput } from "./writer.ts";
