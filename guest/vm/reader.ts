/** Reads the binary format of WebAssembly, bounded by what it was given. */

/** A module that is none, or that asks for more than it may have. */
export class ModuleRefused extends Error {}

/** Never past its end. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  byte(): number {
    if (this.isAtEnd()) throw new ModuleRefused("it is cut short");
    return this.#bytes[this.at++] ?? 0;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.byte();
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
    throw new ModuleRefused("it holds a number of more than 32 bits");
  }

  /** A reader of the next `size` bytes; this one goes on behind them. */
  within(size: number): Reader {
    const inner = new Reader(this.#bytes, this.at, this.at + size);
    this.skip(size);
    return inner;
  }

  take(size: number): Uint8Array {
    const from = this.at;
    this.skip(size);
    return this.#bytes.subarray(from, this.at);
  }

  skip(size: number): void {
    if (size > this.#end - this.at) throw new ModuleRefused("it is cut short");
    this.at += size;
  }

  finish(): void {
    if (!this.isAtEnd()) throw new ModuleRefused("a section holds more than it says");
  }
}
