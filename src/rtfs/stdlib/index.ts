import { ARITHMETIC } from "./arithmetic.ts";
import { Builtin } from "./builtin.ts";
import { COMPARISON } from "./comparison.ts";
import type { Entry } from "./entry.ts";
import { GENERATORS } from "./generators.ts";
import { HIGHER_ORDER } from "./higher-order.ts";
import { CONSTRUCTORS, CONTEXT } from "./host-context.ts";
import { MAPS } from "./maps.ts";
import { ERRORS, JSON_TEXTS, PREDICATES } from "./misc.ts";
import { PATTERNS } from "./patterns.ts";
import { placeEntries } from "./places.ts";
import { SEQUENCES } from "./sequences.ts";
import { SORTING } from "./sorting.ts";
import { STRINGS } from "./strings.ts";
import { TEMPLATES } from "./templates.ts";

/** The whole library by family, one row per name. */
export const FAMILIES: readonly (readonly [title: string, entries: readonly Entry[]])[] = [
  ["Arithmetic", ARITHMETIC],
  ["Comparison and logic", COMPARISON],
  ["Strings", [...STRINGS, ...PATTERNS]],
  ["Sequences", [...SEQUENCES, ...GENERATORS]],
  ["Functions over sequences", [...HIGHER_ORDER, ...SORTING]],
  ["Maps and paths", [...MAPS, ...placeEntries((name) => BUILTINS.get(name))]],
  ["Kinds", PREDICATES],
  ["JSON", JSON_TEXTS],
  ["Errors", ERRORS],
  ["The host's context", CONTEXT],
  ["Constructors of errors", CONSTRUCTORS],
  ["Templates", TEMPLATES],
];

export const LIBRARY: readonly Entry[] = FAMILIES.flatMap(([, entries]) => entries);

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map(
  LIBRARY.map(({ name, arity, run }) => [name, new Builtin(name, arity, run)]),
);
export const BUILTIN_NAMES: ReadonlySet<string> = new Set(BUILTINS.keys());

/** Argument places that a library function calls and never keeps; empty for the others. */
export const CALLED_ARGUMENTS: ReadonlyMap<string, readonly number[]> = new Map(
  LIBRARY.map(({ name, calls }) => [name, calls]),
);
