/**
 * Envelopes in files: signed by `ccos plan`, read strictly by `ccos run`.
 *
 * @module
 */
import { resolve } from "node:path";
import { parseDuration } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import {
  envelopeOf,
  readSigningKey,
  type SignedEnvelope,
  signEnvelope,
  type SigningKey,
} from "../governance/index.ts";
import { writeAtomic } from "../host/index.ts";
import { type Command, type Io, type Parsed, usageError } from "./command.ts";
import { parseJson } from "./inputs.ts";
import { printable } from "./render.ts";

export interface Signing {
  readonly key: SigningKey;
  readonly out: string;
  readonly forMs: number;
}

/** How long an envelope holds unless `--for` says otherwise, and at most. */
const FOR = "24h";
const FOR_MS_MAX = 400 * 86_400_000;

/** What `--sign KEY --out FILE --for TIME` ask; null: no envelope. */
export async function signingOf(command: Command, io: Io, parsed: Parsed): Promise<Signing | null> {
  const [sign, out] = [parsed.text("sign"), parsed.text("out")];
  if (sign === undefined && out === undefined) return null;
  if (sign === undefined || out === undefined)
    throw usageError(command, "--sign KEY and --out ENVELOPE go together");
  const forMs = parseDuration(parsed.text("for") ?? FOR);
  if (forMs === null || forMs < 1 || forMs > FOR_MS_MAX)
    throw usageError(command, "--for takes a time such as 24h, up to 9600h");
  const key = await readSigningKey(resolve(io.cwd, sign));
  return { key, out: resolve(io.cwd, out), forMs: Math.floor(forMs) };
}

export async function writeEnvelope(
  io: Io,
  { key, out, forMs }: Signing,
  content: Pick<SignedEnvelope, "body" | "audience">,
): Promise<void> {
  const issuedMs = io.world.nowMs();
  const envelope = signEnvelope({ ...content, issuedMs, expiresMs: issuedMs + forMs }, key);
  await writeAtomic(out, new TextEncoder().encode(`${JSON.stringify(envelope)}\n`), 0o644);
  const until = new Date(envelope.expiresMs).toISOString();
  io.say(printable(`signed ${out} with ${key.text}, until ${until}`));
}

/** @throws {CcosError} `ENVELOPE_REFUSED`. */
export function parseEnvelope(file: string, text: string): SignedEnvelope {
  const envelope = envelopeOf(parseJson(text));
  if (envelope !== null) return envelope;
  throw new CcosError("ENVELOPE_REFUSED", {
    what: `Cannot read the envelope "${file}"`,
    why: "it is not what `ccos plan --sign` writes",
    fix: "Have the plan signed again",
  });
}
