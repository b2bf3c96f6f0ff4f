/**
 * File built-ins: whole files, and lines through handles.
 *
 * A handle is text that names its path and mode, so that policy can decide on every use from the
 * arguments alone; only the exact text of a handle that is open in this run is honoured. Opening for
 * reading takes the file as it is then. Text is UTF-8; other bytes are an error, never replaced.
 *
 * @module
 */
import { ok, type Result } from "../../../foundation/result.ts";
import type { ResourceRequest } from "../../../policy/index.ts";
import type { Value } from "../../../rtfs/index.ts";
import { type Definition, defineCapability, done, failed, invalid } from "../../define.ts";
import { normalPath } from "../../path.ts";
import type { Capability, InvalidInput, PortAnswer } from "../../types.ts";
import { type FileMode, HandleTable, parseHandle } from "./file-handles.ts";

/** Largest file that is read or written in one call, bytes. */
const FILE_BYTES_MAX = 10 * 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type FileOperation = "read" | "write" | "delete";
type Access = Result<ResourceRequest | null, InvalidInput>;
const PATH = { name: "path", type: ":string" } as const;
const HANDLE = { name: "handle", type: ":string" } as const;
const TEXT = { name: "text", type: ":string" } as const;
const OPERATION_OF: Readonly<Record<FileMode, FileOperation>> = {
  r: "read",
  w: "write",
  a: "write",
};

/** The file built-ins of one run; handles are shared between them and with nobody else. */
export function fileCapabilities(): readonly Capability[] {
  return [...wholeFiles(), ...lineFiles(new HandleTable())];
}

function wholeFiles(): readonly Capability[] {
  return [
    defineFile("file-exists", "read", {
      summary: "Whether a regular file is there",
      parameters: [PATH],
      output: ":bool",
      invoke: ([path], ports) => ports.files.exists(path as string),
    }),
    defineFile("read-file", "read", {
      summary: "The whole file as text, at most 10 MiB",
      parameters: [PATH],
      output: ":string",
      async invoke([path], ports) {
        const answer = await ports.files.read(path as string, FILE_BYTES_MAX);
        return answer.ok ? decoded(answer.value, answer.facts) : answer;
      },
    }),
    defineFile("write-file", "write", {
      summary: "Replaces or creates the file with the text, atomically; true when done",
      parameters: [PATH, TEXT],
      output: ":bool",
      async invoke([path, text], ports) {
        const answer = await ports.files.write(path as string, encoder.encode(text as string));
        return answer.ok ? done(true, answer.facts) : answer;
      },
    }),
    defineFile("delete-file", "delete", {
      summary: "Removes the file; false when there was none",
      parameters: [PATH],
      output: ":bool",
      invoke: ([path], ports) => ports.files.delete(path as string),
    }),
  ];
}

type FileDefinition = Omit<Definition, "id" | "effects" | "access">;

/** A capability on the path in its first parameter. Text parameters must be well-formed and bounded. */
function defineFile(name: string, operation: FileOperation, rest: FileDefinition): Capability {
  return defineCapability({
    ...rest,
    id: `ccos.io.${name}`,
    effects: ["fs"],
    decisive: ["path"],
    access([path, text]) {
      const fits = text === undefined ? null : unfitText(text);
      return fits === null ? fileAccess(path, operation) : invalid("[1]", fits);
    },
  });
}

function fileAccess(path: Value | undefined, operation: FileOperation): Access {
  if (typeof path !== "string") return invalid("[0]", "expected a string");
  const normal = normalPath(path);
  if (!normal.ok) return invalid("[0]", normal.error);
  return ok({ kind: "file", operation, path: normal.value });
}

function unfitText(text: Value): string | null {
  if (typeof text !== "string") return "expected a string";
  if (!text.isWellFormed()) return "the text holds a lone surrogate, which UTF-8 cannot carry";
  if (encoder.encode(text).length > FILE_BYTES_MAX)
    return `the text is over ${FILE_BYTES_MAX} bytes`;
  return null;
}

function decoded(bytes: Uint8Array, facts: PortAnswer<unknown>["facts"]): PortAnswer<string> {
  try {
    return { ok: true, value: decoder.decode(bytes), facts };
  } catch {
    return failed("IO_ERROR", "the file is not UTF-8 text", facts);
  }
}

function lineFiles(handles: HandleTable): readonly Capability[] {
  return [openFile(handles), readLine(handles), writeLine(handles), closeFile(handles)];
}

function openFile(handles: HandleTable): Capability {
  return defineCapability({
    id: "ccos.io.open-file",
    summary: 'A handle for lines; mode "r" (default), "w" (empties the file) or "a" (appends)',
    effects: ["fs"],
    parameters: [PATH, { name: "mode", type: ":string", optional: true }],
    output: ":string",
    access([path, mode]) {
      const known = modeOf(mode ?? null);
      if (known === null) return invalid("[1]", 'the mode is "r", "w" or "a"');
      return fileAccess(path, OPERATION_OF[known]);
    },
    async invoke([path, mode], ports) {
      const file = { path: path as string, mode: modeOf(mode ?? null) ?? "r" };
      const full = handles.fullReason();
      if (full !== null) return failed("IO_ERROR", full);
      if (file.mode !== "r") {
        const empty = new Uint8Array(0);
        const { files } = ports;
        const answer = await (file.mode === "w"
          ? files.write(file.path, empty)
          : files.append(file.path, empty));
        return answer.ok ? handles.open(file, "", answer.facts) : answer;
      }
      const answer = await ports.files.read(file.path, FILE_BYTES_MAX);
      if (!answer.ok) return answer;
      const text = decoded(answer.value, answer.facts);
      return text.ok ? handles.open(file, text.value, answer.facts) : text;
    },
  });
}

function readLine(handles: HandleTable): Capability {
  return defineCapability({
    id: "ccos.io.read-line",
    summary: "The next line without its line end, or nil after the last",
    effects: ["fs"],
    parameters: [HANDLE],
    output: "[:union :string :nil]",
    access: ([handle]) => handleAccess(handle, ["r"]),
    invoke: ([handle]) => Promise.resolve(handles.readLine(handle as string)),
  });
}

function writeLine(handles: HandleTable): Capability {
  return defineCapability({
    id: "ccos.io.write-line",
    summary: "Appends the text and a line end",
    effects: ["fs"],
    parameters: [HANDLE, TEXT],
    output: ":nil",
    decisive: ["handle"],
    access([handle, text]) {
      const fits = unfitText(text ?? null);
      return fits === null ? handleAccess(handle, ["w", "a"]) : invalid("[1]", fits);
    },
    async invoke([handle, text], ports) {
      const file = handles.find(handle as string);
      if (!file.ok) return file;
      const answer = await ports.files.append(
        file.value.path,
        encoder.encode(`${text as string}\n`),
      );
      return answer.ok ? done(null, answer.facts) : answer;
    },
  });
}

function closeFile(handles: HandleTable): Capability {
  return defineCapability({
    id: "ccos.io.close-file",
    summary: "Closes the handle",
    effects: ["fs"],
    parameters: [HANDLE],
    output: ":nil",
    access: ([handle]) => handleAccess(handle, ["r", "w", "a"]),
    invoke: ([handle]) => Promise.resolve(handles.close(handle as string)),
  });
}

function handleAccess(handle: Value | undefined, modes: readonly FileMode[]): Access {
  const parsed = typeof handle === "string" ? parseHandle(handle) : null;
  if (parsed === null) return invalid("[0]", "expected a handle of ccos.io.open-file");
  if (!modes.includes(parsed.mode)) return invalid("[0]", `the file is open as "${parsed.mode}"`);
  return fileAccess(parsed.path, OPERATION_OF[parsed.mode]);
}

function modeOf(mode: Value): FileMode | null {
  if (mode === null) return "r";
  return mode === "r" || mode === "w" || mode === "a" ? mode : null;
}
