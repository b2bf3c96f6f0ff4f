/**
 * Annotations: a short test of what nearly every value is, before the whole check.
 *
 * @module
 */
import type { Ir } from "../ir/ir.ts";
import type { PrimitiveName } from "../types/primitives.ts";
import type { Type } from "../types/type.ts";
import { isAtom, type Writing } from "./writing.ts";

/** What is certain to fit, as a condition on a name. The check itself costs no fuel then. */
const FITS: ReadonlyMap<PrimitiveName, (name: string) => string> = new Map<
  PrimitiveName,
  (name: string) => string
>([
  ["any", () => "true"],
  ["bool", (name) => `typeof ${name}==="boolean"`],
  ["int", (name) => `typeof ${name}==="number"&&(${name}|0)===${name}`],
  ["float", (name) => `typeof ${name}==="number"`],
  ["number", (name) => `typeof ${name}==="number"`],
  ["string", (name) => `typeof ${name}==="string"`],
  ["vector", (name) => `${name} instanceof Vec`],
  ["map", (name) => `${name} instanceof MapV`],
]);

export function writeCheck(writer: Writing, node: Extract<Ir, { op: "check" }>): string {
  const { unit } = writer;
  const value = writer.expression(node.value);
  const rest = `${unit.pooled(node.type)},${unit.pooled(node.what)},${unit.site(node.span)}`;
  const name = isAtom(value) ? value : writer.temporary();
  const test = node.type.type === null ? null : fits(node.type.type, name);
  if (test === null) return `check(${value},${rest})`;
  const before = name === value ? "" : `${name}=${value},`;
  return `(${before}${test}?${name}:check(${name},${rest}))`;
}

function fits(type: Type, name: string): string | null {
  if (type.kind === "primitive") return FITS.get(type.name)?.(name) ?? null;
  if (type.kind !== "optional") return null;
  const test = fits(type.type, name);
  return test === null ? null : `${name}===null||${test}`;
}
