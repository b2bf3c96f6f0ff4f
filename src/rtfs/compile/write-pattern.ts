/**
 * Patterns: destructuring is lenient and raises on a wrong container, matching is a condition.
 *
 * @module
 */
import type { Ir, IrPattern, IrPatternEntry } from "../ir/ir.ts";
import { nameOf } from "./unit.ts";
import { type Target, type Writing } from "./writing.ts";

type PatternOf<Kind extends IrPattern["kind"]> = Extract<IrPattern, { kind: Kind }>;

/** `bind`: take the value apart; the value itself is the result. */
export function writeBind(
  writer: Writing,
  node: Extract<Ir, { op: "bind" }>,
  target: Target,
): void {
  const value = writer.named(writer.expression(node.value));
  new Binder(writer, writer.unit.site(node.span)).bind(node.pattern, value);
  writer.finish(target, value);
}

class Binder {
  readonly #writer: Writing;
  readonly #site: number;

  constructor(writer: Writing, site: number) {
    this.#writer = writer;
    this.#site = site;
  }

  /** `value` is a name. */
  bind(pattern: IrPattern, value: string): void {
    switch (pattern.kind) {
      case "bind": {
        const { variable, type } = pattern;
        const { unit } = this.#writer;
        if (type !== null) {
          const what = unit.pooled("binding");
          this.#writer.line(`check(${value},${unit.pooled(type)},${what},${this.#site});`);
        }
        this.#writer.line(`${nameOf(variable)}=${value};`);
        return;
      }
      case "vector":
        return this.#vector(pattern, value);
      case "map":
        return this.#map(pattern, value);
      case "any":
      case "literal":
      case "as":
      case "typed":
        return;
    }
  }

  #vector(pattern: PatternOf<"vector">, value: string): void {
    const items = this.#writer.spilled(`takenItems(${value},${this.#site})`);
    for (const [at, item] of pattern.items.entries()) {
      if (item.kind !== "any")
        this.bind(item, this.#writer.spilled(`itemAt(${items},${at})??null`));
    }
    if (pattern.rest !== null) {
      this.bind(pattern.rest, this.#writer.spilled(`restOf(${items},${pattern.items.length})`));
    }
    if (pattern.whole !== null) this.bind(pattern.whole, value);
  }

  #map(pattern: PatternOf<"map">, value: string): void {
    const writer = this.#writer;
    const map = writer.spilled(`takenMap(${value},${this.#site})`);
    for (const { key, fallback, pattern: inner } of pattern.entries) {
      const name = writer.spilled(`${map}.get(${writer.unit.constant(key)})`);
      const absent = writer.captured(() => {
        if (fallback === null) writer.line(`${name}=null;`);
        else writer.statement(fallback, { kind: "assign", name, isTail: false });
      });
      writer.line(`if(${name}===undefined){\n${absent}\n}`);
      this.bind(inner, name);
    }
    if (pattern.rest !== null) {
      const keys = keysOf(writer, pattern.entries);
      this.bind(pattern.rest, writer.spilled(`${value}===null?null:without(${map},${keys})`));
    }
    if (pattern.whole !== null) this.bind(pattern.whole, value);
  }
}

function keysOf(writer: Writing, entries: readonly IrPatternEntry[]): string {
  return writer.unit.pooled(new Set(entries.map(({ key }) => key)));
}

/** A condition that holds when the value has the pattern's shape; it binds on the way. */
export function writeMatcher(writer: Writing, pattern: IrPattern, value: string): string {
  const { unit } = writer;
  switch (pattern.kind) {
    case "any":
      return "true";
    case "bind":
      return `(${nameOf(pattern.variable)}=${value},true)`;
    case "literal":
      return `same(${value},${unit.constant(pattern.value)})`;
    case "as": {
      const inner = writeMatcher(writer, pattern.pattern, value);
      return `(${nameOf(pattern.variable)}=${value},${inner})`;
    }
    case "typed": {
      const inner = writeMatcher(writer, pattern.pattern, value);
      return `(fits(${value},${unit.pooled(pattern.type)})&&${inner})`;
    }
    case "vector":
      return vectorMatcher(writer, pattern, value);
    case "map":
      return mapMatcher(writer, pattern, value);
  }
}

function vectorMatcher(writer: Writing, pattern: PatternOf<"vector">, value: string): string {
  const items = writer.temporary();
  const { length } = pattern.items;
  const parts = [
    `(${items}=itemsOf(${value}))!==null`,
    `${items}.length${pattern.rest === null ? "===" : ">="}${length}`,
  ];
  for (const [at, item] of pattern.items.entries()) {
    if (item.kind !== "any") parts.push(part(writer, item, `itemAt(${items},${at})`));
  }
  if (pattern.rest !== null) {
    parts.push(part(writer, pattern.rest, `restOf(${items},${length})`));
  }
  return `(${parts.join("&&")})`;
}

/** Open: keys that the pattern does not name are allowed. */
function mapMatcher(writer: Writing, pattern: PatternOf<"map">, value: string): string {
  const { unit } = writer;
  const parts = [`${value} instanceof MapV`];
  for (const { key, pattern: inner } of pattern.entries) {
    const name = writer.temporary();
    parts.push(`(${name}=${value}.get(${unit.constant(key)}))!==undefined`);
    parts.push(writeMatcher(writer, inner, name));
  }
  if (pattern.rest !== null) {
    const keys = keysOf(writer, pattern.entries);
    parts.push(part(writer, pattern.rest, `without(${value},${keys})`));
  }
  return `(${parts.join("&&")})`;
}

function part(writer: Writing, pattern: IrPattern, text: string): string {
  const name = writer.temporary();
  return `((${name}=${text}),${writeMatcher(writer, pattern, name)})`;
}
