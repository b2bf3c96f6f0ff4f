/**
 * The text a pattern is read from, and what can go wrong in it.
 *
 * @module
 */

/** A pattern that is refused. Caught where patterns are compiled. */
export class BadPattern extends Error {}

/** Code points of a pattern with a place in them. */
export class PatternReader {
  readonly #points: readonly string[];
  at = 0;

  constructor(pattern: string) {
    this.#points = Array.from(pattern);
  }

  get isAtEnd(): boolean {
    return this.at >= this.#points.length;
  }

  /** The character `ahead` places on; empty past the end. */
  peek(ahead = 0): string {
    return this.#points[this.at + ahead] ?? "";
  }

  next(): string {
    const point = this.peek();
    this.at++;
    return point;
  }

  /** Step over `text` when it stands here. */
  take(text: string): boolean {
    for (let index = 0; index < text.length; index++) {
      if (this.peek(index) !== text[index]) return false;
    }
    this.at += text.length;
    return true;
  }

  /** The text up to `end`, which is stepped over; null when it never comes. */
  until(end: string): string | null {
    const from = this.at;
    while (!this.isAtEnd) {
      const upTo = this.at;
      if (this.take(end)) return this.#points.slice(from, upTo).join("");
      this.at++;
    }
    this.at = from;
    return null;
  }

  /** @param from - Where the fault begins, in code points. */
  refuse(message: string, from: number = this.at): never {
    throw new BadPattern(`${message} (at character ${from + 1})`);
  }
}
