import type { ModuleResolver } from "../modules/module.ts";
import { isModuleName } from "../modules/name.ts";

/** The modules that a trial has, and the names of those that it lacked. */
export class ModuleShelf {
  readonly missing: Set<string> = new Set();
  readonly resolver: ModuleResolver;

  /** @param texts - By name; `find` is asked for what is not there. */
  constructor(texts: ReadonlyMap<string, ModuleText>, find: ModuleResolver = () => null) {
    this.resolver = (name) => {
      const found = texts.get(name) ?? find(name);
      if (found === null && isModuleName(name)) this.missing.add(name);
      return found;
    };
  }
}

export interface ModuleText {
  readonly file: string;
  readonly source: string;
}
