/** What runs a program that is given as a file: told by its extension. */
import type { ScriptLanguage } from "../isolation/index.ts";

/** What runs a program file. Its words are `RunInputs.command`, its content is the one staged file. */
export type ProgramFile =
  | { readonly kind: "bytecode" }
  | { readonly kind: "script"; readonly language: ScriptLanguage };

const EXTENSIONS: ReadonlyMap<string, ProgramFile> = new Map([
  [".js", { kind: "script", language: "javascript" }],
  [".py", { kind: "script", language: "python" }],
  [".sh", { kind: "script", language: "shell" }],
  [".wasm", { kind: "bytecode" }],
]);

/** By its extension; null for a file that none is known for. */
export function programFileOf(file: string): ProgramFile | null {
  const extension = /\.[a-z]+$/.exec(file)?.[0] ?? "";
  return EXTENSIONS.get(extension) ?? null;
}
