/**
 * What a script finds inside the QuickJS engine beside the language itself: output, text encoding, timers, `process`,
 * and descriptors 0 to 3 as `node:fs` has them. Runs inside the engine, before the script.
 *
 * Everything here is the program's to change: it is reached from inside only, and it asks the host functions below,
 * which take and give plain data. Kept as small as the guests of CCOS need.
 *
 * @module
 */

type HostRead = (fd: number, length: number) => Uint8Array;
type HostWrite = (fd: number, bytes: Uint8Array) => void;

interface Bridge {
  /** At least one byte, or none at the end; waits. */
  readonly hostRead: HostRead;
  readonly hostWrite: HostWrite;
  readonly hostUtf8: (text: string) => Uint8Array;
  readonly hostText: (bytes: Uint8Array) => string;
  readonly hostExit: (status: number) => void;
  /** The job: arguments and environment, as JSON. */
  readonly hostJob: () => string;
}

const world = globalThis as unknown as Record<string, unknown>;

/** Take a host function out of the globals. */
function taken<Name extends keyof Bridge>(name: Name): Bridge[Name] {
  const host = world[name] as Bridge[Name];
  delete world[name];
  return host;
}

const hostRead = taken("hostRead");
const hostWrite = taken("hostWrite");
const hostUtf8 = taken("hostUtf8");
const hostText = taken("hostText");
const hostExit = taken("hostExit");
const job = JSON.parse(taken("hostJob")()) as {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
};

class Encoder {
  encode(text = ""): Uint8Array {
    return hostUtf8(String(text).toWellFormed());
  }
}

class Decoder {
  readonly #fatal: boolean;

  constructor(_label?: string, options?: { readonly fatal?: boolean }) {
    this.#fatal = options?.fatal === true;
  }

  decode(bytes: Uint8Array = new Uint8Array()): string {
    const text = hostText(bytes);
    if (this.#fatal && text.includes("\ufffd") && hostUtf8(text).length !== bytes.length)
      throw new TypeError("The bytes are not UTF-8");
    return text;
  }
}

function readSync(
  fd: number,
  target: Uint8Array,
  at = 0,
  length: number = target.length - at,
): number {
  const bytes = hostRead(fd, length);
  target.set(bytes, at);
  return bytes.length;
}

function writeSync(fd: number, data: Uint8Array | string, at = 0): number {
  const bytes = typeof data === "string" ? hostUtf8(data.toWellFormed()) : data.subarray(at);
  hostWrite(fd, bytes);
  return bytes.length;
}

const fs = { readSync, writeSync };

/** Strings as they are, everything else as JSON where that says something. */
function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

function printer(fd: number): (...values: readonly unknown[]) => void {
  return (...values) => void writeSync(fd, `${values.map(shown).join(" ")}\n`);
}

interface Timer {
  readonly id: number;
  readonly dueMs: number;
  readonly run: () => void;
}

let timers: Timer[] = [];
let lastTimer = 0;

function setTimeout(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number {
  const id = ++lastTimer;
  const timer = { id, dueMs: Date.now() + Math.max(0, Number(ms) || 0), run: () => run(...args) };
  const after = timers.findIndex(({ dueMs }) => dueMs > timer.dueMs);
  timers.splice(after < 0 ? timers.length : after, 0, timer);
  return id;
}

function clearTimeout(id: number): void {
  timers = timers.filter((timer) => timer.id !== id);
}

/** Run the timer that is due, or say how long until one is, milliseconds; -1: there is none. */
function nextTimer(): number {
  const [first] = timers;
  if (first === undefined) return -1;
  const waitMs = first.dueMs - Date.now();
  if (waitMs > 0) return waitMs;
  timers.shift();
  first.run();
  return 0;
}

Object.assign(world, {
  TextEncoder: Encoder,
  TextDecoder: Decoder,
  setTimeout,
  clearTimeout,
  console: {
    log: printer(1),
    info: printer(1),
    debug: printer(1),
    warn: printer(2),
    error: printer(2),
  },
  process: { argv: [...job.argv], env: { ...job.environment }, exitCode: 0, exit: hostExit },
  require: (name: unknown) => {
    if (name === "node:fs" || name === "fs") return fs;
    throw new Error(`There is no module ${shown(name)} inside the wasm wall`);
  },
});
Object.defineProperty(world, "ccosNextTimer", { value: nextTimer });
