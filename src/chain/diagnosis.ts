/**
 * What kind of edit broke a chain, told from the lines around the break.
 *
 * The first line that does not fit is known; whether a record was put in, taken out, moved or
 * copied shows only in what follows. Most breaks need one more line, a gap needs all of them;
 * memory stays one line.
 *
 * @module
 */
import type { Line, LineFault } from "./lines.ts";

export interface Broken {
  readonly kind: "broken";
  /**
   * Number of the first record that is not as it was written; where two share a number, that one.
   */
  readonly seq: number;
  /** The line where it shows, counting from 1; 0 when no line was read. */
  readonly line: number;
  readonly reason:
    | LineFault
    | "dropped"
    | "moved"
    | "inserted"
    | "duplicated"
    | "torn"
    | "truncated"
    | "after-head"
    | "root"
    | "signature"
    | "chain-id";
  /** One line for a person. */
  readonly detail: string;
}

export interface Suspicion {
  /** What should have stood here. `chain` null: the first line tells. */
  readonly expected: { readonly chain: string | null; readonly seq: number; readonly prev: string };
  /** What stood here. */
  readonly line: Line;
  readonly at: number;
  /** What it is when nothing that follows says otherwise. */
  readonly reason: Broken["reason"];
  readonly detail: string;
}

export class Diagnosis {
  readonly #suspicion: Suspicion;
  /** Line where the expected record was found after all. */
  #foundAt: number | null = null;
  /** Line where the suspicious record stands a second time. */
  #copyAt: number | null = null;

  constructor(suspicion: Suspicion) {
    this.#suspicion = suspicion;
  }

  /** @returns the break when `line` decides it. */
  look(line: Line, at: number): Broken | null {
    const { reason, line: suspect } = this.#suspicion;
    if (reason === "dropped") {
      if (this.#isExpected(line)) this.#foundAt ??= at;
      else if (suspect.kind === "record" && line.kind === "record" && line.hash === suspect.hash) {
        this.#copyAt ??= at;
      }
      return null;
    }
    if (reason !== "duplicated" && this.#isExpected(line)) {
      return this.#broken("inserted", "a line was put in before the record that belongs here");
    }
    return this.#plain(line);
  }

  /** The break when nothing follows. */
  end(): Broken {
    const { reason, expected, line } = this.#suspicion;
    if (reason !== "dropped" || line.kind !== "record") return this.#plain(null);
    const { seq } = line;
    if (this.#copyAt !== null) {
      const broken = this.#broken("duplicated", `record ${seq} stands at line ${this.#copyAt} too`);
      return { ...broken, seq };
    }
    if (this.#foundAt !== null) {
      const found = `record ${expected.seq} stands at line ${this.#foundAt}`;
      return this.#broken("moved", `${found}, record ${seq} in its place`);
    }
    const last = seq - 1;
    return this.#broken(
      "dropped",
      last === expected.seq ? "it is missing" : `records ${expected.seq} to ${last} are missing`,
    );
  }

  #plain(next: Line | null): Broken {
    const { reason, detail, line } = this.#suspicion;
    const broken = this.#broken(reason, detail);
    if (line.kind !== "record") return broken;
    if (reason === "duplicated" || reason === "inserted") return { ...broken, seq: line.seq };
    // A record that fits itself but not the one before: whom the next line follows was not the one
    // changed.
    const forged = next?.kind === "record" && next.prev !== line.hash;
    return reason === "changed" && !forged && broken.seq > 0
      ? { ...broken, seq: broken.seq - 1 }
      : broken;
  }

  #isExpected(line: Line): boolean {
    if (line.kind !== "record") return false;
    const { chain, seq, prev } = this.#suspicion.expected;
    const linked = seq === 0 ? line.config !== null : line.prev === prev;
    return line.seq === seq && linked && (chain === null || line.chain === chain);
  }

  #broken(reason: Broken["reason"], detail: string): Broken {
    const { expected, at } = this.#suspicion;
    return { kind: "broken", seq: expected.seq, line: at, reason, detail };
  }
}
