/**
 * A probe raises a real wall, which costs as much as a start. Its answer is remembered for this boot and for
 * exactly these tools, so that a start does not pay twice. Only `ready` is remembered: a wall that was missing is
 * looked for each time. A remembered wall that no longer stands fails when it is raised, before anything runs.
 *
 * @module
 */
import { join } from "node:path";
import { isJsonObject } from "../foundation/json.ts";
import {
  ensurePrivateDir,
  fileIdentity,
  findExecutable,
  readOwned,
  SYSTEM_DIRECTORIES,
  writeAtomic,
} from "../host/index.ts";
import type { IsolationProvider, Probe } from "./provider.ts";

export interface ProbeCacheOptions {
  /** Answers are kept in its `walls` directory, 0600. */
  readonly stateDir: string;
  readonly nodePath: string;
  readonly bootId: string;
}

/** Everything that any wall is made of. */
const TOOLS = [
  "bwrap",
  "prlimit",
  "unshare",
  "setpriv",
  "mount",
  "umount",
  "pivot_root",
  "perl",
  "runsc",
];
const ANSWER_BYTES_MAX = 16 * 1024;

/** The same provider, whose probe answers from the last one when nothing has changed since. */
export function rememberProbe(
  provider: IsolationProvider,
  options: ProbeCacheOptions,
): IsolationProvider {
  const directory = join(options.stateDir, "walls");
  const path = join(directory, `${provider.name.replaceAll(/[^a-z0-9-]/g, ".")}.probe.json`);
  let known: Promise<Probe> | null = null;
  const probe = async (): Promise<Probe> => {
    const key = keyOf(options);
    const version = await readAnswer(path, key);
    if (version !== null) {
      provider.recall?.(version);
      return { kind: "ready", version };
    }
    const answer = await provider.probe();
    if (answer.kind === "ready") {
      await ensurePrivateDir(options.stateDir);
      await ensurePrivateDir(directory);
      const text = JSON.stringify({ key, version: answer.version });
      await writeAtomic(path, new TextEncoder().encode(text), 0o600);
    }
    return answer;
  };
  return { ...provider, probe: () => (known ??= probe()) };
}

function keyOf({ nodePath, bootId }: ProbeCacheOptions): string {
  const tools = TOOLS.map((name) => {
    const found = findExecutable(name, SYSTEM_DIRECTORIES);
    return found === null ? null : fileIdentity(found);
  });
  return JSON.stringify([1, bootId, process.geteuid?.() ?? -1, fileIdentity(nodePath), tools]);
}

/** @returns The version, or null when there is no answer for this key. */
async function readAnswer(path: string, key: string): Promise<string | null> {
  const bytes = await readOwned(path, ANSWER_BYTES_MAX);
  if (!bytes.ok) return null;
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(bytes.value));
    if (!isJsonObject(answer) || answer["key"] !== key) return null;
    const { version } = answer;
    return typeof version === "string" ? version : null;
  } catch {
    return null;
  }
}
