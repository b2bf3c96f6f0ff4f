/**
 * `ccos rtfs fmt`: the house layout, on stdout, checked, or written back.
 *
 * A text that does not read is never touched. Files are replaced as a whole; a link keeps pointing
 * where it pointed.
 *
 * @module
 */
import { resolve } from "node:path";
import { replaceContent } from "../../../host/index.ts";
import { formatSource } from "../../../rtfs/index.ts";
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../../command.ts";
import { marksFor, printable } from "../../render.ts";
import { type Problem, renderProblem } from "../../rtfs/excerpt.ts";
import { findFiles } from "../../rtfs/find-files.ts";
import { readNamed, writeOut } from "../../streams.ts";

interface Formatted {
  readonly file: string;
  readonly source: string;
  /** Null when the source does not read. */
  readonly text: string | null;
  readonly problems: readonly Problem[];
}

/** `ccos rtfs fmt FILE…`. */
export const rtfsFmt: Command = {
  name: "rtfs fmt",
  usage: "rtfs fmt FILE|-   |   rtfs fmt --check|--write FILE|DIRECTORY…   [--width N] [--json]",
  summary: "Lay RTFS out: to stdout, or --write it back, or --check that nothing would change",

  async run(args, io) {
    const parsed = parseCommand(rtfsFmt, args, {
      check: { type: "boolean" },
      write: { type: "boolean" },
      width: { type: "string" },
    });
    const mode = modeOf(parsed);
    const width = widthOf(parsed.text("width"));
    const files = await findFiles(io.cwd, parsed.positionals, ".rtfs");
    if (files.length === 0) throw usageError(rtfsFmt, "name files, or directories that have some");
    if (mode === "show" && files.length > 1)
      throw usageError(rtfsFmt, "several files need --check or --write");
    if (mode === "write" && files.includes("-"))
      throw usageError(rtfsFmt, "stdin cannot be written back");
    const results: Formatted[] = [];
    for (const file of files) results.push(await formatted(io.cwd, file, width));
    const changed = results.filter(({ source, text }) => text !== null && text !== source);
    if (mode === "write") {
      for (const { file, text } of changed)
        await replaceContent(resolve(io.cwd, file), Buffer.from(text ?? ""));
    }
    await report(mode, results, io);
    if (results.some(({ text }) => text === null)) return 65;
    return mode === "check" && changed.length > 0 ? 1 : 0;
  },
};

type Mode = "show" | "check" | "write";

function modeOf(parsed: Parsed): Mode {
  const wanted = (["check", "write"] as const).filter((each) => parsed.flag(each));
  if (wanted.length > 1) throw usageError(rtfsFmt, "--check and --write exclude each other");
  return wanted[0] ?? "show";
}

function widthOf(text: string | undefined): number {
  const width = text === undefined ? 100 : /^\d{2,3}$/.test(text) ? Number(text) : 0;
  if (width >= 40 && width <= 400) return width;
  throw usageError(rtfsFmt, "--width is a whole number from 40 to 400");
}

async function formatted(cwd: string, name: string, width: number): Promise<Formatted> {
  const { label, source } = await readNamed(cwd, name);
  const text = formatSource(source, { width, file: label });
  if (text.ok) return { file: label, source, text: text.value, problems: [] };
  const problems = text.error.map((each) => ({ ...each, code: "ParseError" }));
  return { file: label, source, text: null, problems };
}

async function report(mode: Mode, results: readonly Formatted[], io: Io): Promise<void> {
  const changed = results.filter(({ source, text }) => text !== null && text !== source);
  if (io.json) {
    const files = results.map(({ file, source, text, problems }) => ({
      file,
      changed: text !== null && text !== source,
      problems,
      ...(mode === "show" && text !== null ? { text } : {}),
    }));
    io.out(JSON.stringify({ ok: results.every(({ text }) => text !== null), files }));
    return;
  }
  const marks = marksFor(io.terminal);
  for (const { file, source, problems } of results) {
    for (const problem of problems)
      io.say(renderProblem(problem, (name) => (name === file ? source : null), marks));
  }
  if (mode === "show") await writeOut(results[0]?.text ?? "");
  if (mode === "check") for (const { file } of changed) io.out(printable(file));
  const count = `${changed.length} of ${results.length} file${results.length === 1 ? "" : "s"}`;
  if (mode === "check") io.say(`${count} would change`);
  if (mode === "write") io.say(`${count} changed`);
}
