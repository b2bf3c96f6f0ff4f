/**
 * The library as modules: `stdlib` has every function, `tool` those called `tool/…`.
 *
 * @module
 */
import type { Module } from "./module.ts";
import { splitQualified } from "./name.ts";

/** Modules that need no text, by name. */
export function libraryModules(builtins: ReadonlySet<string>): ReadonlyMap<string, Module> {
  const names = new Map<string, Map<string, string>>([["stdlib", new Map()]]);
  for (const builtin of builtins) {
    names.get("stdlib")!.set(builtin, builtin);
    const parts = splitQualified(builtin);
    if (parts === null) continue;
    const known = names.get(parts.prefix) ?? new Map<string, string>();
    names.set(parts.prefix, known.set(parts.local, builtin));
  }
  return new Map(
    [...names].map(([name, exports]) => [
      name,
      { name, exports, definitions: new Set(exports.keys()), types: new Set(), kind: "library" },
    ]),
  );
}

/** Stands for a module that could not be loaded. */
export function brokenModule(name: string): Module {
  const nothing = new Set<string>();
  return { name, exports: new Map(), definitions: nothing, types: nothing, kind: "broken" };
}
