/**
 * Forms as text that reads back as equal forms, with the sugar a person would write.
 *
 * @module
 */
import { printValue } from "../values/print.ts";
import { PREFIX_HEADS } from "./bracket.ts";
import { type Form, formToValue, headName, type ListForm, type MapForm } from "./form.ts";
import { contextToken } from "./token.ts";

const PREFIXES = new Map(Array.from(PREFIX_HEADS, ([prefix, head]) => [head, prefix]));

/**
 * One line: `'x` for `(quote x)`, `` `x ``, `~x`, `~@x`, `@name`, `^{…} form`. `#( )` was read as a
 * `fn` and prints as one.
 *
 * No recursion: macros make forms of any depth.
 */
export function printForm(form: Form): string {
  const parts: string[] = [];
  const pending: (string | Form)[] = [form];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next === "string") parts.push(next);
    else if (next.kind === "map") pushReversed(pending, mapParts(next));
    else if (next.kind === "vector") pushReversed(pending, ["[", ...spaced(next.items), "]"]);
    else if (next.kind === "list") pushReversed(pending, listParts(next));
    else parts.push(printValue(formToValue(next)));
  }
  return parts.join("");
}

function pushReversed(pending: (string | Form)[], parts: readonly (string | Form)[]): void {
  for (const part of parts.toReversed()) pending.push(part);
}

function spaced(forms: readonly Form[]): readonly (string | Form)[] {
  return forms.flatMap((form, index) => (index === 0 ? [form] : [" ", form]));
}

function mapParts({ entries }: MapForm): readonly (string | Form)[] {
  return ["{", ...spaced(entries.flatMap(({ key, value }) => [key, value])), "}"];
}

function listParts(form: ListForm): readonly (string | Form)[] {
  return sugarParts(form) ?? ["(", ...spaced(form.items), ")"];
}

/** Null: no sugar reads as this list. */
function sugarParts(form: ListForm): readonly (string | Form)[] | null {
  const head = headName(form);
  const [, first, second] = form.items;
  if (head === null || first === undefined) return null;
  if (head === "metadata" && first.kind === "map" && second !== undefined) {
    return form.items.length === 3 ? ["^", first, " ", second] : null;
  }
  if (form.items.length !== 2) return null;
  if (head === "context-ref") return isContextRef(form) ? ["@", first] : null;
  const prefix = PREFIXES.get(head);
  if (prefix === undefined) return null;
  // `~@x` would be a splice of `x`.
  return prefix === "~" && isContextRef(first) ? ["~ ", first] : [prefix, first];
}

function isContextRef(form: Form): boolean {
  if (form.kind !== "list" || form.items.length !== 2 || headName(form) !== "context-ref") {
    return false;
  }
  const name = form.items[1]!;
  return name.kind === "symbol" && contextToken(name.name).kind === "symbol";
}
