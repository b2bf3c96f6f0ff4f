/** Checkpoints and keys that were kept away from the host, as files named on the command line. */
import type { KeyObject } from "node:crypto";
import { isAbsolute, join } from "node:path";
import {
  type Checkpoint,
  NOTE_LENGTH_MAX,
  openCheckpoint,
  originOf,
  readPublicKey,
} from "../../../chain/index.ts";
import { CcosError } from "../../../foundation/errors.ts";
import { readBounded } from "../../../host/index.ts";
import { hostPublicKey } from "../../../runtime/index.ts";
import type { Io } from "../../command.ts";

/**
 * The checkpoint in a file, its signature checked with this host's key. Null: no file was named.
 *
 * @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`; `CHAIN_SIGNATURE`.
 */
export async function readPinned(io: Io, file: string | undefined): Promise<Checkpoint | null> {
  if (file === undefined) return null;
  const publicKey = await keyOf(io, undefined);
  const note = await readNamed(io, file, NOTE_LENGTH_MAX);
  const opened = openCheckpoint(note, { name: originOf(publicKey), publicKey });
  if (opened.ok) return opened.value;
  throw new CcosError("CHAIN_SIGNATURE", {
    what: `Cannot believe checkpoint "${file}"`,
    why: opened.error,
    fix: "Name a checkpoint that this host signed",
  });
}

/** The text of a named file. @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`. */
export async function readNamed(io: Io, file: string, bytesMax: number): Promise<string> {
  const bytes = await readBounded(pathOf(io, file), bytesMax);
  if (bytes.ok) return new TextDecoder().decode(bytes.value);
  const isAbsent = bytes.error === "absent";
  throw new CcosError(isAbsent ? "INPUT_NOT_FOUND" : "INPUT_UNREADABLE", {
    what: `Cannot read "${file}"`,
    why: isAbsent ? "there is no such file" : bytes.error,
  });
}

/** The named public key, or this host's. @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`. */
export async function keyOf(io: Io, file: string | undefined): Promise<KeyObject> {
  const key =
    file === undefined ? await hostPublicKey(io.world) : await readPublicKey(pathOf(io, file));
  if (key !== null) return key;
  throw new CcosError("INPUT_NOT_FOUND", {
    what: file === undefined ? "Cannot find this host's public key" : `Cannot read "${file}"`,
    why: file === undefined ? "nothing was ever sealed here" : "there is no such file",
    fix: "Name the key of the host that sealed: --key FILE",
  });
}

function pathOf(io: Io, file: string): string {
  return isAbsolute(file) ? file : join(io.cwd, file);
}
