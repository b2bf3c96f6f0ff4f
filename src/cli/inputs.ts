/**
 * Files named on the command line, read once with limits: absent, too large and not UTF-8 are three errors.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { digestOf } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { policyFileOf } from "../governance/index.ts";
import { readBounded } from "../host/index.ts";
import { decodeSource } from "../rtfs/index.ts";
import { findModules, planNamedBy, policyFileNamedBy, type RunInputs } from "../runtime/index.ts";
import { readModuleText } from "./module-text.ts";

const SOURCE_BYTES_MAX = 1024 * 1024;

/** Read one RTFS source. `label` is what errors call it. */
export async function readSource(cwd: string, file: string): Promise<string> {
  const path = isAbsolute(file) ? file : join(cwd, file);
  const content = await readBounded(path, SOURCE_BYTES_MAX);
  if (!content.ok) {
    const codes = {
      absent: "INPUT_NOT_FOUND",
      "too-large": "INPUT_TOO_LARGE",
      unreadable: "INPUT_UNREADABLE",
    } as const;
    const why = {
      absent: "there is no such file",
      "too-large": "it is over 1 MiB",
      unreadable: "it is not a regular file that can be read",
    };
    throw new CcosError(codes[content.error], {
      what: `Cannot read "${file}"`,
      why: why[content.error],
    });
  }
  const text = decodeSource(content.value, file);
  if (text.ok) return text.value;
  throw new CcosError("INPUT_NOT_UTF8", {
    what: `Cannot read "${file}"`,
    why: text.error[0]?.message ?? "it is not UTF-8",
    place: text.error[0]?.span,
  });
}

/** The inputs of a plan run: the config, and the plan that it names. */
export async function planInputs(
  cwd: string,
  configFile: string,
  production: boolean,
  given: Pick<RunInputs, "args" | "bounds" | "envelope"> = {},
): Promise<RunInputs> {
  const configSource = await readSource(cwd, configFile);
  const text = { configFile, configSource, production };
  const plan = planNamedBy(text);
  const planFile = plan === null ? null : join(dirname(configFile), plan);
  const planSource = planFile === null ? null : await readSource(cwd, planFile);
  const modules =
    planFile === null || planSource === null ? [] : modulesOf(cwd, planFile, planSource);
  const program = { planFile, planSource, modules, command: null, staged: [] };
  return { ...text, ...program, ...(await policyFileInputs(cwd, text)), ...given };
}

/** The policy file that a config names, beside it; nothing where it names none. */
export async function policyFileInputs(
  cwd: string,
  text: Pick<RunInputs, "configFile" | "configSource" | "production">,
): Promise<Pick<RunInputs, "policyFile">> {
  const named = policyFileNamedBy(text);
  if (named === null) return {};
  const file = join(dirname(text.configFile), named);
  const policyFile = policyFileOf(parseJson(await readSource(cwd, file)));
  if (policyFile !== null) return { policyFile };
  throw new CcosError("POLICY_FILE_REFUSED", {
    what: `Cannot read the policy file "${file}"`,
    why: "it is not what `ccos policy sign` writes",
    fix: "Have it signed again",
  });
}

/** Undefined: it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The modules that a plan imports, from its own directory. */
function modulesOf(cwd: string, file: string, source: string): RunInputs["modules"] {
  return findModules({ file, source }, (name) => readModuleText(cwd, dirname(file), name));
}

export interface StagedFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly digest: string;
}

/** Largest file that is staged for an external program, bytes. */
const STAGED_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Files that the command names by a relative path: the program must see them, so they are staged read-only
 * below /work and their digests are recorded. Nothing else of the current directory is visible inside.
 */
export async function stageCommand(
  cwd: string,
  command: readonly string[],
): Promise<readonly StagedFile[]> {
  const staged: StagedFile[] = [];
  for (const word of command) {
    if (isAbsolute(word) || word.startsWith("-") || word.split("/").includes("..")) continue;
    const content = await readBounded(resolve(cwd, word), STAGED_BYTES_MAX);
    if (!content.ok && content.error === "too-large") throw tooLarge(word);
    if (!content.ok) continue;
    const path = join("/work", word);
    if (staged.some((file) => file.path === path)) continue;
    const digest = digestOf(Buffer.from(content.value).toString("base64"));
    staged.push({ path, content: content.value, digest });
  }
  return staged;
}

/** The one file of a program that is run by its extension. Its digest is that of its bytes. */
export async function stageProgram(cwd: string, file: string): Promise<StagedFile> {
  const content = await readBounded(resolve(cwd, file), STAGED_BYTES_MAX);
  if (content.ok) {
    const digest = `sha256:${createHash("sha256").update(content.value).digest("hex")}`;
    return { path: join("/work", basename(file)), content: content.value, digest };
  }
  if (content.error === "too-large") throw tooLarge(file);
  throw new CcosError(content.error === "absent" ? "INPUT_NOT_FOUND" : "INPUT_UNREADABLE", {
    what: `Cannot read "${file}"`,
    why:
      content.error === "absent"
        ? "there is no such file"
        : "it is not a regular file that can be read",
  });
}

function tooLarge(file: string): CcosError {
  return new CcosError("INPUT_TOO_LARGE", {
    what: `Cannot stage "${file}" for the program`,
    why: `it is over ${STAGED_BYTES_MAX} bytes`,
    fix: "Mount its directory with :mode :ro and name it below /mnt",
  });
}
