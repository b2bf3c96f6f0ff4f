/**
 * A plain WebAssembly module under the ABI of docs/WASM-ABI.md: bounded, with the imports of `ccos` and no others.
 *
 * Read in this order: runModule, importsOf, invoke. The module gets numbers and copies: what it imports reads and writes
 * its own memory only. It has no fuel: its process is ended at the deadline, which also cuts what fuel cannot count
 * (filling memory, compiling). A trap is the program's error.
 *
 * @module
 */
import type { GuestMessage } from "../../src/foundation/protocol.ts";
import type { JsonValue } from "../../src/foundation/json.ts";
import { writeAll } from "../io/blocking.ts";
import { BrokenChannel, type CallChannel } from "../io/channel.ts";
import { floatToWire, integerToWire } from "../io/wire-values.ts";
import { boundModule, type ModuleBounds } from "./bound-module.ts";
import { ModuleRefused } from "./reader.ts";
import { type NumberType, signatureOf } from "./signature.ts";

type Ending = Extract<GuestMessage, { type: "result" }>;

export interface ModuleJob {
  readonly bytes: Uint8Array;
  readonly args: readonly string[];
  readonly bounds: ModuleBounds;
  readonly channel: CallChannel;
}

/** What a program is told when it cannot be loaded or stops: kind and text. */
class ModuleFailure extends Error {
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

const ENTRY = "main";
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
const MESSAGE_LENGTH_MAX = 4096;

/** Never throws for what the module does; a broken channel is no longer anybody's to tell. */
export function runModule(job: ModuleJob): Ending {
  try {
    return { type: "result", ok: true, value: invoke(job) };
  } catch (cause) {
    if (cause instanceof BrokenChannel) throw cause;
    const [kind, message] = failureOf(cause);
    const text = message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed();
    const error = { kind, code: "PROGRAM_ERROR", message: text, retryable: false, place: null };
    return { type: "result", ok: false, error };
  }
}

function failureOf(cause: unknown): readonly [kind: string, message: string] {
  if (cause instanceof ModuleFailure) return [cause.kind, cause.message];
  if (cause instanceof ModuleRefused || cause instanceof WebAssembly.CompileError)
    return ["LoadError", `WASM load failure: ${cause.message}`];
  if (cause instanceof WebAssembly.LinkError)
    return ["LoadError", `WASM load failure: ${cause.message}`];
  if (cause instanceof WebAssembly.RuntimeError) return ["Trap", `WASM trap: ${cause.message}`];
  // V8's own word for a stack that is full.
  if (cause instanceof RangeError) return ["StackOverflow", `WASM trap: ${cause.message}`];
  if (cause instanceof Error) return ["Trap", `WASM trap: ${cause.message}`];
  return ["Trap", "WASM trap: the module threw an exception of its own"];
}

function invoke({ bytes, args, bounds, channel }: ModuleJob): JsonValue {
  const bounded = boundModule(bytes, bounds);
  const module = new WebAssembly.Module(bounded);
  const signature = signatureOf(bounded, ENTRY);
  if (signature === null) throw new ModuleRefused(`it exports no function "${ENTRY}"`);
  const state: State = { memory: null, answer: new Uint8Array(), result: undefined };
  const ccos = importsOf(state, args, channel);
  checkImports(module, ccos);
  const instance = new WebAssembly.Instance(module, { ccos });
  const { memory } = instance.exports;
  state.memory = memory instanceof WebAssembly.Memory ? memory : null;
  const main = instance.exports[ENTRY] as (...values: readonly (number | bigint)[]) => unknown;
  const values = signature.parameters.map((type, index) => parameterOf(type, args[index], index));
  const returned = main(...values);
  if (state.result !== undefined) return state.result;
  return returnedValue(returned, signature.results);
}

/** Only ours, each by its name. */
function checkImports(module: WebAssembly.Module, ccos: WebAssembly.ModuleImports): void {
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === "ccos" && Object.hasOwn(ccos, name)) continue;
    const known = Object.keys(ccos).join(", ");
    throw new ModuleRefused(`it imports ${from}.${name}; there are only ${known} of ccos`);
  }
}

interface State {
  /** The module's exported memory, once it is made. */
  memory: WebAssembly.Memory | null;
  answer: Uint8Array;
  result: JsonValue | undefined;
}

function importsOf(
  state: State,
  args: readonly string[],
  channel: CallChannel,
): WebAssembly.ModuleImports {
  const given = new TextEncoder().encode(JSON.stringify(args));
  const give = (bytes: Uint8Array, at: number): void => within(state, at, bytes.length).set(bytes);
  return {
    write: (at: number, length: number) => writeAll(1, within(state, at, length)),
    log: (at: number, length: number) => {
      writeAll(2, within(state, at, length));
      writeAll(2, Uint8Array.of(10));
    },
    args_size: () => given.length,
    args: (at: number) => give(given, at),
    call: (at: number, length: number) => {
      state.answer = answerTo(jsonAt(state, at, length, "call"), channel);
      return state.answer.length;
    },
    answer: (at: number) => give(state.answer, at),
    result: (at: number, length: number) => {
      state.result = jsonAt(state, at, length, "result");
    },
  };
}

/** A view of the module's own memory; outside of it is a trap. Pointers are unsigned. */
function within(state: State, at: number, length: number): Uint8Array {
  if (state.memory === null)
    throw new ModuleFailure("LoadError", 'WASM load failure: it exports no memory "memory"');
  const from = at >>> 0;
  const size = length >>> 0;
  if (from + size > state.memory.buffer.byteLength)
    throw new ModuleFailure("Trap", "WASM trap: an argument lies outside of the module's memory");
  return new Uint8Array(state.memory.buffer, from, size);
}

function jsonAt(state: State, at: number, length: number, name: string): JsonValue {
  const bytes = within(state, at, length);
  try {
    if (bytes.length > REQUEST_BYTES_MAX) throw new RangeError("it is over 16 MiB");
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as JsonValue;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "";
    throw new ModuleFailure("InvalidArgument", `ccos.${name} takes UTF-8 JSON: ${why}`);
  }
}

/** `{"capability", "args"}` to `{"ok", "value"}` or `{"ok", "error"}`. */
function answerTo(request: JsonValue, channel: CallChannel): Uint8Array {
  const { capability, args } = (request ?? {}) as { capability?: JsonValue; args?: JsonValue };
  if (typeof capability !== "string" || !Array.isArray(args))
    throw new ModuleFailure("InvalidArgument", 'ccos.call takes {"capability": text, "args": []}');
  const answer = channel.call(capability, args);
  const told = answer.ok ? { ok: true, value: answer.value } : { ok: false, error: answer.error };
  return new TextEncoder().encode(JSON.stringify(told));
}

const INTEGER = /^-?\d{1,20}$/;

function parameterOf(type: NumberType, text: string | undefined, index: number): number | bigint {
  const value = text === undefined ? null : numberOf(type, text);
  if (value !== null) return value;
  const got = text === undefined ? "nothing" : JSON.stringify(text.slice(0, 80));
  throw new ModuleFailure("InvalidArgument", `arg${index} of "main" is of ${type}, and got ${got}`);
}

function numberOf(type: NumberType, text: string): number | bigint | null {
  if (type === "f32" || type === "f64") {
    const value = Number(text);
    return text.trim() === "" || Number.isNaN(value) ? null : value;
  }
  if (!INTEGER.test(text)) return null;
  const value = BigInt(text);
  const bits = type === "i32" ? 32 : 64;
  if (BigInt.asIntN(bits, value) !== value) return null;
  return type === "i32" ? Number(value) : value;
}

/** Nothing is nil, one value is itself, several are a vector. */
function returnedValue(returned: unknown, types: readonly NumberType[]): JsonValue {
  if (types.length === 0) return null;
  const values = types.length === 1 ? [returned] : [...(returned as Iterable<unknown>)];
  const wire = values.map((value, index) => {
    if (typeof value === "bigint") return integerToWire(value);
    const type = types[index];
    return type === "f32" || type === "f64" ? floatToWire(value as number) : (value as number);
  });
  return wire.length === 1 ? (wire[0] ?? null) : wire;
}
