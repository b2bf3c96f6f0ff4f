/**
 * The broker: one HTTP request of an agent, made by the host.
 *
 * Read `fetchCall` as the list it is: check the call → for each hop: authorise → put secrets in → resolve
 * and judge every address → exchange → follow or read → mask. The decision is not made here: `redecide` is
 * the same function that the gate asked, and it is asked again for every hop. What the world said goes
 * into `facts`: hops, address, sizes and the digest of what the agent got; never a header value or a query.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { type ClientIdentity, type HttpExchange, httpExchange } from "../host/index.ts";
import type { EgressRule, HttpTarget, SecretBinding, Verdict } from "../policy/index.ts";
import { resolveChecked } from "./addresses.ts";
import { checkRpc } from "./json-rpc.ts";
import { locationOf, type Hop, nextHop, sameOrigin, shownUrl } from "./redirect.ts";
import { checkFields, type Fields, wireFields } from "./request-headers.ts";
import { readReply } from "./response.ts";
import { tlsDemandOf } from "./tls-demand.ts";
import { maskReply, putSecretsIn, secretsIn, withoutCredentials } from "./secrets.ts";
import type {
  BrokerAnswer,
  BrokerCall,
  BrokerReply,
  EdgeSecret,
  Failure,
  Resolve,
} from "./types.ts";

export interface BrokerOptions {
  readonly resolve: Resolve;
  /** The decision for a hop and, when it allows, the rule that does. */
  readonly redecide: (
    target: HttpTarget,
    method: string,
  ) => { readonly verdict: Verdict; readonly rule: EgressRule | null };
  readonly secrets: readonly EdgeSecret[];
  readonly bindings: readonly SecretBinding[];
  readonly limits?: Partial<BrokerLimits>;
  /** PEM trust anchors instead of the bundled ones. */
  readonly trustAnchors?: string;
  /** Shown to hosts that ask for a certificate. */
  readonly identity?: ClientIdentity;
}

export interface BrokerLimits {
  /** Whole request with all its hops, milliseconds. Default 30 000. */
  readonly timeoutMs: number;
  /** Default 3. */
  readonly redirectsMax: number;
  /** Status line and header fields of a response, bytes. Default 32 KiB. */
  readonly headerBytesMax: number;
}

/** The broker's book. `started` counts calls, not hops; each is `completed`, `denied` or `failed`. */
export interface BrokerCounters {
  started: number;
  completed: number;
  denied: number;
  failed: number;
  /** Body bytes. */
  sentBytes: number;
  receivedBytes: number;
}

export interface Broker {
  readonly counters: Readonly<BrokerCounters>;
  /**
   * Make the request under `rule`. Never throws for what the network or a server does.
   *
   * Codes: `EGRESS_DENIED` (rule and target do not belong together, request body over the rule),
   * `SCHEMA_INPUT` (headers), `DLP_BLOCKED`, `SECRET_UNAVAILABLE`, `DNS_BLOCKED`, `REDIRECT_DENIED`,
   * `TLS_PIN_MISMATCH`, `LIMIT_RESPONSE`, `LIMIT_TIME`, `CANCELLED`, `NETWORK_ERROR`.
   */
  fetch(call: BrokerCall, rule: EgressRule, signal: AbortSignal): Promise<BrokerAnswer>;
}

const DEFAULTS: BrokerLimits = { timeoutMs: 30_000, redirectsMax: 3, headerBytesMax: 32 * 1024 };
/** Of several addresses of a name, how many are tried when nothing answers there. */
const DIALS_MAX = 3;
const DENIALS: ReadonlySet<ErrorCode> = new Set([
  "EGRESS_DENIED",
  "DNS_BLOCKED",
  "DLP_BLOCKED",
  "REDIRECT_DENIED",
  "TLS_PIN_MISMATCH",
]);

export function createBroker(options: BrokerOptions): Broker {
  const limits = { ...DEFAULTS, ...options.limits };
  const counters: BrokerCounters = {
    started: 0,
    completed: 0,
    denied: 0,
    failed: 0,
    sentBytes: 0,
    receivedBytes: 0,
  };
  return {
    counters,
    async fetch(call, rule, signal) {
      counters.started++;
      const trip = newTrip(options, limits, signal);
      const outcome = await fetchCall(trip, call, rule);
      counters.sentBytes += trip.sentBytes;
      counters.receivedBytes += trip.receivedBytes;
      if (outcome.ok) counters.completed++;
      else counters[DENIALS.has(outcome.error.code) ? "denied" : "failed"]++;
      return answerOf(trip, outcome);
    },
  };
}

/** One call on its way: what it may use, and what was seen so far. */
interface Trip {
  readonly options: BrokerOptions;
  readonly limits: BrokerLimits;
  /** The caller's, and with it the time limit. */
  readonly outer: AbortSignal;
  readonly signal: AbortSignal;
  readonly hops: JsonObject[];
  /** Names of the secrets that went out on any hop. */
  readonly carried: Set<string>;
  address: string | null;
  sentBytes: number;
  receivedBytes: number;
}

function newTrip(options: BrokerOptions, limits: BrokerLimits, outer: AbortSignal): Trip {
  const signal = AbortSignal.any([outer, AbortSignal.timeout(limits.timeoutMs)]);
  return {
    options,
    limits,
    outer,
    signal,
    hops: [],
    carried: new Set(),
    address: null,
    sentBytes: 0,
    receivedBytes: 0,
  };
}

function answerOf(trip: Trip, outcome: Result<BrokerReply, Failure>): BrokerAnswer {
  const { hops, address, sentBytes, receivedBytes } = trip;
  const facts: JsonObject = {
    hops,
    address,
    requestBytes: sentBytes,
    responseBytes: receivedBytes,
  };
  if (!outcome.ok) return { ok: false, ...outcome.error, facts };
  const { status, body } = outcome.value;
  const responseDigest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  return { ok: true, value: outcome.value, facts: { ...facts, status, responseDigest } };
}

async function fetchCall(
  trip: Trip,
  call: BrokerCall,
  rule: EgressRule,
): Promise<Result<BrokerReply, Failure>> {
  try {
    const fields = checkFields(call.headers);
    if (!fields.ok) return fail("SCHEMA_INPUT", fields.error);
    const { method, target, body } = call;
    return await follow(trip, { method, target, body, fields: fields.value }, rule);
  } catch (cause) {
    if (trip.signal.aborted) return err(interrupted(trip));
    throw cause;
  }
}

function fail(code: ErrorCode, message: string): { ok: false; error: Failure } {
  return err({ code, message });
}

function interrupted({ outer, limits }: Trip): Failure {
  const late = !outer.aborted || (outer.reason as Error | undefined)?.name === "TimeoutError";
  if (!late) return { code: "CANCELLED", message: "the call was cancelled" };
  const limit = outer.aborted ? "the time for the call" : `${limits.timeoutMs} ms`;
  return { code: "LIMIT_TIME", message: `no complete response within ${limit}` };
}

async function follow(
  trip: Trip,
  first: Hop,
  firstRule: EgressRule,
): Promise<Result<BrokerReply, Failure>> {
  let hop = first;
  for (let redirects = 0; ; redirects++) {
    const rule = authorise(trip, hop, redirects === 0 ? firstRule : null);
    if (!rule.ok) return rule;
    const body = checkedBody(hop, rule.value);
    if (!body.ok) return body;
    hop = { ...hop, body: body.value };
    const exchange = await exchangeHop(trip, hop, rule.value);
    if (!exchange.ok) return exchange;
    const { status, headers } = exchange.value;
    const location = locationOf(status, headers);
    if (location.ok && location.value === null)
      return await receive(trip, exchange.value, { hop, rule: rule.value });
    exchange.value.close();
    if (redirects === trip.limits.redirectsMax) {
      return fail("REDIRECT_DENIED", `more than ${trip.limits.redirectsMax} redirects`);
    }
    const next = redirected(trip, hop, { status, location });
    if (!next.ok) return next;
    hop = next.value;
  }
}

/** The rule for this hop. The first must be the one that the gate's verdict named. */
function authorise(trip: Trip, hop: Hop, expected: EgressRule | null): Result<EgressRule, Failure> {
  const { verdict, rule } = trip.options.redecide(hop.target, hop.method);
  const url = shownUrl(hop.target);
  if (
    verdict.kind === "allow" &&
    rule !== null &&
    (expected === null || expected.rule === rule.rule)
  ) {
    trip.hops.push({ method: hop.method, url, verdict: "allow", rule: rule.rule });
    const length = hop.body?.length ?? 0;
    if (length <= rule.requestBytesMax) return ok(rule);
    return fail("EGRESS_DENIED", `a request body of ${length} bytes is over ${rule.rule}`);
  }
  trip.hops.push({ method: hop.method, url, verdict: "deny", rule: verdict.rule });
  const reason = verdict.kind === "deny" ? verdict.reason : "no rule allows it without asking";
  if (expected !== null) return fail("EGRESS_DENIED", `${hop.method} ${url}: ${reason}`);
  return fail("REDIRECT_DENIED", `a redirect leads to ${hop.method} ${url}: ${reason}`);
}

/** The body under the rule's own demands on it, made from what was read. */
function checkedBody(hop: Hop, { jsonRpc, rule }: EgressRule): Result<Uint8Array | null, Failure> {
  if (jsonRpc === undefined) return ok(hop.body);
  const body = checkRpc(jsonRpc, hop);
  return body.ok ? body : fail("EGRESS_DENIED", `${rule}: ${body.error}`);
}

async function exchangeHop(
  trip: Trip,
  hop: Hop,
  rule: EgressRule,
): Promise<Result<HttpExchange, Failure>> {
  const { options, signal } = trip;
  const wire = putSecretsIn(options, hop);
  if (!wire.ok) return wire;
  const { host } = hop.target;
  const resolved = await resolveChecked(options.resolve, { host, rule }, signal);
  signal.throwIfAborted();
  if (!resolved.ok) {
    const { kind, reason } = resolved.error;
    if (kind === "failed") return fail("NETWORK_ERROR", `cannot resolve ${host}: ${reason}`);
    return fail("DNS_BLOCKED", `${host}: ${reason}, which ${rule.rule} does not name`);
  }
  trip.sentBytes += hop.body?.length ?? 0;
  for (const name of wire.value.placed) trip.carried.add(name);
  return await dialInTurn(trip, resolved.value, { hop, rule, fields: wire.value.fields });
}

interface Prepared {
  readonly hop: Hop;
  readonly rule: EgressRule;
  /** With secrets in. */
  readonly fields: Fields;
}

/** Every address was judged before; the next one is tried only while nothing has been sent. */
async function dialInTurn(
  trip: Trip,
  addresses: readonly string[],
  { hop, rule, fields }: Prepared,
): Promise<Result<HttpExchange, Failure>> {
  const { target, method, body } = hop;
  let failure: ReturnType<typeof fail> = fail("NETWORK_ERROR", `${target.host}: no address`);
  for (const address of addresses.slice(0, DIALS_MAX)) {
    trip.address = address;
    const exchange = await httpExchange(
      {
        tls: target.scheme === "http" ? null : tlsDemandOf(trip.options, target.host, rule),
        to: { address, port: target.port },
        method,
        path: target.path,
        headers: wireFields(target, { method, fields, body }),
        body,
        headerBytesMax: trip.limits.headerBytesMax,
      },
      trip.signal,
    );
    if (exchange.ok) return exchange;
    const { kind, code } = exchange.error;
    const pinned = code === "TLS_PIN_MISMATCH";
    const why = pinned ? `none of its keys is among the pins of ${rule.rule}` : code;
    failure = fail(pinned ? code : "NETWORK_ERROR", `${target.host}:${target.port}: ${why}`);
    if (kind === "failed") break;
  }
  return failure;
}

interface Redirect {
  readonly status: number;
  readonly location: Result<string | null, string>;
}

function redirected(trip: Trip, hop: Hop, { status, location }: Redirect): Result<Hop, Failure> {
  const from = `a redirect of ${shownUrl(hop.target)}`;
  if (!location.ok) return fail("REDIRECT_DENIED", `${from} is refused: ${location.error}`);
  const text = location.value ?? "";
  const carried = secretsIn(trip.options, "location", text)[0];
  if (carried !== undefined)
    return fail("DLP_BLOCKED", `${from} carries secret ${carried} in its location`);
  const next = nextHop(hop, status, text);
  if (!next.ok) return fail("REDIRECT_DENIED", `${from} is refused: ${next.error}`);
  if (sameOrigin(hop.target, next.value.target)) return next;
  return ok({ ...next.value, fields: withoutCredentials(trip.options, next.value.fields) });
}

async function receive(
  trip: Trip,
  exchange: HttpExchange,
  { hop, rule }: { readonly hop: Hop; readonly rule: EgressRule },
): Promise<Result<BrokerReply, Failure>> {
  try {
    const read = await readReply(exchange, {
      bytesMax: rule.responseBytesMax,
      bodiless: hop.method === "HEAD",
      onBytes: (count) => {
        trip.receivedBytes += count;
      },
    });
    trip.signal.throwIfAborted();
    if (read.ok) return maskReply(trip.options, read.value, trip.carried);
    const { code, message } = read.error;
    return fail(code, `${shownUrl(hop.target)}: ${message}`);
  } finally {
    exchange.close();
  }
}
