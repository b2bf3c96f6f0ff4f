/**
 * What a plan says of how a call may be made: `^{:idempotency {…} :retry {…}} (call …)`.
 *
 *     ^{:idempotency {:key (str "order-" id) :scope :plan}} (call :ccos.network.http-fetch …)
 *     ^{:retry {:max 3 :backoff_ms [100 300 900] :retry_on [:network-error :status-503]}} (call …)
 *
 * Evaluated by the guest with the call, so a claim like its arguments: it can make a call happen less often, or again
 * where that is the same effect, and nothing else.
 *
 * @module
 */
import { digestOf } from "../chain/index.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { fromWire, Keyword, MapValue, type Value, Vector } from "../rtfs/index.ts";

/** `intent`: this run. `plan`: each run of this plan by this agent. `global`: each run of this agent. */
export type IdempotencyScope = "plan" | "intent" | "global";

export interface Idempotency {
  /** 1 to 256 characters. */
  readonly key: string;
  readonly scope: IdempotencyScope;
}

export interface Retry {
  /** Attempts after the first, 1 to 10. */
  readonly max: number;
  /** Milliseconds before each further attempt; the last holds for the rest. */
  readonly backoffMs: readonly number[];
  readonly retryOn: ReadonlySet<Transient>;
}

export interface CallTerms {
  readonly idempotency: Idempotency | null;
  readonly retry: Retry | null;
}

/** What may be over when one asks again; a closed set. */
export const TRANSIENTS = [
  "network-error",
  "status-429",
  "status-502",
  "status-503",
  "status-504",
] as const;
export type Transient = (typeof TRANSIENTS)[number];

const KEY_LENGTH_MAX = 256;
const RETRIES_MAX = 10;
const BACKOFF_MS_MAX = 60_000;
const RETRIES_DEFAULT = 3;
const BACKOFF_DEFAULT: readonly number[] = [100, 300, 900];

/** @param wire - `terms` of the guest's message. @returns Null: the plan says nothing of this call. */
export function readTerms(wire: JsonObject | undefined): Result<CallTerms | null, string> {
  if (wire === undefined) return ok(null);
  const idempotency = readEntry(wire["idempotency"], "idempotency", readIdempotency);
  if (!idempotency.ok) return idempotency;
  const retry = readEntry(wire["retry"], "retry", readRetry);
  if (!retry.ok) return retry;
  return ok({ idempotency: idempotency.value, retry: retry.value });
}

type Fields = ReadonlyMap<string, Value>;

function readEntry<T>(
  wire: JsonValue | undefined,
  name: string,
  read: (fields: Fields) => Result<T, string>,
): Result<T | null, string> {
  if (wire === undefined) return ok(null);
  const value = fromWire(wire);
  if (!value.ok) return err(`:${name}: ${value.error}`);
  if (!(value.value instanceof MapValue)) return err(`:${name} is a map`);
  const fields = new Map<string, Value>();
  for (const [key, field] of value.value.entries()) {
    if (!(key instanceof Keyword)) return err(`a key of :${name} is a keyword`);
    fields.set(key.name, field);
  }
  const done = read(fields);
  return done.ok ? done : err(`:${name}: ${done.error}`);
}

function unknownField(fields: Fields, known: readonly string[]): string | null {
  const other = [...fields.keys()].find((name) => !known.includes(name));
  return other === undefined
    ? null
    : `there is no :${other.slice(0, 40)}; it has :${known.join(", :")}`;
}

const SCOPES: ReadonlySet<string> = new Set<IdempotencyScope>(["plan", "intent", "global"]);

function readIdempotency(fields: Fields): Result<Idempotency, string> {
  const unknown = unknownField(fields, ["key", "scope"]);
  if (unknown !== null) return err(unknown);
  const key = fields.get("key");
  const isKey = typeof key === "string" && key.length > 0 && key.length <= KEY_LENGTH_MAX;
  if (!isKey || !key.isWellFormed())
    return err(`:key is a string of 1 to ${KEY_LENGTH_MAX} characters`);
  const scope = fields.get("scope");
  if (scope === undefined) return ok({ key, scope: "intent" });
  if (!(scope instanceof Keyword) || !SCOPES.has(scope.name))
    return err(":scope is :plan, :intent or :global");
  return ok({ key, scope: scope.name as IdempotencyScope });
}

function readRetry(fields: Fields): Result<Retry, string> {
  const unknown = unknownField(fields, ["max", "backoff_ms", "retry_on"]);
  if (unknown !== null) return err(unknown);
  const max = fields.get("max") ?? RETRIES_DEFAULT;
  if (!isInteger(max, 1, RETRIES_MAX)) return err(`:max is an integer from 1 to ${RETRIES_MAX}`);
  const backoff = fields.get("backoff_ms");
  const backoffMs = backoff === undefined ? BACKOFF_DEFAULT : listOf(backoff);
  const isBackoff =
    backoffMs.length > 0 && backoffMs.every((each) => isInteger(each, 0, BACKOFF_MS_MAX));
  if (!isBackoff) return err(`:backoff_ms is milliseconds up to ${BACKOFF_MS_MAX}, or several`);
  const on = fields.get("retry_on");
  const names = on === undefined ? TRANSIENTS : listOf(on).map(nameOf);
  const known: ReadonlySet<string | null> = new Set(TRANSIENTS);
  if (names.length === 0 || !names.every((name) => known.has(name)))
    return err(`:retry_on holds some of :${TRANSIENTS.join(", :")}`);
  const retryOn = new Set(names as readonly Transient[]);
  return ok({ max, backoffMs: backoffMs as readonly number[], retryOn });
}

function isInteger(value: Value, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function listOf(value: Value): readonly Value[] {
  return value instanceof Vector ? [...value] : [value];
}

function nameOf(value: Value): string | null {
  return value instanceof Keyword ? value.name : null;
}

/** As a call's intent records them: the key by its digest, it may say more than a record should hold. */
export function termsData({ idempotency, retry }: CallTerms): JsonObject {
  return {
    ...(idempotency === null ? {} : { key: digestOf(idempotency.key), scope: idempotency.scope }),
    ...(retry === null ? {} : { retries: retry.max }),
  };
}
