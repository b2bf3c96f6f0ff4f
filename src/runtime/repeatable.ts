/**
 * Which calls may be made again without asking: what changes nothing, and what the other side takes for the same thing.
 *
 * PUT and DELETE are idempotent by HTTP, but not against what somebody else wrote in between: they need a key like any
 * other.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import type { CallTerms } from "./call-terms.ts";
import type { AdmittedCall } from "./gate-guard.ts";

/** Why a call is the same when it is made twice. */
export type Repeatable = "harmless" | "same-key" | "same-content";

/** Methods that ask for nothing to change (RFC 9110, 9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Null: made twice, it may be done twice. */
export function repeatable(call: AdmittedCall): Repeatable | null {
  const { effects, id } = call.capability.manifest;
  const { resource } = call.request;
  if (effects.every((effect) => effect === "clock" || effect === "random")) return "harmless";
  if (resource?.kind === "http") {
    if (SAFE_METHODS.has(resource.method)) return "harmless";
    return hasKey(call) ? "same-key" : null;
  }
  if (resource?.kind !== "file") return null;
  if (resource.operation === "read") return "harmless";
  return id === "ccos.io.write-file" ? "same-content" : null;
}

/** The request carries a key, the plan's or the host's for it, by which the other side takes it once. */
function hasKey({ capability, args, terms }: AdmittedCall): boolean {
  if ((terms?.idempotency ?? null) !== null) return true;
  const parts = capability.outgoing?.(args) ?? [];
  return parts.some(({ name, content }) => name === "header idempotency-key" && content !== "");
}

/**
 * What holds of the terms that were said of this call: they are said of a form, with the calls in its arguments too.
 *
 * A call that changes nothing needs no key and has none: its answer is of now. Null: nothing holds.
 */
export function fitTerms(call: AdmittedCall, terms: CallTerms): Result<CallTerms | null, string> {
  const kind = repeatable({ ...call, terms });
  const idempotency = kind === "harmless" ? null : terms.idempotency;
  const { retry } = terms;
  if (idempotency === null && retry === null) return ok(null);
  if (retry !== null && kind === null)
    return err(":retry: made twice, this call may be done twice; say :idempotency {:key …}");
  return ok({ idempotency, retry });
}
