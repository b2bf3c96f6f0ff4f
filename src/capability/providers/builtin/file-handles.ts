/**
 * Handles of open files: a number a plan holds, the path and mode behind it. The table belongs to
 * one run and is bounded; a handle never carries a decision, its path is decided again on each
 * use.
 *
 * @module
 */
import type { JsonObject } from "../../../foundation/json.ts";
import { done, failed } from "../../define.ts";
import type { PortAnswer } from "../../types.ts";

export type FileMode = "r" | "w" | "a";

export interface HandleFile {
  readonly path: string;
  readonly mode: FileMode;
}

interface OpenFile extends HandleFile {
  readonly text: string;
  /** Start of the next line in `text`. */
  at: number;
}

/** Open handles at one time. */
const OPEN_MAX = 64;
/** Text held by handles that are open for reading, UTF-16 units. */
const HELD_LENGTH_MAX = 32 * 1024 * 1024;
const HANDLE = /^file:[1-9]\d{0,8}:([rwa]):(\/.{0,4094})$/su;

/** What a handle's text says; whether it is open is the table's knowledge. Null: no handle. */
export function parseHandle(handle: string): HandleFile | null {
  const [, mode, path] = HANDLE.exec(handle) ?? [];
  return path === undefined ? null : { mode: mode as FileMode, path };
}

/** The handles of one run: `file:<number>:<mode>:<path>`, never reused. */
export class HandleTable {
  readonly #open = new Map<string, OpenFile>();
  #opened = 0;
  #heldLength = 0;

  /** Why no further file can be opened now, or null. */
  fullReason(): string | null {
    return this.#open.size < OPEN_MAX ? null : `${OPEN_MAX} files are open; close one`;
  }

  open(file: HandleFile, text: string, facts: JsonObject): PortAnswer<string> {
    const full = this.fullReason();
    if (full !== null) return failed("IO_ERROR", full, facts);
    if (this.#heldLength + text.length > HELD_LENGTH_MAX) {
      return failed("IO_ERROR", "the open files are too large together; close one", facts);
    }
    const handle = `file:${++this.#opened}:${file.mode}:${file.path}`;
    this.#open.set(handle, { ...file, text, at: 0 });
    this.#heldLength += text.length;
    return { ok: true, value: handle, facts };
  }

  find(handle: string): PortAnswer<HandleFile> {
    const file = this.#open.get(handle);
    return file === undefined ? notOpen() : { ok: true, value: file, facts: {} };
  }

  /** The next line; `\n` and `\r\n` end one. Null after the last. */
  readLine(handle: string): PortAnswer<string | null> {
    const file = this.#open.get(handle);
    if (file === undefined) return notOpen();
    if (file.at >= file.text.length) return done(null) as PortAnswer<null>;
    const end = file.text.indexOf("\n", file.at);
    const line = file.text.slice(file.at, end === -1 ? undefined : end);
    file.at = end === -1 ? file.text.length : end + 1;
    return { ok: true, value: line.endsWith("\r") ? line.slice(0, -1) : line, facts: {} };
  }

  close(handle: string): PortAnswer<null> {
    const file = this.#open.get(handle);
    if (file === undefined) return notOpen();
    this.#open.delete(handle);
    this.#heldLength -= file.text.length;
    return { ok: true, value: null, facts: {} };
  }
}

function notOpen(): PortAnswer<never> {
  return failed("IO_ERROR", "the handle is not open in this run");
}
