/**
 * Requests and answers as files: `<CCOS_HOME>/approvals/<id>/` with `request.json`, one `by-<key>.json` for each
 * approver, `used.json` once it was used, `revoked.json` once it was taken back.
 *
 * An id is half of the request's digest, so a changed request is no longer found under its name. Each file is written
 * once, whole and durable; who answered and who used it cannot be decided twice. Names of any other form are not read.
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject } from "../foundation/json.ts";
import { createExclusive, ensurePrivateDir, listDirectory, readBounded } from "../host/index.ts";
import {
  type ApprovalRequest,
  type ApprovalStatement,
  type Approver,
  requestDigest,
} from "./approval.ts";
import { parsed, requestOf, statementOf } from "./approval-text.ts";
import { nameOfKey } from "./keys.ts";

const FILE_BYTES_MAX = 64 * 1024;
/** Requests that are looked at; who has more open ones is refused a new one. */
const REQUESTS_MAX = 10_000;
const ID = /^[0-9a-f]{32}$/;

/** A request with all that was said about it. */
export interface ApprovalCase {
  readonly id: string;
  readonly request: ApprovalRequest;
  /** As found: nothing of them is verified. */
  readonly statements: readonly ApprovalStatement[];
  /** The run that used it; null: none did. */
  readonly usedBy: string | null;
  readonly revoked: boolean;
}

export interface ApprovalStore {
  /** Keep a new request; durable when it resolves. @throws {CcosError} `IO_ERROR`. */
  open(request: ApprovalRequest): Promise<ApprovalCase>;
  /** @returns Null when there is none of this name, what is there is not what its name says, or an answer cannot be read. */
  find(id: string): Promise<ApprovalCase | null>;
  /** Oldest first. */
  list(): Promise<readonly ApprovalCase[]>;
  /** @returns False when this approver has answered already. */
  answer(id: string, statement: ApprovalStatement, approver: Approver): Promise<boolean>;
  /** @returns False when somebody used it before. */
  use(id: string, run: string): Promise<boolean>;
  revoke(id: string, reason: string): Promise<void>;
}

/** What a request is called in commands and file names: 32 hex digits. */
export function idOf(request: ApprovalRequest): string {
  return requestDigest(request).slice("sha256:".length, "sha256:".length + 32);
}

/** @param stateDir - Exists. */
export function approvalStore(stateDir: string): ApprovalStore {
  const root = join(stateDir, "approvals");
  const within = (id: string, file: string): string => {
    if (!ID.test(id)) throw new TypeError("An id is checked before it becomes a path");
    return join(root, id, file);
  };
  const find = async (id: string): Promise<ApprovalCase | null> =>
    ID.test(id) ? await readCase(join(root, id), id) : null;
  return {
    async open(request) {
      const id = idOf(request);
      await ensurePrivateDir(stateDir);
      await ensurePrivateDir(root);
      const others = await listDirectory(root);
      if (others.length >= REQUESTS_MAX) throw tooMany(root);
      await ensurePrivateDir(join(root, id));
      await writeOnce(within(id, "request.json"), request);
      return { id, request, statements: [], usedBy: null, revoked: false };
    },
    find,
    async list() {
      const names = (await listDirectory(root)).filter((name) => ID.test(name));
      const found = await Promise.all(names.slice(0, REQUESTS_MAX).map(find));
      return found
        .filter((each) => each !== null)
        .sort((one, other) => one.request.createdMs - other.request.createdMs);
    },
    answer: async (id, statement, { key }) =>
      await writeOnce(within(id, `by-${nameOfKey(key)}.json`), statement),
    use: async (id, run) => await writeOnce(within(id, "used.json"), { run }),
    revoke: async (id, reason) => void (await writeOnce(within(id, "revoked.json"), { reason })),
  };
}

async function readCase(directory: string, id: string): Promise<ApprovalCase | null> {
  const request = requestOf(await readJson(join(directory, "request.json")));
  if (request === null || idOf(request) !== id) return null;
  const names = await listDirectory(directory);
  const answers = names.filter((name) => /^by-[0-9a-f]{16}\.json$/.test(name)).sort();
  const read = await Promise.all(answers.map((name) => readJson(join(directory, name))));
  const statements = read.map(statementOf).filter((each) => each !== null);
  // What cannot be read may have been a no.
  if (statements.length < answers.length) return null;
  const used = names.includes("used.json") ? await readJson(join(directory, "used.json")) : null;
  const usedBy = isJsonObject(used) && typeof used["run"] === "string" ? used["run"] : "somebody";
  return {
    id,
    request,
    statements,
    // A marker that cannot be read was written by somebody all the same.
    usedBy: used === null ? null : usedBy,
    revoked: names.includes("revoked.json"),
  };
}

async function readJson(path: string): Promise<unknown> {
  const bytes = await readBounded(path, FILE_BYTES_MAX);
  return bytes.ok ? parsed(bytes.value) : undefined;
}

async function writeOnce(path: string, value: object): Promise<boolean> {
  return await createExclusive(path, new TextEncoder().encode(JSON.stringify(value)), 0o600);
}

function tooMany(root: string): CcosError {
  return new CcosError("IO_ERROR", {
    what: "Cannot ask for another approval",
    why: `"${root}" holds ${REQUESTS_MAX} requests`,
    fix: "Remove those that are over",
  });
}
