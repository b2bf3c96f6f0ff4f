/**
 * QuickJS in WebAssembly, through its C functions: one engine, a few host functions over numbers, text and bytes.
 *
 * Read in this order: Argument, QuickJs, hostCall. The package's own JavaScript is not used: no handle, object
 * or error of ours ever crosses, only copies of plain data, so there is no host prototype to reach. Memory is the
 * engine's own, with a maximum that boundModule wrote into it. The engine's C stack is moved to a larger place
 * before the first frame, because the one that it is linked with ends plans at a third of their depth.
 *
 * @module
 */

/** What a program can hand to a host function, and what it gets back: copies. */
export type Argument = string | number | Uint8Array | undefined;
export type HostFunction = (...args: readonly Argument[]) => Argument | void;

/** Pointers into the engine's memory; values are boxed, a box is freed by who got it. */
interface Engine {
  readonly memory: WebAssembly.Memory;
  readonly __stack_pointer: WebAssembly.Global;
  _initialize(): void;
  malloc(bytes: number): number;
  free(at: number): void;
  qjs_init(): number;
  qjs_set_memory_limit(bytes: number): void;
  qjs_set_max_stack_size(bytes: number): void;
  qjs_set_promise_rejection_handler(enable: number): void;
  qjs_eval(code: number, length: number, file: number, flags: number): number;
  qjs_execute_pending_job(): number;
  qjs_get_exception(): number;
  qjs_is_exception(value: number): number;
  qjs_is_number(value: number): number;
  qjs_is_string(value: number): number;
  qjs_get_float64(value: number): number;
  qjs_get_value_ptr(value: number): number;
  qjs_get_string_len(value: number, lengthAt: number): number;
  qjs_free_cstring(at: number): void;
  qjs_get_typed_array_buffer(value: number, offset: number, length: number, each: number): number;
  qjs_get_array_buffer(value: number, lengthAt: number): number;
  qjs_get_undefined(): number;
  qjs_new_number(value: number): number;
  qjs_new_string(at: number, length: number): number;
  qjs_new_uint8_array(at: number, length: number): number;
  qjs_new_error(): number;
  qjs_new_host_function(name: number, length: number, argumentCount: number): number;
  qjs_get_global(): number;
  qjs_get_prop_string(object: number, name: number): number;
  qjs_set_prop_string(object: number, name: number, value: number): number;
  qjs_throw(value: number): number;
  qjs_free_value(value: number): void;
}

export interface QuickJsOptions {
  /** Compiled from quickjs.wasm with a bounded memory. */
  readonly module: WebAssembly.Module;
  /** The engine's heap, bytes; below the memory's maximum, so that it answers "out of memory" by itself. */
  readonly heapBytes: number;
  /** Functions that the program finds as globals. */
  readonly functions: ReadonlyMap<string, HostFunction>;
}

/** An error of the program: its own text, never an object of the engine. */
export class ProgramError extends Error {}

/** C stack of the engine, bytes: 5 000 nested calls of a plan take 1.6 MB. */
const STACK_BYTES = 3 * 1024 * 1024;
/** Between the engine's own check and the end of its stack, bytes: C functions that do not check. */
const STACK_MARGIN_BYTES = 256 * 1024;
/** JS_EVAL_FLAG_ASYNC: a script may await at its top. */
const TOP_LEVEL_AWAIT = 128;
const TEXT_LENGTH_MAX = 8_192;
const REJECTIONS_TOLD_MAX = 10;
const ARGUMENTS_MAX = 4;
const WASI_OK = 0;
const WASI_BAD_DESCRIPTOR = 8;

export class QuickJs {
  readonly #engine: Engine;
  readonly #functions: ReadonlyMap<string, HostFunction>;
  readonly #scratch: number;
  /** Rejected promises that nobody handles, by their identity, with what they were rejected with. */
  readonly #rejections = new Map<number, string>();

  constructor({ module, heapBytes, functions }: QuickJsOptions) {
    this.#functions = functions;
    const instance = new WebAssembly.Instance(module, this.#imports());
    const engine = instance.exports as unknown as Engine;
    this.#engine = engine;
    engine._initialize();
    engine.__stack_pointer.value = (engine.malloc(STACK_BYTES) + STACK_BYTES - 64) & ~15;
    if (engine.qjs_init() !== 0) throw new Error("QuickJS did not start");
    engine.qjs_set_memory_limit(heapBytes);
    engine.qjs_set_max_stack_size(STACK_BYTES - STACK_MARGIN_BYTES);
    engine.qjs_set_promise_rejection_handler(1);
    this.#scratch = engine.malloc(16);
    for (const name of functions.keys()) this.#define(name);
  }

  /** Run a script. @throws {ProgramError} with the program's error as text. */
  run(source: string | Uint8Array, file: string): void {
    this.#evaluate(source, file, 0);
  }

  /** Run a script that may await; its promises are settled by `settle`. */
  runAsync(source: string | Uint8Array, file: string): void {
    this.#evaluate(source, file, TOP_LEVEL_AWAIT);
  }

  /** Run what promises wait for. @throws {ProgramError} when one was rejected and nobody handles it. */
  settle(): void {
    while (this.#engine.qjs_execute_pending_job() !== 0);
    const [text] = this.#rejections.values();
    if (text !== undefined) throw new ProgramError(text);
  }

  /** The value of an expression of ours. */
  numberOf(expression: string): number {
    return this.#evaluate(expression, "vm", 0, (result) => this.#engine.qjs_get_float64(result));
  }

  #evaluate<T = void>(
    source: string | Uint8Array,
    file: string,
    flags: number,
    take?: (value: number) => T,
  ): T {
    const engine = this.#engine;
    const code = this.#copyIn(source);
    const name = this.#copyIn(file);
    const value = engine.qjs_eval(code.at, code.length, name.at, flags);
    engine.free(code.at);
    engine.free(name.at);
    if (engine.qjs_is_exception(value) !== 0) {
      engine.qjs_free_value(value);
      throw new ProgramError(this.#takeException());
    }
    const taken = take?.(value);
    engine.qjs_free_value(value);
    return taken as T;
  }

  #imports(): WebAssembly.Imports {
    return {
      env: {
        host_call: (...[name, length, , count, args]: readonly number[]) =>
          this.#hostCall(this.#textAt(name ?? 0, length ?? 0), count ?? 0, args ?? 0),
        host_interrupt: () => 0,
        host_promise_rejection: (promise: number, reason: number, isHandled: number) =>
          this.#onRejection(promise, reason, isHandled !== 0),
        host_module_normalize: () => 0,
        host_module_load: () => 0,
        host_get_timezone_offset: () => 0,
      },
      wasi_snapshot_preview1: {
        clock_time_get: (_clock: number, _precision: bigint, at: number) => {
          this.#view().setBigUint64(
            at,
            BigInt(Math.round(performance.timeOrigin + performance.now())) * 1_000_000n,
            true,
          );
          return WASI_OK;
        },
        random_get: (at: number, length: number) => {
          crypto.getRandomValues(this.#bytesAt(at, length));
          return WASI_OK;
        },
        fd_close: () => WASI_BAD_DESCRIPTOR,
        fd_fdstat_get: () => WASI_BAD_DESCRIPTOR,
        fd_seek: () => WASI_BAD_DESCRIPTOR,
        fd_write: () => WASI_BAD_DESCRIPTOR,
      },
    };
  }

  /** What a host function throws becomes an error of the program, with its message alone. */
  #hostCall(name: string, count: number, args: number): number {
    try {
      const host = this.#functions.get(name);
      if (host === undefined) throw new ProgramError(`${name} is no host function`);
      const pointers = Array.from({ length: Math.min(count, ARGUMENTS_MAX) }, (_, index) =>
        this.#view().getUint32(args + index * 4, true),
      );
      return this.#give(host(...pointers.map((pointer) => this.#take(pointer))));
    } catch (cause) {
      this.#throw(cause instanceof Error ? cause.message : "the host function failed");
      return 0;
    }
  }

  #onRejection(promise: number, reason: number, isHandled: boolean): void {
    const identity = this.#engine.qjs_get_value_ptr(promise);
    if (isHandled) this.#rejections.delete(identity);
    else this.#rejections.set(identity, this.#rejectionText(reason));
    this.#engine.qjs_free_value(promise);
    this.#engine.qjs_free_value(reason);
  }

  /** Of a storm of them, the first ones say why. */
  #rejectionText(reason: number): string {
    return this.#rejections.size < REJECTIONS_TOLD_MAX ? this.#describe(reason) : "a rejection";
  }

  #take(value: number): Argument {
    const engine = this.#engine;
    if (engine.qjs_is_number(value) !== 0) return engine.qjs_get_float64(value);
    if (engine.qjs_is_string(value) !== 0) return this.#textOf(value);
    return this.#bytesOf(value);
  }

  #give(value: Argument | void): number {
    const engine = this.#engine;
    if (value === undefined) return engine.qjs_get_undefined();
    if (typeof value === "number") return engine.qjs_new_number(value);
    const { at, length } = this.#copyIn(value);
    const given =
      typeof value === "string"
        ? engine.qjs_new_string(at, length)
        : engine.qjs_new_uint8_array(at, length);
    engine.free(at);
    return given;
  }

  #throw(message: string): void {
    const engine = this.#engine;
    const error = engine.qjs_new_error();
    this.#setProperty(error, "message", this.#give(message));
    engine.qjs_throw(error);
    engine.qjs_free_value(error);
  }

  #define(name: string): void {
    const { at, length } = this.#copyIn(name);
    const global = this.#engine.qjs_get_global();
    this.#setProperty(global, name, this.#engine.qjs_new_host_function(at, length, 0));
    this.#engine.qjs_free_value(global);
    this.#engine.free(at);
  }

  #setProperty(object: number, name: string, value: number): void {
    const { at } = this.#copyIn(name);
    this.#engine.qjs_set_prop_string(object, at, value);
    this.#engine.free(at);
    this.#engine.qjs_free_value(value);
  }

  #takeException(): string {
    const error = this.#engine.qjs_get_exception();
    const text = this.#describe(error);
    this.#engine.qjs_free_value(error);
    return text;
  }

  /** `Name: message` and the program's own stack, at most TEXT_LENGTH_MAX. */
  #describe(error: number): string {
    const name = this.#copyIn("stack");
    const stack = this.#engine.qjs_get_prop_string(error, name.at);
    this.#engine.free(name.at);
    const trace = this.#engine.qjs_is_string(stack) === 0 ? "" : this.#textOf(stack);
    this.#engine.qjs_free_value(stack);
    return `${this.#textOf(error)}\n${trace}`.trimEnd().slice(0, TEXT_LENGTH_MAX);
  }

  /** As JavaScript's String(): a program's own toString may run, inside the engine. */
  #textOf(value: number): string {
    const at = this.#engine.qjs_get_string_len(value, this.#scratch);
    if (at === 0) {
      this.#engine.qjs_free_value(this.#engine.qjs_get_exception());
      return "a value without text";
    }
    const text = this.#textAt(at, this.#view().getUint32(this.#scratch, true));
    this.#engine.qjs_free_cstring(at);
    return text;
  }

  /** A copy of a typed array's bytes; undefined for anything else. */
  #bytesOf(value: number): Uint8Array | undefined {
    const engine = this.#engine;
    const at = this.#scratch;
    const buffer = engine.qjs_get_typed_array_buffer(value, at, at + 4, at + 8);
    if (engine.qjs_is_exception(buffer) !== 0) {
      engine.qjs_free_value(buffer);
      engine.qjs_free_value(engine.qjs_get_exception());
      return undefined;
    }
    const offset = this.#view().getUint32(at, true);
    const length = this.#view().getUint32(at + 4, true);
    const data = engine.qjs_get_array_buffer(buffer, at);
    const bytes = this.#bytesAt(data + offset, length).slice();
    engine.qjs_free_value(buffer);
    return bytes;
  }

  /** Text as UTF-8 and a zero, or bytes and a zero. */
  #copyIn(value: string | Uint8Array): { at: number; length: number } {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    const at = this.#engine.malloc(bytes.length + 1);
    if (at === 0) throw new ProgramError("InternalError: out of memory");
    this.#bytesAt(at, bytes.length).set(bytes);
    this.#bytesAt(at + bytes.length, 1)[0] = 0;
    return { at, length: bytes.length };
  }

  #textAt(at: number, length: number): string {
    return new TextDecoder().decode(this.#bytesAt(at, length));
  }

  /** Taken anew each time: a memory that grew has another buffer. */
  #bytesAt(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#engine.memory.buffer, at, length);
  }

  #view(): DataView {
    return new DataView(this.#engine.memory.buffer);
  }
}
