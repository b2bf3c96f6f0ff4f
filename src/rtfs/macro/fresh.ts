/**
 * Fresh names: `gensym` in a macro's body and `x#` in a template. A counter of the registry makes
 * them, so the same text always gets the same names.
 *
 * @module
 */
import { RtfsError } from "../values/rtfs-error.ts";
import { Sym, type Value } from "../values/value.ts";
import type { MacroGlobals, MacroRegistry } from "./registry.ts";

/** Names of a macro body's own functions. Two cannot be written, so nothing can take their place. */
export const ARGUMENTS = "(arguments)";
export const FRESH = "(fresh)";
const GENSYM = "gensym";
export const BODY_GLOBALS: readonly string[] = [ARGUMENTS, FRESH, GENSYM];

/** Longest prefix of a fresh name, characters. */
const PREFIX_LENGTH_MAX = 64;

/** Whether fresh names can start so. */
export function isPrefix(text: string): boolean {
  return text.length <= PREFIX_LENGTH_MAX && /^[A-Za-z_][A-Za-z0-9_?!*-]*$/.test(text);
}

/** `prefix__N__auto`. @param prefix - One that `isPrefix` takes. */
export function freshName(prefix: string, registry: MacroRegistry): string {
  return `${prefix}__${registry.nextFresh()}__auto`;
}

/** What a macro's body can call besides the library. */
export function bodyGlobals(argumentsList: Value, registry: MacroRegistry): MacroGlobals {
  const gensym = (args: readonly Value[]): Value => gensymOf(args, registry);
  return new Map<string, (args: readonly Value[]) => Value>([
    [ARGUMENTS, () => argumentsList],
    [FRESH, gensym],
    [GENSYM, gensym],
  ]);
}

/** `(gensym)`, `(gensym "prefix")`. */
function gensymOf(args: readonly Value[], registry: MacroRegistry): Sym {
  const prefix = args.length === 0 ? "g" : args[0];
  if (args.length <= 1 && typeof prefix === "string" && isPrefix(prefix)) {
    return new Sym(freshName(prefix, registry));
  }
  const message = `gensym takes nothing or a plain name of at most ${PREFIX_LENGTH_MAX} characters`;
  throw new RtfsError("InvalidArgument", message, { message });
}
