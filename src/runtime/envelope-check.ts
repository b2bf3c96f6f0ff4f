/**
 * Whether a run may start from the envelope it was given, or without one.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject, type JsonObject } from "../foundation/json.ts";
import { type Audience, envelopeFlaw } from "../governance/index.ts";
import { envelopeBody } from "./admission-report.ts";
import { loadGuest } from "./guest-launch.ts";
import type { PreparedRun } from "./prepare.ts";
import type { World } from "./world.ts";

/**
 * @param facts - What the wall was measured to be; a machine's image stands in them.
 * @throws {CcosError} `ENVELOPE_REFUSED` before anything of the run exists.
 */
export async function refuseUnsigned(
  world: World,
  prepared: PreparedRun,
  facts: JsonObject,
): Promise<void> {
  const { config, inputs, admission } = prepared;
  const { verify: key } = config.governance.keys;
  const { envelope } = inputs;
  if (envelope === undefined && key === null) return;
  if (envelope === undefined)
    throw refused(
      inputs.configFile,
      "the config starts only what its key signed, and there is no envelope",
    );
  if (admission === null)
    throw refused(inputs.configFile, "an envelope is of a plan, and this is another program");
  const audience = await audienceOf(world, facts);
  const body = envelopeBody(prepared, admission);
  const flaw = envelopeFlaw(envelope, { body, audience, key, nowMs: world.nowMs() });
  if (flaw !== null) throw refused(inputs.configFile, `of its envelope: ${flaw}`);
}

/** Where a run of now would happen. */
export async function audienceOf(world: World, { machine }: JsonObject): Promise<Audience> {
  const image = isJsonObject(machine) && isJsonObject(machine["image"]) ? machine["image"] : null;
  return { guest: (await loadGuest(world)).digest(), image };
}

function refused(file: string, why: string): CcosError {
  return new CcosError("ENVELOPE_REFUSED", {
    what: `Cannot start the plan of "${file}"`,
    why,
    fix: FIX,
  });
}

const FIX =
  "Have it signed: `ccos plan FILE --sign KEY --out ENVELOPE`, then `ccos run FILE --envelope ENVELOPE`";
