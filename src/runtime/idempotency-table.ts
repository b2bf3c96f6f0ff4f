/**
 * The host's memory of effects with a key: `<CCOS_HOME>/idempotency/`, durable before the effect, shared by every run.
 *
 * One row an effect: `started` while somebody makes it, `done` with its result, `failed` when it is known not to have
 * been taken. A row whose maker died is in doubt. Results are encrypted; without `key` they are gone and the rows
 * still hold what was made. Rows end after a week; a full table refuses, it does not forget.
 *
 * Read in this order: Claim, IdempotencyTable.begin, finish.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { digestOf } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonValue } from "../foundation/json.ts";
import {
  createExclusive,
  type Database,
  ensurePrivateDir,
  isGone,
  openDatabase,
  processFacts,
  readOwned,
} from "../host/index.ts";

/** What an effect is known by. */
export interface EffectName {
  /** Of whom the key is: what names the run, the plan or the agent. */
  readonly scope: readonly string[];
  readonly capability: string;
  readonly key: string;
}

export interface Claim {
  readonly id: string;
  readonly capability: string;
  /** Digest of what the call is given. */
  readonly input: string;
  readonly run: string;
}

/** What an effect gave, and the hosts on its way as its record has them. */
export interface KeptResult {
  readonly json: JsonValue;
  readonly hops?: JsonValue;
}

export type Begun =
  /** It is the caller's to make. `isDoubtful`: somebody began it and died; `run` is whose. */
  | { readonly kind: "mine"; readonly isDoubtful: boolean; readonly run: string }
  /** It was made. The value is null when it was not kept, or its key is erased. */
  | { readonly kind: "done"; readonly run: string; readonly value: KeptResult | null }
  /** Another process makes it now. */
  | { readonly kind: "busy" }
  | { readonly kind: "conflict"; readonly run: string }
  | { readonly kind: "full" };

const ROWS_MAX = 20_000;
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** A larger result is not kept: who asks again is told so. */
const RESULT_BYTES_MAX = 64 * 1024;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const SCHEMA = `CREATE TABLE IF NOT EXISTS effect (
  id TEXT PRIMARY KEY, capability TEXT NOT NULL, input TEXT NOT NULL, run TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('started', 'failed', 'done')),
  pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  result_digest TEXT, result BLOB) STRICT;
CREATE INDEX IF NOT EXISTS effect_age ON effect (at_ms);`;

interface Row {
  readonly capability: string;
  readonly input: string;
  readonly run: string;
  readonly state: "started" | "failed" | "done";
  readonly pid: number;
  readonly start_ticks: number;
  readonly result: Uint8Array | null;
}

/**
 * Where an effect's row stands, and the key the other side is told: 64 hex digits. Each part is preceded by its
 * length, so that no two names are one text.
 */
export function effectId({ scope, capability, key }: EffectName): string {
  const hash = createHash("sha256").update("ccos.idempotency.v1\0");
  for (const part of [...scope, capability, key]) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return hash.digest("hex");
}

/** @throws {CcosError} `IDEMPOTENCY_UNAVAILABLE`. */
export async function openIdempotencyTable(
  stateDir: string,
  nowMs: () => number,
): Promise<IdempotencyTable> {
  const directory = join(stateDir, "idempotency");
  try {
    await ensurePrivateDir(directory);
    const key = await tableKey(join(directory, "key"));
    return new IdempotencyTable(
      await openDatabase(join(directory, "effects.db"), SCHEMA),
      key,
      nowMs,
    );
  } catch (cause) {
    throw unavailable(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

async function tableKey(path: string): Promise<Uint8Array> {
  const there = await readOwned(path, KEY_BYTES);
  if (!there.ok && there.error === "absent")
    await createExclusive(path, randomBytes(KEY_BYTES), 0o600);
  const key = await readOwned(path, KEY_BYTES);
  if (key.ok && key.value.length === KEY_BYTES) return key.value;
  throw unavailable(`"${path}" is not 32 bytes that are this user's alone`);
}

export class IdempotencyTable {
  readonly #database: Database;
  readonly #key: Uint8Array;
  readonly #nowMs: () => number;
  readonly #startTicks = processFacts(process.pid)?.startTicks ?? 0;

  constructor(database: Database, key: Uint8Array, nowMs: () => number) {
    this.#database = database;
    this.#key = key;
    this.#nowMs = nowMs;
  }

  /** Durable when it returns. @throws {CcosError} `IDEMPOTENCY_UNAVAILABLE`. */
  begin(claim: Claim): Begun {
    return this.#inTransaction(() => this.#judge(claim));
  }

  /** Undefined: the effect was not taken, and may be made again. Durable when it returns. */
  finish(id: string, value: KeptResult | undefined): void {
    this.#inTransaction(() => {
      const state = value === undefined ? "failed" : "done";
      const digest = value === undefined ? null : digestOf(value.json);
      const result = value === undefined ? null : this.#seal(id, value);
      this.#database
        .prepare(
          "UPDATE effect SET state = ?, result_digest = ?, result = ?, at_ms = ? WHERE id = ?",
        )
        .run(state, digest, result, this.#now(), id);
    });
  }

  /** Nobody makes it any more, and nobody knows whether it was made. */
  leave(id: string): void {
    this.#inTransaction(() => {
      this.#database.prepare("UPDATE effect SET pid = 0, start_ticks = 0 WHERE id = ?").run(id);
    });
  }

  close(): void {
    this.#database.close();
  }

  #judge(claim: Claim): Begun {
    this.#database.prepare("DELETE FROM effect WHERE at_ms < ?").run(this.#now() - KEPT_MS);
    const row = this.#row(claim.id);
    if (row === undefined) return this.#isFull() ? { kind: "full" } : this.#take(claim, false);
    if (row.input !== claim.input) return { kind: "conflict", run: row.run };
    if (row.state === "done")
      return { kind: "done", run: row.run, value: this.#open(claim.id, row.result) };
    if (row.state === "failed") return this.#take(claim, false);
    if (row.pid !== 0 && !isGone(row.pid, row.start_ticks)) return { kind: "busy" };
    return { ...this.#take(claim, true), run: row.run };
  }

  #take(claim: Claim, isDoubtful: boolean): Extract<Begun, { kind: "mine" }> {
    const { id, capability, input, run } = claim;
    this.#database
      .prepare(
        `INSERT INTO effect (id, capability, input, run, state, pid, start_ticks, at_ms)
         VALUES (?, ?, ?, ?, 'started', ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET state = 'started', run = excluded.run, pid = excluded.pid,
           start_ticks = excluded.start_ticks, at_ms = excluded.at_ms`,
      )
      .run(id, capability, input, run, process.pid, this.#startTicks, this.#now());
    return { kind: "mine", isDoubtful, run };
  }

  #row(id: string): Row | undefined {
    const found: unknown = this.#database
      .prepare(
        "SELECT capability, input, run, state, pid, start_ticks, result FROM effect WHERE id = ?",
      )
      .get(id);
    return found as Row | undefined;
  }

  #isFull(): boolean {
    const counted: unknown = this.#database.prepare("SELECT count(*) AS rows FROM effect").get();
    return (counted as { rows: number }).rows >= ROWS_MAX;
  }

  #now(): number {
    return Math.trunc(this.#nowMs());
  }

  #seal(id: string, value: KeptResult): Uint8Array | null {
    const plain = Buffer.from(JSON.stringify(value));
    if (plain.length > RESULT_BYTES_MAX) return null;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(id));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  #open(id: string, sealed: Uint8Array | null): KeptResult | null {
    if (sealed === null || sealed.length < NONCE_BYTES + TAG_BYTES) return null;
    const options = { authTagLength: TAG_BYTES };
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", this.#key, nonce, options)
      .setAAD(Buffer.from(id))
      .setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
    try {
      const text = Buffer.concat([plain, decipher.final()]).toString("utf8");
      // What is there is what this key sealed.
      return JSON.parse(text) as KeptResult;
    } catch {
      // Another key: the results were erased.
      return null;
    }
  }

  #inTransaction<T>(work: () => T): T {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const value = work();
        this.#database.exec("COMMIT");
        return value;
      } catch (cause) {
        this.#database.exec("ROLLBACK");
        throw cause;
      }
    } catch (cause) {
      throw unavailable(cause instanceof Error ? cause.message : String(cause), cause);
    }
  }
}

function unavailable(why: string, cause?: unknown): CcosError {
  return new CcosError("IDEMPOTENCY_UNAVAILABLE", {
    what: "Cannot tell whether an effect was made before",
    why,
    cause,
  });
}
