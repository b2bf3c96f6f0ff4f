/**
 * Patterns of `let`, parameters and `match`.
 *
 * Destructuring is lenient (missing items bind nil), `match` is strict about length and keys; the
 * pattern is the same, the evaluator knows which of the two it runs. In `match` literals are
 * patterns too.
 *
 * @module
 */
import { type Form, formToValue, keyOf, type MapForm, type SymbolForm } from "../syntax/form.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import { misshapen, type TypeFailure } from "../types/failure.ts";
import { NO_ALIASES } from "../types/type.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import { kindOf } from "../values/kind-of.ts";
import { keyword, List, MapValue, type Value, Vector } from "../values/value.ts";
import { type Analyser, argumentContext, type Context } from "./analyser.ts";
import { splitName } from "./annotation.ts";
import { bindName } from "./names.ts";
import type { MapPatternEntry, Node, Pattern } from "./node.ts";

const ANY: Pattern = { kind: "any" };

export class PatternReader {
  readonly #analyser: Analyser;
  readonly #context: Context;
  readonly #isMatch: boolean;

  constructor(analyser: Analyser, context: Context, isMatch: boolean) {
    this.#analyser = analyser;
    this.#context = context;
    this.#isMatch = isMatch;
  }

  #refuse(form: Form, message: string): Pattern {
    this.#analyser.problem(form.span, message);
    return ANY;
  }

  read(form: Form): Pattern {
    switch (form.kind) {
      case "symbol":
        return this.#name(form, null);
      case "vector":
        return this.#vector(form.items);
      case "map":
        return this.#map(form);
      case "list":
        return this.#isMatch
          ? this.#special(form.items, form)
          : this.#refuse(form, "A list is no pattern");
      case "nil":
      case "boolean":
      case "integer":
      case "float":
      case "string":
      case "keyword":
      case "timestamp":
      case "uuid":
      case "resource":
        if (!this.#isMatch) return this.#refuse(form, "A literal cannot be bound to");
        return { kind: "literal", value: formToValue(form) };
    }
  }

  /** Bind a name; `_` binds nothing. */
  #name(form: SymbolForm, type: TypeValidator | null): Pattern {
    if (form.name === "_") return ANY;
    if (form.name === "&" || form.name === ":")
      return this.#refuse(form, `\`${form.name}\` is no name`);
    const joined = this.#isMatch ? null : splitName(form);
    if (joined?.type) return this.#name(joined.target, this.#analyser.type(joined.type));
    const binding = bindName(this.#context.block, form.name);
    return { kind: "bind", slot: binding.slot, type };
  }

  #plainName(form: Form | undefined, after: Form, what: string): Pattern {
    if (form?.kind === "symbol") return this.#name(form, null);
    return this.#refuse(form ?? after, `A name must follow ${what}`);
  }

  #vector(forms: readonly Form[]): Pattern {
    const items: Pattern[] = [];
    let rest: Pattern | null = null;
    let whole: Pattern | null = null;
    for (let index = 0; index < forms.length; index++) {
      const form = forms[index]!;
      if (form.kind === "symbol" && form.name === "&" && rest === null) {
        rest = this.#plainName(forms[++index], form, "`&`");
      } else if (
        form.kind === "keyword" &&
        form.name === "as" &&
        !this.#isMatch &&
        whole === null
      ) {
        whole = this.#plainName(forms[++index], form, "`:as`");
      } else if (rest !== null || whole !== null)
        this.#refuse(form, "Nothing may follow the rest of a pattern");
      else items.push(this.read(form));
    }
    return { kind: "vector", items, rest, whole };
  }

  #map(form: MapForm): Pattern {
    const entries: MapPatternEntry[] = [];
    const fallbacks = this.#fallbacks(form);
    let rest: Pattern | null = null;
    let whole: Pattern | null = null;
    for (const { key, value } of form.entries) {
      if (key.kind === "symbol" && key.name === "&") rest = this.#plainName(value, key, "`&`");
      else if (isKeyword(key, "as") && value.kind === "symbol" && !this.#isMatch) {
        whole = this.#name(value, null);
      } else if (isKeyword(key, "keys") && value.kind === "vector") {
        entries.push(...value.items.map((item) => this.#keysItem(item, fallbacks)));
      } else if (!isDefaults(key, value)) entries.push(this.#mapEntry(key, value, fallbacks));
    }
    // Nothing but the keys named: what is left is the empty map.
    if (this.#isMatch && this.#analyser.language.isStrict && rest === null) {
      rest = { kind: "literal", value: MapValue.EMPTY };
    }
    return { kind: "map", entries, rest, whole };
  }

  /** `:or {name default}`: names to default forms. */
  #fallbacks(form: MapForm): ReadonlyMap<string, Form> {
    const found = form.entries.find(({ key, value }) => isDefaults(key, value));
    if (found?.value.kind !== "map") return new Map();
    return new Map(found.value.entries.map(({ key, value }) => [(key as SymbolForm).name, value]));
  }

  #keysItem(item: Form, fallbacks: ReadonlyMap<string, Form>): MapPatternEntry {
    if (item.kind !== "symbol") {
      return {
        key: keyword("_"),
        pattern: this.#refuse(item, "`:keys` takes names"),
        fallback: null,
      };
    }
    const name = splitName(item)?.target.name ?? item.name;
    const fallback = this.#fallback(name, fallbacks);
    return { key: keyword(name), pattern: this.#name(item, null), fallback };
  }

  /** `key pattern`, or reversed `name key`. */
  #mapEntry(left: Form, right: Form, fallbacks: ReadonlyMap<string, Form>): MapPatternEntry {
    const key = keyOf(left) ?? keyOf(right);
    const target = keyOf(left) === null ? left : right;
    if (key === null) {
      return {
        key: keyword("_"),
        pattern: this.#refuse(left, "A key must stand here"),
        fallback: null,
      };
    }
    const fallback = target.kind === "symbol" ? this.#fallback(target.name, fallbacks) : null;
    return { key, pattern: this.read(target), fallback };
  }

  #fallback(name: string, fallbacks: ReadonlyMap<string, Form>): Node | null {
    const form = fallbacks.get(name);
    return form === undefined ? null : this.#analyser.form(form, argumentContext(this.#context));
  }

  /** `(:as name pattern)` and `(:int name)` of `match`. */
  #special(items: readonly Form[], form: Form): Pattern {
    const [head, first, second] = items;
    if (
      isKeyword(head, "as") &&
      first?.kind === "symbol" &&
      second !== undefined &&
      items.length === 3
    ) {
      const slot = bindName(this.#context.block, first.name).slot;
      return { kind: "as", slot, pattern: this.read(second) };
    }
    if (
      head?.kind === "keyword" &&
      this.#analyser.aliases.isType(head.name) &&
      first !== undefined &&
      items.length === 2
    ) {
      const type = this.#analyser.type(head);
      return type === null ? ANY : { kind: "typed", type, pattern: this.read(first) };
    }
    return this.#refuse(form, "A pattern list is (:as name pattern) or (:type name)");
  }
}

function isKeyword(form: Form | undefined, name: string): boolean {
  return form?.kind === "keyword" && form.name === name;
}

function isDefaults(key: Form, value: Form): boolean {
  const isNamed = isKeyword(key, "or") && value.kind === "map";
  return isNamed && value.entries.every((entry) => entry.key.kind === "symbol");
}

/** The names a pattern form binds, in order; defaults and keys are not among them. */
export function* namesOf(form: Form): Iterable<SymbolForm> {
  if (form.kind === "symbol") {
    const name = splitName(form)?.target ?? form;
    if (name.name !== "_" && name.name !== "&" && name.name !== ":") yield name;
  } else if (form.kind === "vector") {
    for (const item of form.items) yield* namesOf(item);
  } else if (form.kind === "map") {
    for (const { key, value } of form.entries) {
      if (isDefaults(key, value)) continue;
      if (key.kind === "symbol" && key.name !== "&") yield* namesOf(key);
      else yield* namesOf(value);
    }
  }
}

/** A name that stands twice in one pattern is a mistake. */
export function refuseTwice(analyser: Analyser, form: Form): void {
  const seen = new Map<string, SourceSpan>();
  for (const { name, span } of namesOf(form)) {
    const first = seen.get(name);
    seen.set(name, first ?? span);
    if (first === undefined) continue;
    analyser.problem(span, `The pattern binds \`${name}\` twice`, {
      hint: "Give each a name of its own, or `_`",
      related: [{ message: "the first", span: first }],
    });
  }
}

/** In strict programs: the value, checked to have as many items as the pattern takes apart. */
export function shapeOf(analyser: Analyser, pattern: Pattern, value: Node, span: SourceSpan): Node {
  if (!analyser.language.isStrict) return value;
  const type: TypeValidator = {
    source: "the items of the pattern",
    type: null,
    aliases: NO_ALIASES,
    check: (subject) =>
      lengthFailure(pattern, Array.isArray(subject) ? new Vector(subject) : (subject as Value)),
  };
  return { op: "check", type, value, what: "destructuring", span };
}

/** Only lengths: other mismatches are those of destructuring itself. */
function lengthFailure(pattern: Pattern, value: Value): TypeFailure | null {
  if (pattern.kind === "map" && value instanceof MapValue) {
    for (const { key, pattern: part } of pattern.entries) {
      const failure = lengthFailure(part, value.get(key) ?? null);
      if (failure !== null) return failure;
    }
  }
  if (pattern.kind !== "vector" || !(value instanceof Vector || value instanceof List)) return null;
  const wanted = pattern.items.length;
  const { items } = value;
  if (items.length < wanted || (pattern.rest === null && items.length > wanted)) {
    const expected = pattern.rest === null ? `${wanted} items` : `at least ${wanted} items`;
    return misshapen(expected, `${kindOf(value)} of ${items.length}`);
  }
  return (
    pattern.items
      .map((part, index) => lengthFailure(part, items[index]!))
      .find((failure) => failure !== null) ?? null
  );
}
