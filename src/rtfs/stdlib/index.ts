import { Builtin } from "../eval/machine.ts";
import { ARITHMETIC } from "./arithmetic.ts";
import { COMPARISON } from "./comparison.ts";
import type { Entry } from "./entry.ts";
import { HIGHER_ORDER } from "./higher-order.ts";
import { MAPS } from "./maps.ts";
import { ERRORS, JSON_TEXTS, PREDICATES } from "./misc.ts";
import { SEQUENCES } from "./sequences.ts";
import { STRINGS } from "./strings.ts";

/** The whole library, one row per name. */
export const LIBRARY: readonly Entry[] = [
  ...ARITHMETIC,
  ...COMPARISON,
  ...STRINGS,
  ...MAPS,
  ...SEQUENCES,
  ...HIGHER_ORDER,
  ...PREDICATES,
  ...JSON_TEXTS,
  ...ERRORS,
];

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map(
  LIBRARY.map(({ name, arity, run }) => [name, new Builtin(name, arity, run)]),
);
export const BUILTIN_NAMES: ReadonlySet<string> = new Set(BUILTINS.keys());

/** Argument places that a library function calls and never keeps; empty for the others. */
export const CALLED_ARGUMENTS: ReadonlyMap<string, readonly number[]> = new Map(
  LIBRARY.map(({ name, calls }) => [name, calls]),
);
