/**
 * A call in doubt: its intent is recorded, its outcome is not. It took place, or did not, and the host cannot know.
 *
 * What may be made again by itself is what changes nothing, and what the other side takes for the same thing: a
 * request with an idempotency key, a file that is replaced by the same bytes. For everything else a person looks.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import { CcosError } from "../foundation/errors.ts";
import { fromWire } from "../rtfs/index.ts";
import { validatorOf } from "./contracts.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import { type Repeatable, repeatable } from "./repeatable.ts";
import { describeResource } from "./resource-text.ts";

/** What the operator knows of the call in doubt. `value` is a wire value. */
export type Assumption =
  | { readonly kind: "done"; readonly value: JsonValue }
  | { readonly kind: "not-done" };

/** How a doubt was settled; `how` is recorded. */
export interface Settlement {
  readonly how: Repeatable | "assumed-done" | "assumed-not-done";
  /** Null: make the call again. */
  readonly outcome: Executed | null;
}

/** @throws {CcosError} `RESUME_IN_DOUBT`; `RESUME_REFUSED` when the value given is none of the capability's. */
export function settleDoubt(call: AdmittedCall, assumption: Assumption | null): Settlement {
  if (assumption?.kind === "not-done") return { how: "assumed-not-done", outcome: null };
  if (assumption?.kind === "done") return assumedDone(call, assumption.value);
  const how = repeatable(call);
  if (how !== null) return { how, outcome: null };
  throw new CcosError("RESUME_IN_DOUBT", {
    what: `Cannot tell whether call ${call.number}, ${describeCall(call)}, took place`,
    why: "it was intended, and the run was killed before its outcome was recorded",
    fix: "Look at its target, then resume with --assume-done VALUE or --assume-not-done",
    details: doubtDetails(call),
  });
}

function assumedDone(call: AdmittedCall, wire: JsonValue): Settlement {
  const value = fromWire(wire);
  const unfit = value.ok
    ? validatorOf(call.capability).output.check(value.value)
    : { path: "", expected: "a value", actual: value.error };
  if (unfit === null)
    return { how: "assumed-done", outcome: { ok: true, value: wire, facts: { assumed: true } } };
  throw new CcosError("RESUME_REFUSED", {
    what: `Cannot take the value for what call ${call.number}, ${describeCall(call)}, answered`,
    why: `at "${unfit.path}" it is ${unfit.actual}, the contract says ${unfit.expected}`,
    fix: `Give a value of the type ${call.capability.manifest.output}`,
  });
}

function describeCall({ capability, request }: AdmittedCall): string {
  const { resource } = request;
  return resource === null ? capability.manifest.id : describeResource(resource);
}

function doubtDetails(call: AdmittedCall): JsonObject {
  const { number, step, digest, capability } = call;
  const resource = call.request.resource === null ? null : describeCall(call);
  return { call: number, step, capability: capability.manifest.id, resource, args: digest };
}
