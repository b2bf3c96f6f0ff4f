/**
 * The text being written: where the next character goes, and whether a line comment is still open.
 *
 * @module
 */
export class Emitter {
  readonly #parts: string[] = [];
  /** Of the next character, from 0. */
  column = 0;
  /** A comment was written: the next thing starts a line. */
  needsLine = false;

  write(text: string): void {
    this.#parts.push(text);
    const lastLine = text.lastIndexOf("\n");
    this.column = lastLine < 0 ? this.column + text.length : text.length - lastLine - 1;
  }

  comment(text: string): void {
    this.write(text);
    this.needsLine = true;
  }

  /** Start a line at `indent`, after `blankLines` empty ones. */
  line(indent: number, blankLines: number = 0): void {
    this.#parts.push("\n".repeat(1 + blankLines), " ".repeat(indent));
    this.column = indent;
    this.needsLine = false;
  }

  /** A space, or a line at `indent` when a comment needs one. */
  space(indent: number): void {
    if (this.needsLine) this.line(indent);
    else this.write(" ");
  }

  text(): string {
    return this.#parts.join("");
  }
}
