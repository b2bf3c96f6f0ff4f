/** What a config asks of a run's seal: its checkpoint anchored before the run has a head. */
import { anchorCheckpoint, type AnchorTarget, hostLog, type Signed } from "../chain/index.ts";
import type { AgentConfig } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { World } from "./world.ts";

type AnchorConfig = AgentConfig["causalChain"]["anchor"];

/** @returns What the seal does with its checkpoint; undefined: nothing is asked. */
export function anchorAtSeal(
  { stateDir, nowMs }: World,
  anchor: AnchorConfig,
  warn: (text: string) => void,
): ((signed: Signed) => Promise<void>) | undefined {
  const target = anchor.enabled ? targetOf(anchor) : null;
  if (target === null) return undefined;
  return async (signed) => {
    // Who interrupts the program does not interrupt its record; every attempt has an end of its own.
    const { signal } = new AbortController();
    const request = { log: hostLog(stateDir), target, nowMs, signal };
    const { proof, error } = await anchorCheckpoint(request, signed);
    if (proof !== null) return;
    if (!anchor.required)
      return warn(`the checkpoint was not anchored (:${target.kind}): ${error}`);
    throw new CcosError("CHAIN_UNWRITABLE", {
      what: `Cannot anchor the checkpoint of ${signed.checkpoint.size} heads`,
      why: error,
      fix: "Look at the target, run `ccos chain anchor`, then `ccos chain verify RUN --repair`",
    });
  };
}

function targetOf({ target, path, url }: AnchorConfig): AnchorTarget | null {
  if (target === "file" || target === "git") return { kind: target, path: path ?? "" };
  if (target === "http" || target === "rfc3161") return { kind: target, url: url ?? "" };
  return null;
}
