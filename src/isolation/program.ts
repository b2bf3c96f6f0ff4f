/**
 * The argument vector of a program as it runs inside: our Node with its guest, or a command looked up there.
 *
 * A command that would not be found inside is refused before the wall is raised, with the reason a
 * person can act on: a Python below a home directory does not exist for the program.
 *
 * @module
 */
import { posix } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { unreachable } from "../foundation/result.ts";
import { headOf, placeAt, realPath } from "../host/index.ts";
import { heapMebibytes } from "./limits.ts";
import type { SandboxFile, SandboxLimits, SandboxProgram } from "./provider.ts";
import { type Layout, NODE_INSIDE, SEARCH_PATH } from "./staging.ts";

/**
 * @returns argv with an absolute first word. The guest's file must already be in the layout.
 * @throws {CcosError} `INPUT_NOT_FOUND` when the command is not visible inside.
 */
export function programArgv(
  program: SandboxProgram,
  layout: Layout,
  limits: SandboxLimits,
): readonly string[] {
  if (program.kind === "rtfs") return guestArgv(program, NODE_INSIDE, limits);
  const argv = commandOf(program);
  const [command = "", ...rest] = argv;
  if (argv.some((word) => word.includes("\0"))) {
    throw notFound(command, "a word of the command holds a NUL byte");
  }
  return [commandInside(command, layout), ...rest];
}

/** Python's own paths alone, and behind them the library of the capability socket. */
const PYTHON =
  'import runpy, sys; sys.path.append("/ccos"); del sys.argv[0]; runpy.run_path(sys.argv[0], run_name="__main__")';

/** The words of a program that is a command inside; a script is its interpreter's argument. */
export function commandOf(program: SandboxProgram): readonly string[] {
  if (program.kind === "external") return program.argv;
  if (program.kind !== "script") throw notRun(program.kind);
  const { language, source, beside, args } = program;
  switch (language) {
    case "javascript": {
      const libraries = beside.flatMap(({ path }) => ["--require", path]);
      return [NODE_INSIDE, ...libraries, source.path, ...args];
    }
    case "python":
      return ["python3", "-I", "-c", PYTHON, source.path, ...args];
    case "shell":
      return ["sh", source.path, ...args];
    default:
      return unreachable(language);
  }
}

/** Whether the program has the control channel on descriptor 3. */
export function hasChannel(program: SandboxProgram): boolean {
  return program.kind === "rtfs" || program.kind === "bytecode" || program.channel;
}

function notRun(kind: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot run a ${kind} program as a command`,
    why: "this wall has no engine for it",
    fix: "Run `ccos doctor` for the walls of this host",
  });
}

type Guest = Extract<SandboxProgram, { kind: "rtfs" }>;

/** Stack of the evaluator's JavaScript thread, KiB: 5 000 and more non-tail calls (docs/GUARANTEES.md). */
export const EVALUATOR_STACK_KIB = 3_900;

/** What V8 is told, and keeps its cached code for. */
export function guestV8Flags(stackKiB: number): readonly string[] {
  return [
    "--freeze-flags-after-init",
    // Sums kept as 64-bit integers are boxed in loops: doubles are three times as fast.
    "--no-additive-safe-int-feedback",
    // MiB. A plan's forms and code live until it runs: copying them out of 1 MiB takes 4 ms of its first 40.
    "--min-semi-space-size=8",
    `--stack-size=${stackKiB}`,
  ];
}

/** Doors that `--permission` alone leaves open, or that nobody needs. */
const FLAGS = [
  "--no-experimental-sqlite",
  "--no-experimental-ffi",
  "--no-experimental-webstorage",
  "--no-addons",
  "--disable-sigusr1",
];

/** What a program brings along. */
export function guestFiles(program: SandboxProgram): readonly SandboxFile[] {
  if (program.kind === "rtfs") return [program.guest, ...program.beside];
  return program.kind === "script" ? [program.source, ...program.beside] : [];
}

/** Node with the guest's files; the permission model is a second layer, the wall the first. */
export function guestArgv(program: Guest, node: string, limits: SandboxLimits): readonly string[] {
  return [
    node,
    ...FLAGS,
    ...guestV8Flags(program.stackKiB),
    `--max-old-space-size=${heapMebibytes(limits)}`,
    "--permission",
    ...guestFiles(program).map((file) => `--allow-fs-read=${file.path}`),
    program.guest.path,
  ];
}

/** The same guest where its files lie at other paths. */
export function placedGuest(program: Guest, place: (path: string) => string): Guest {
  const placed = (file: SandboxFile): SandboxFile => ({ ...file, path: place(file.path) });
  return { ...program, guest: placed(program.guest), beside: program.beside.map(placed) };
}

function commandInside(command: string, layout: Layout): string {
  if (command === "") throw notFound(command, "it is empty");
  if (command.includes("/")) return checked(posix.resolve("/work", command), command, layout);
  const search = (layout.environment.get("PATH") ?? SEARCH_PATH).split(":");
  for (const directory of search) {
    const path = posix.join("/", directory, command);
    if (visible(path, layout) !== null) return checked(path, command, layout);
  }
  throw notFound(command, `it is in none of ${search.join(":")} inside the wall`);
}

type Visible =
  | { readonly kind: "host"; readonly source: string }
  | { readonly kind: "data"; readonly head: Uint8Array };

/** What a path inside leads to, or null. */
function visible(path: string, layout: Layout): Visible | null {
  const file = layout.files.find((each) => each.path === path);
  if (file !== undefined)
    return file.executable ? { kind: "data", head: file.content.subarray(0, 256) } : null;
  const outside = outsideOf(path, layout);
  const source = outside === null ? null : realPath(outside);
  if (source === null || !isShown(source, layout)) return null;
  const place = placeAt(source);
  return place.kind === "file" && place.executable ? { kind: "host", source } : null;
}

function outsideOf(path: string, layout: Layout): string | null {
  const linked = layout.links.find((link) => path.startsWith(`${link.path}/`));
  const inside =
    linked === undefined ? path : posix.join("/", linked.to, path.slice(linked.path.length));
  for (const { source, target } of [...layout.shown, ...layout.binds]) {
    if (inside === target) return source;
    if (inside.startsWith(`${target}/`)) return posix.join(source, inside.slice(target.length));
  }
  return null;
}

function isShown(source: string, layout: Layout): boolean {
  return [...layout.shown, ...layout.binds].some(
    (each) => source === each.source || source.startsWith(`${each.source}/`),
  );
}

function checked(path: string, command: string, layout: Layout): string {
  const found = visible(path, layout);
  if (found === null) throw notFound(command, `"${path}" is no executable file inside the wall`);
  const head = found.kind === "data" ? found.head : headOf(found.source, 256);
  const interpreter = /^#![ \t]*([^ \t\r\n]+)/.exec(new TextDecoder("latin1").decode(head))?.[1];
  if (interpreter !== undefined && visible(interpreter, layout) === null) {
    throw notFound(command, `its interpreter "${interpreter}" is not inside the wall`);
  }
  return path;
}

function notFound(command: string, why: string): CcosError {
  return new CcosError("INPUT_NOT_FOUND", {
    what: `Cannot run "${command}"`,
    why,
    fix: "Install it below /usr; programs below a home directory do not exist inside",
  });
}
