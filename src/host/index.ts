/** The one door to the machine: processes, files, sockets, clock, random. */
export { type Canaries, type CanaryEndpoint, type CanaryState, openCanaries } from "./canary.ts";
export { guestDirectory, siblingProgram } from "./sibling-program.ts";
export { serveWithToken, type TokenAnswer, type TokenRequest } from "./token-server.ts";
export { processesNaming, type Supervised, superviseProcess } from "./supervised.ts";
export {
  errnoOf,
  openInOrder,
  openRandom,
  type RandomFile,
  readBounded,
  readBoundedNow,
  readChunks,
  readOwned,
} from "./file-reading.ts";
export {
  type AppendFile,
  createExclusive,
  cutTail,
  ensureParents,
  ensurePrivateDir,
  listDirectory,
  openDurable,
  openExclusive,
  openForAppending,
  removeFile,
  replaceContent,
  syncDirectory,
  truncateTo,
  writeAtomic,
} from "./files.ts";
export {
  listTree,
  makeParents,
  type Measured,
  measureInPieces,
  publishDirectory,
  removeTree,
  sealTree,
  writeBelow,
} from "./tree.ts";
export { type ContainedRefusal, readContained } from "./contained-reading.ts";
export { hasWriter } from "./writers.ts";
export { type ControlGroup, controlGroupsWork, createControlGroup } from "./control-group.ts";
export {
  anonymousFile,
  type Argv,
  closeDescriptors,
  currentUser,
  type Descriptor,
  findExecutable,
  killPid,
  signalName,
  type ProcessEnd,
  type SpawnedProcess,
  spawnProcess,
  type SpawnRequest,
  SYSTEM_DIRECTORIES,
} from "./process.ts";
export {
  descendants,
  isGone,
  memoryFileBytes,
  processesWith,
  processFacts,
  strayTrafficBytes,
  treeUsage,
} from "./process-tree.ts";
export {
  createLineDatabase,
  type LineColumn,
  readLineDatabase,
} from "./line-database.ts";
export { type LogFile, openLogFile } from "./log-file.ts";
export { type Database, openDatabase } from "./database.ts";
export { lockDirectory, type NameLease } from "./name-lease.ts";
export { leaseUser, type UserLease } from "./user-lease.ts";
export { type MeasuredFile, measureFile } from "./measured-file.ts";
export { runTool, type ToolRun } from "./run-tool.ts";
export { storedExecutable } from "./executable-store.ts";
export {
  closedToOthers,
  groupOf,
  headOf,
  openGuardedSocket,
  openSocketTo,
  placeAt,
  realPath,
} from "./places.ts";
export { sleep } from "./clock.ts";
export { createFileAccess, type FileAccess } from "./file-access.ts";
export { serveLoopback } from "./loopback-server.ts";
export { type ClientIdentity, parseClientIdentity } from "./client-identity.ts";
export {
  type ConnectRequest,
  type ProxyServer,
  type ProxyServerOptions,
  serveProxy,
} from "./proxy-server.ts";
export type { RawFields, ServedRequest, ServedUpgrade } from "./served-request.ts";
export {
  createUpstreams,
  type UpstreamReply,
  type UpstreamRequest,
  type Upstreams,
  type UpstreamSwitched,
} from "./upstream.ts";
export { publicAuthorities, type SecureContext, serverContext } from "./server-context.ts";
export type { TlsDemand } from "./verified-tls.ts";
export {
  connectUnix,
  dial,
  dialUnix,
  type ExchangeFailure,
  type HttpExchange,
  httpExchange,
  listenUnix,
  resolveHost,
  type UnixListener,
} from "./network.ts";
export { dialGuest, guestSocket, SOCKET_PATH_BYTES_MAX } from "./hybrid-vsock.ts";
export { requestUnix, type UnixHttpFailure } from "./unix-http.ts";
export {
  type DirectoryContent,
  type PrivateDirectory,
  type PrivateFile,
  privateDirectory,
} from "./private-directory.ts";
export {
  type MachineDirectory,
  machineDirectory,
  removeMachineGroups,
} from "./machine-directory.ts";
export { answerTask, startThread, type Thread, threadsAtOnce } from "./thread.ts";
export {
  bootId,
  changedMs,
  fileIdentity,
  groupThatMayWrite,
  measureSync,
  timeStampKhz,
} from "./machine.ts";
export { type Companion, type CompanionRequest, startCompanion } from "./companion.ts";
