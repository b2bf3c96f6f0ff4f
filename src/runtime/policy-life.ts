/**
 * The life of a policy between two versions: what a change would allow, and what it would have changed in the past.
 *
 * Read in this order: comparePolicies, backtest, recordedRequest. Both decide with `decide` itself.
 *
 * @module
 */
import { type ChainRecord, readRecords } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonValue } from "../foundation/json.ts";
import {
  type AccessRequest,
  type Actors,
  decide,
  parseAuthority,
  parseTarget,
  type Policy,
  type ResourceRequest,
  type Verdict,
  type Widening,
  widenings,
} from "../policy/index.ts";
import type { PreparedRun } from "./prepare.ts";
import { findRun } from "./run-directory.ts";
import { verifyRun } from "./verify-run.ts";
import type { World } from "./world.ts";

const FILE_ACTORS: Readonly<Record<"read" | "write" | "delete", readonly string[]>> = {
  read: ["ccos.io.read-file", "ccos.io.file-exists", "ccos.io.open-file", "ccos.io.read-line"],
  write: ["ccos.io.write-file", "ccos.io.open-file", "ccos.io.write-line"],
  delete: ["ccos.io.delete-file"],
};

/** The capabilities of this version, by what they can ask for. */
function actorsOf({ registry }: PreparedRun): Actors {
  return {
    ids: [...registry.list().map(({ manifest }) => manifest.id), "ccos.network.connect"],
    of(resource) {
      switch (resource.kind) {
        case "http":
          return ["ccos.network.http-fetch"];
        case "connect":
          return ["ccos.network.connect"];
        case "environment":
          return ["ccos.system.get-env"];
        case "file":
          return FILE_ACTORS[resource.operation];
      }
    },
  };
}

/** What `after` allows beyond `before`, at most so many, one for each reason. Empty: nothing. */
export function comparePolicies(
  before: PreparedRun,
  after: PreparedRun,
  most: number,
): readonly Widening[] {
  const found = new Map<string, Widening>();
  for (const widening of widenings(before.policy, after.policy, actorsOf(after))) {
    const { capability, resource } = widening.request ?? {};
    const key = `${widening.why} ${resource === undefined || resource === null ? capability : resource.kind}`;
    if (!found.has(key)) found.set(key, widening);
    if (found.size >= most) break;
  }
  return [...found.values()];
}

/** A recorded call that the policy would decide otherwise. */
export interface Flip {
  readonly run: string;
  readonly seq: number;
  readonly request: AccessRequest;
  readonly was: Verdict["kind"];
  readonly is: Verdict;
}

export interface Backtest {
  readonly run: string;
  /** Decisions of the run that were decided again. */
  readonly decisions: number;
  /** Refused for other reasons than the policy, or not to be read from their record. */
  readonly passedOver: number;
  readonly flips: readonly Flip[];
}

/** Denials that the policy's rules made. */
const POLICY_CODES: ReadonlySet<JsonValue | undefined> = new Set([
  "CAPABILITY_DENIED",
  "EGRESS_DENIED",
  "FILE_DENIED",
  "ENVIRONMENT_DENIED",
]);

/**
 * Decide a run's calls again.
 *
 * @param name - As `ccos chain` takes it.
 * @throws {CcosError} `CHAIN_INTEGRITY`: its chain does not verify, or was never sealed. `RUN_NOT_FOUND`.
 */
export async function backtest(world: World, policy: Policy, name: string): Promise<Backtest> {
  const run = await findRun(world.stateDir, name);
  const verified = await verifyRun(world, run);
  if (verified.kind !== "valid" || !verified.sealed) throw unsound(run.id);
  const flips: Flip[] = [];
  const approved = new Set<JsonValue | undefined>();
  let [decisions, passedOver] = [0, 0];
  for await (const record of readRecords(run.chain)) {
    if (record.body.type === "ApprovalGranted") approved.add(record.body.data["call"]);
    const was = decided(record, approved);
    if (was === null) continue;
    const request = was === "other" ? null : recordedRequest(record);
    if (was === "other" || request === null) {
      passedOver++;
      continue;
    }
    decisions++;
    const is = decide(policy, request);
    if (is.kind !== was) flips.push({ run: run.id, seq: record.body.seq, request, was, is });
  }
  return { run: run.id, decisions, passedOver, flips };
}

/** How a record says that a call was decided; null: it says nothing of that. */
function decided(
  { body }: ChainRecord,
  approved: ReadonlySet<JsonValue | undefined>,
): Verdict["kind"] | "other" | null {
  const { type, data } = body;
  if (type === "EgressConnected") return "allow";
  if (type === "CallIntended") return approved.has(data["call"]) ? "ask" : "allow";
  if (type !== "EgressDenied" && type !== "CallDenied") return null;
  return POLICY_CODES.has(data["code"]) ? "deny" : "other";
}

/** The request of a call or tunnel, from what its record shows of it. Null: it shows too little. */
export function recordedRequest({ body }: ChainRecord): AccessRequest | null {
  const { capability, resource, target } = body.data;
  if (typeof target === "string") return requestOf("ccos.network.connect", `CONNECT ${target}`);
  if (typeof capability !== "string") return null;
  return requestOf(capability, typeof resource === "string" ? resource : null);
}

/** @param text - As `describeResource` writes it; null: the call touches nothing. */
export function requestOf(capability: string, text: string | null): AccessRequest | null {
  if (text === null) return { capability, resource: null };
  const resource = resourceOf(capability, text);
  return resource === null ? null : { capability, resource };
}

function resourceOf(capability: string, text: string): ResourceRequest | null {
  if (capability === "ccos.system.get-env") return { kind: "environment", name: text };
  const space = text.indexOf(" ");
  const [verb, object] = [text.slice(0, Math.max(0, space)), text.slice(space + 1)];
  if (verb === "read" || verb === "write" || verb === "delete")
    return { kind: "file", operation: verb, path: object };
  if (verb === "CONNECT") {
    const authority = parseAuthority(object);
    return authority.ok ? { kind: "connect", ...authority.value } : null;
  }
  const target = parseTarget(object);
  return target.ok && verb !== "" ? { kind: "http", method: verb, target: target.value } : null;
}

function unsound(run: string): CcosError {
  return new CcosError("CHAIN_INTEGRITY", {
    what: `Cannot test against ${run}`,
    why: "its chain does not verify against a signed head",
    fix: `Run \`ccos chain verify ${run}\``,
  });
}
