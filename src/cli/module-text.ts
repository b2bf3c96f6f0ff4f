/**
 * Texts of modules on disk: regular files below a directory, never through a symbolic link.
 *
 * @module
 */
import { resolve } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { readContained } from "../host/index.ts";
import { decodeSource, modulePath } from "../rtfs/index.ts";

const SOURCE_BYTES_MAX = 1024 * 1024;

export interface ModuleText {
  /** What places call it. */
  readonly file: string;
  readonly source: string;
}

const REFUSALS = {
  linked: ["INPUT_UNREADABLE", "it is a symbolic link, or below one"],
  "too-large": ["INPUT_TOO_LARGE", "it is over 1 MiB"],
  unreadable: ["INPUT_UNREADABLE", "it is not a regular file that can be read"],
} as const;

/**
 * The module's text below `directory`; null when there is no such file.
 *
 * @param name - One that `isModuleName` takes, so it leads nowhere else.
 * @throws {CcosError} `INPUT_UNREADABLE`, `INPUT_TOO_LARGE`, `INPUT_NOT_UTF8`.
 */
export function readModuleText(cwd: string, directory: string, name: string): ModuleText | null {
  const below = modulePath(name);
  const file = directory === "." ? below : `${directory}/${below}`;
  const content = readContained(resolve(cwd, directory), below, SOURCE_BYTES_MAX);
  if (!content.ok) {
    if (content.error === "absent") return null;
    const [code, why] = REFUSALS[content.error];
    throw new CcosError(code, { what: `Cannot read module "${name}" from "${file}"`, why });
  }
  const text = decodeSource(content.value, file);
  if (text.ok) return { file, source: text.value };
  throw new CcosError("INPUT_NOT_UTF8", {
    what: `Cannot read module "${name}" from "${file}"`,
    why: text.error[0]?.message ?? "it is not UTF-8",
    place: text.error[0]?.span,
  });
}
