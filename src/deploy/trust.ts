import { join } from "node:path";
import { loadPublicKey, readPublicKey } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { Trust } from "./package-verify.ts";

/**
 * The key that must have signed a package: the one in the file named, else this host's own. Never one from the package.
 *
 * @throws {CcosError} `PACKAGE_UNTRUSTED` when there is none; `INPUT_UNREADABLE` when it is no key.
 */
export async function trustOf(stateDir: string, file: string | null): Promise<Trust> {
  const key =
    file === null ? await loadPublicKey(join(stateDir, "keys")) : await readPublicKey(file);
  if (key !== null) return { kind: "key", key };
  throw new CcosError("PACKAGE_UNTRUSTED", {
    what: "Cannot believe any package",
    why: file === null ? "this host has no key of its own yet" : `there is no "${file}"`,
    fix: "Name the key of the host that made it: --key FILE",
  });
}
