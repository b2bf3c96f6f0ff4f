/**
 * What all functions of one emitted program share: numbered places, pooled constants, fresh names.
 *
 * Nothing a program says becomes part of the text: names are a letter and a number, and every value
 * but small integers, booleans and nil is an entry of the pool.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Builtin } from "../stdlib/builtin.ts";
import type { Lambda, Variable } from "../ir/ir.ts";
import type { Value } from "../values/value.ts";

/** What a run gives the emitted text beside the program. */
export interface UnitOptions {
  readonly builtins: ReadonlyMap<string, Builtin>;
  readonly args: readonly Value[];
  readonly depthMax: number;
  /** First values of top-level names; undefined: none yet. */
  readonly globals: readonly (Value | undefined)[];
  /** Whether every map literal is to be reported. */
  readonly reportsMaps: boolean;
}

export class Unit {
  readonly options: UnitOptions;
  readonly sites: SourceSpan[] = [];
  readonly pool: unknown[] = [];
  readonly #pooled = new Map<unknown, string>();
  readonly #siteOf = new Map<SourceSpan, number>();
  #names = 0;

  constructor(options: UnitOptions) {
    this.options = options;
  }

  /** The number of a place. */
  site(span: SourceSpan): number {
    const known = this.#siteOf.get(span);
    if (known !== undefined) return known;
    this.#siteOf.set(span, this.sites.length);
    return this.sites.push(span) - 1;
  }

  /** The name of a pooled value. */
  pooled(value: unknown): string {
    const known = this.#pooled.get(value);
    if (known !== undefined) return known;
    const name = `k${this.pool.length}`;
    this.pool.push(value);
    this.#pooled.set(value, name);
    return name;
  }

  constant(value: Value): string {
    if (value === null || typeof value === "boolean") return `${value}`;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return this.pooled(value);
    return (value as number) < 0 ? `(${value as number})` : `${value as number}`;
  }

  /** A name of its own: a temporary (`t`), a label (`L`). */
  fresh(letter: "t" | "L"): string {
    return `${letter}${this.#names++}`;
  }
}

export function nameOf({ id }: Variable): string {
  return `v${id}`;
}

export function codeName({ id }: Lambda): string {
  return `f${id}`;
}
