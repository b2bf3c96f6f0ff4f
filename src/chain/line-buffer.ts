/**
 * Lines on their way to the disk, as bytes: each is encoded once, where it will be written from. Two buffers take
 * turns, so that lines arrive in one while the other is being written.
 *
 * @module
 */
const START_BYTES = 64 * 1024;
/** A larger buffer is given to the collector after its turn. */
const KEEP_BYTES_MAX = 1024 * 1024;

export class LineBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(START_BYTES);
  #spare: Buffer | null = null;
  #used = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#used;
  }

  /** Append a line of well-formed text. */
  push(line: string): void {
    // No UTF-16 unit takes more than three bytes of UTF-8.
    const most = line.length * 3;
    if (this.#bytes.length - this.#used < most) this.#grow(most);
    this.#used += this.#bytes.write(line, this.#used);
  }

  /** Everything that waits. Valid until it is given back. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#bytes = this.#spare ?? Buffer.allocUnsafeSlow(START_BYTES);
    this.#spare = null;
    this.#used = 0;
    return taken;
  }

  /** The bytes of the last `take` are written: their buffer may be used again. */
  giveBack(taken: Buffer): void {
    const whole = Buffer.from(
      taken.buffer,
      taken.byteOffset,
      taken.buffer.byteLength - taken.byteOffset,
    );
    if (whole.length <= KEEP_BYTES_MAX) this.#spare = whole;
  }

  clear(): void {
    this.#used = 0;
  }

  #grow(most: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#used + most));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}
