/**
 * The guest protocol: what crosses the wall, and nothing else.
 *
 * Read in this order: the messages, parseGuestMessage, parseHostMessage. A frame is a 4-byte
 * big-endian length and that many bytes of UTF-8 JSON (framing.ts). The set is closed: no verb runs
 * a command or reads a host path. The host believes nothing a guest says: steps and calls are
 * checked against the admitted plan, results are what the host recorded. Prose: docs/guest-protocol.md.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import { err, ok, type Result } from "./result.ts";

export const PROTOCOL_VERSION = 1;

/** An error as a program sees it: enough to change its plan, never the policy text. */
export interface WireError {
  /** A kind of docs/rtfs (`SecurityViolation`, `NetworkError`, …). */
  readonly kind: string;
  /** The host's code, e.g. `EGRESS_DENIED`. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** The text of a module that the plan imports. */
export interface WireModule {
  readonly name: string;
  readonly file: string;
  readonly source: string;
}

/** Host to guest. `session` is 64 hex digits, fresh for each session; `image` the guest's digest. */
export type HostMessage =
  | {
      readonly type: "hello";
      readonly version: number;
      readonly session: string;
      readonly image: string;
    }
  | {
      readonly type: "execute";
      readonly id: number;
      readonly source: string;
      readonly file: string;
      /** All that the plan imports; each name once. */
      readonly modules: readonly WireModule[];
      readonly args: readonly JsonValue[];
      readonly fuel: number;
      readonly depthMax: number;
    }
  | { readonly type: "result"; readonly id: number; readonly ok: true; readonly value: JsonValue }
  | { readonly type: "result"; readonly id: number; readonly ok: false; readonly error: WireError }
  | { readonly type: "ack"; readonly id: number }
  /** Before `hello`, to a guest that will wait: run your own exercise, and say `event` "warm" when it is done. */
  | { readonly type: "warm" }
  | { readonly type: "stop" };

/** Guest to host. Values are wire values (src/rtfs/wire.ts): JSON with tags. */
export type GuestMessage =
  | {
      readonly type: "ready";
      readonly version: number;
      readonly session: string;
      readonly image: string;
    }
  | { readonly type: "step"; readonly event: "enter" | "leave" | "fail"; readonly name: string }
  | {
      readonly type: "call";
      readonly id: number;
      readonly capability: string;
      readonly args: readonly JsonValue[];
      /** Wire values by name: what the plan says of how the call may be made. */
      readonly terms?: JsonObject;
    }
  | { readonly type: "result"; readonly ok: true; readonly value: JsonValue }
  | {
      readonly type: "result";
      readonly ok: false;
      readonly error: WireError & { readonly place: string | null };
    }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly text: string;
    }
  | { readonly type: "metric"; readonly name: string; readonly value: number }
  | { readonly type: "event"; readonly name: string; readonly data: JsonObject };

type Check = (value: JsonValue | undefined) => boolean;
const isString: Check = (value) => typeof value === "string";
/** Names and kinds are recorded: a text that has no canonical form is no name. */
const isText = (value: JsonValue | undefined, lengthMax: number): boolean =>
  typeof value === "string" && value.length <= lengthMax && value.isWellFormed();
const isShort: Check = (value) => isText(value, 256);
/** `file:line:column`; the file is a path of the kernel's longest. */
const PLACE_LENGTH_MAX = 4_200;
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isId: Check = (value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isArray: Check = (value) => Array.isArray(value);
/** Most modules of one plan. */
export const WIRE_MODULES_MAX = 256;
const MODULE_FIELDS = ["name", "file", "source"];
const isModules: Check = (value) =>
  Array.isArray(value) &&
  value.length <= WIRE_MODULES_MAX &&
  value.every((each) => isJsonObject(each) && isModule(each)) &&
  new Set((value as unknown as readonly WireModule[]).map(({ name }) => name)).size ===
    value.length;
const isModule = (value: JsonObject): boolean =>
  Object.keys(value).length === MODULE_FIELDS.length &&
  MODULE_FIELDS.every((key) => Object.hasOwn(value, key) && isString(value[key]));
const isAny: Check = (value) => value !== undefined;
const isObject: Check = (value) => isJsonObject(value);
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && words.includes(value);
const isError: Check = (value) =>
  isJsonObject(value) &&
  isShort(value["kind"]) &&
  isShort(value["code"]) &&
  isString(value["message"]) &&
  typeof value["retryable"] === "boolean";
const isPlacedError: Check = (value) =>
  isError(value) &&
  isJsonObject(value) &&
  (value["place"] === null || isText(value["place"], PLACE_LENGTH_MAX));

type Shape = Readonly<Record<string, Check>>;
const GUEST_SHAPES: Readonly<Record<string, Shape>> = {
  ready: { version: isId, session: isShort, image: isShort },
  step: { event: oneOf("enter", "leave", "fail"), name: isShort },
  call: { id: isId, capability: isShort, args: isArray },
  log: { level: oneOf("debug", "info", "warn", "error"), text: isString },
  metric: { name: isShort, value: isNumber },
  event: { name: isShort, data: isObject },
};
/** Fields that a message may leave out. */
const OPTIONAL_FIELDS: Readonly<Record<string, Shape>> = {
  call: { terms: isObject },
};
const HOST_SHAPES: Readonly<Record<string, Shape>> = {
  hello: { version: isId, session: isShort, image: isShort },
  execute: {
    id: isId,
    source: isString,
    file: isString,
    modules: isModules,
    args: isArray,
    fuel: isNumber,
    depthMax: isNumber,
  },
  ack: { id: isId },
  warm: {},
  stop: {},
};
const DONE: Shape = { ok: (value) => value === true, value: isAny };
const FAILED: Shape = { ok: (value) => value === false, error: isError };
interface Results {
  readonly done: Shape;
  readonly failed: Shape;
}
const GUEST_RESULTS: Results = { done: DONE, failed: { ...FAILED, error: isPlacedError } };
const HOST_RESULTS: Results = { done: { id: isId, ...DONE }, failed: { id: isId, ...FAILED } };

/** Check one decoded frame from a guest. Unknown types, missing, wrong and surplus fields are refused. */
export function parseGuestMessage(frame: JsonValue): Result<GuestMessage, string> {
  return parseMessage<GuestMessage>(frame, GUEST_SHAPES, GUEST_RESULTS);
}

/** Check one decoded frame from the host. */
export function parseHostMessage(frame: JsonValue): Result<HostMessage, string> {
  return parseMessage<HostMessage>(frame, HOST_SHAPES, HOST_RESULTS);
}

function parseMessage<T>(
  frame: JsonValue,
  shapes: Readonly<Record<string, Shape>>,
  results: Results,
): Result<T, string> {
  if (!isJsonObject(frame)) return err("a frame is a JSON object");
  const type = frame["type"];
  if (typeof type !== "string") return err("a frame has a type");
  const resultShape = frame["ok"] === true ? results.done : results.failed;
  const shape =
    type === "result" ? resultShape : Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (shape === undefined) return err(`no message is called ${JSON.stringify(type.slice(0, 40))}`);
  for (const [key, check] of Object.entries(shape)) {
    if (!Object.hasOwn(frame, key) || !check(frame[key]))
      return err(`${type}.${key} is missing or malformed`);
  }
  const optional = OPTIONAL_FIELDS[type] ?? {};
  for (const key of Object.keys(frame)) {
    if (key === "type" || Object.hasOwn(shape, key)) continue;
    if (!Object.hasOwn(optional, key))
      return err(`${type} has no field ${JSON.stringify(key.slice(0, 40))}`);
    if (!optional[key]?.(frame[key])) return err(`${type}.${key} is malformed`);
  }
  return ok(frame as T);
}
