/**
 * The kinds of programs that `execute` takes, how they are named to people, and what they may touch.
 *
 * @module
 */
import { unreachable } from "../foundation/result.ts";
import { type Form, printForm } from "../rtfs/index.ts";
import { effectsOfSource } from "./effects-report.ts";

export type ExecutionProgram =
  | { readonly kind: "rtfs-source"; readonly source: string }
  | { readonly kind: "rtfs-ast"; readonly form: Form }
  /** A WebAssembly module. */
  | { readonly kind: "bytecode"; readonly bytes: Uint8Array }
  /** A handler that the embedding program registered under this id; runs on the host, never in a wall. */
  | { readonly kind: "native"; readonly handler: string }
  | { readonly kind: "external"; readonly path: string; readonly args: readonly string[] }
  | { readonly kind: "script"; readonly language: string; readonly source: string };

/** What a program can touch. Whatever cannot be judged before it runs may touch both. */
export interface ProgramReach {
  readonly network: boolean;
  readonly files: boolean;
}

const DESCRIPTION_LENGTH_MAX = 240;

/** One line for people, at most 240 characters. It holds the program's text: not for logs that outlive it. */
export function describeProgram(program: ExecutionProgram): string {
  const text = descriptionOf(program)
    .replaceAll(/\p{Cc}+/gu, " ")
    .toWellFormed();
  if (text.length <= DESCRIPTION_LENGTH_MAX) return text;
  return `${text.slice(0, DESCRIPTION_LENGTH_MAX - 1)}…`;
}

function descriptionOf(program: ExecutionProgram): string {
  switch (program.kind) {
    case "rtfs-source":
      return `RTFS source: ${program.source}`;
    case "rtfs-ast":
      return "RTFS AST";
    case "bytecode":
      return `RTFS bytecode (${program.bytes.length} bytes)`;
    case "native":
      return "Native function";
    case "external":
      return `External program: ${program.path} [${program.args.map((each) => JSON.stringify(each)).join(", ")}]`;
    case "script":
      return `Script in ${program.language}: ${program.source}`;
    default:
      return unreachable(program);
  }
}

/** The source of an RTFS program; null: it is of another kind. */
export function sourceOf(program: ExecutionProgram): string | null {
  if (program.kind === "rtfs-source") return program.source;
  return program.kind === "rtfs-ast" ? printForm(program.form) : null;
}

/** Judged by the effects of the parsed program, never by its text. */
export function reachOfProgram(program: ExecutionProgram): ProgramReach {
  const source = sourceOf(program);
  const judged = source === null ? null : effectsOfSource(source, "program.rtfs");
  if (judged === null || !judged.ok || judged.value.refusals.length > 0)
    return { network: true, files: true };
  const { effects } = judged.value;
  return { network: effects.has("network"), files: effects.has("fs") };
}
