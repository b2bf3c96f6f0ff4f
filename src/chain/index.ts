/** The causal chain: record, link, commit, verify, sign; and the payloads beside it. */
export {
  type Anchor,
  anchorCheckpoint,
  readAnchors,
  type Review,
  reviewAnchor,
} from "./anchor/anchor.ts";
export { isAnchorUrl, type Signed, type Target as AnchorTarget } from "./anchor/targets.ts";
export { EXPORT_FORMATS, exportChain, type ExportFormat } from "./export/export.ts";
export { recordHashes } from "./chain-tree.ts";
export { parseHeadFile, type SignedHead } from "./head.ts";
export { type HostLog, hostLog, originOf, readCheckpoint, readLog } from "./host-log.ts";
export {
  auditLog,
  judgeLogged,
  type LogAudit,
  type LogBroken,
  type LogVerdict,
} from "./log-audit.ts";
export { isConsistent } from "./merkle.ts";
export { type Checkpoint, NOTE_LENGTH_MAX, openCheckpoint } from "./note.ts";
export { base64Of, checkProof, PROOF_LENGTH_MAX, proofText } from "./proof.ts";
export { prove, proveConsistency } from "./prove.ts";
export { keepHead, sealChain } from "./seal.ts";
export {
  type HostKey,
  keyIdOf,
  loadOrCreateHostKey,
  loadPublicKey,
  readPublicKey,
} from "./host-key.ts";
export { continuePayloads, openPayloads, type PayloadStore } from "./payloads.ts";
export { readRecords } from "./read.ts";
export { type ChainRecord, digestOf, isRecordType, linkRecord, type RecordType } from "./record.ts";
export { repairTornTail } from "./repair.ts";
export {
  appendingStore,
  type ChainStore,
  fileStore,
  memoryStore,
  newStore,
  storeOver,
} from "./store.ts";
export { type Verification, verifyChain } from "./verify.ts";
export { verifyChainFile } from "./verify-file.ts";
export { type ChainWriter, openChain, type RecordInput } from "./writer.ts";
