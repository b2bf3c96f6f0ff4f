/** Whether a guest comes up behind a wall: it boots, and shakes hands. */
import { CcosError } from "../foundation/errors.ts";
import type { IsolationProvider, SandboxLimits } from "../isolation/index.ts";
import { launchStandby } from "./standby.ts";
import type { World } from "./world.ts";

/**
 * One guest, greeted and ended; nothing of it is left when this resolves. Its own wall clock bounds it.
 *
 * @throws {CcosError} `PROVIDER_CRASHED`, and what the wall says when it does not rise.
 */
export async function proveGuest(
  world: World,
  wall: IsolationProvider,
  limits: SandboxLimits,
  signal: AbortSignal,
): Promise<void> {
  const standby = launchStandby(world, wall, limits);
  const stop = (): void => void standby.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    const answer = await (await standby.launched).link.ready;
    if (answer === "ready") return;
    throw new CcosError("PROVIDER_CRASHED", {
      what: `Cannot raise a guest behind ${wall.name}`,
      why: answer.kind === "violation" ? answer.reason : "it ended before it shook hands",
      fix: "Run `ccos doctor`",
    });
  } finally {
    signal.removeEventListener("abort", stop);
    await standby.close();
  }
}
