/**
 * The operator's bounds: what stays forbidden although an agent's own rules grant it.
 *
 * @module
 */
import { matchCapability } from "./capability-pattern.ts";
import { quote } from "./display.ts";
import { decideFile } from "./file-match.ts";
import { matchHost } from "./host.ts";
import type { FileRule, PolicyBound, ResourceRequest, Verdict } from "./types.ts";

type Denial = Extract<Verdict, { kind: "deny" }>;

/** The first bound that this capability would cross with this resource, or null. */
export function beyondBounds(
  bounds: readonly PolicyBound[],
  capability: string,
  resource: ResourceRequest,
): Denial | null {
  for (const bound of bounds) {
    if (!concerns(bound, capability)) continue;
    const denial = crossed(bound, resource);
    if (denial !== null) return denial;
  }
  return null;
}

/** Whether every bound that is about all capabilities lets this directory be read. */
export function boundsAllowFile(bounds: readonly PolicyBound[], path: string): boolean {
  const request = { kind: "file", operation: "read", path } as const;
  return bounds.every((each) => each.capabilities.length > 0 || crossed(each, request) === null);
}

function concerns({ capabilities, except }: PolicyBound, capability: string): boolean {
  const named = (pattern: string): boolean => matchCapability(pattern, capability);
  return (capabilities.length === 0 || capabilities.some(named)) && !except.some(named);
}

function crossed(bound: PolicyBound, resource: ResourceRequest): Denial | null {
  switch (resource.kind) {
    case "http":
      return crossedHost(bound, resource.target.host);
    case "connect":
      return crossedHost(bound, resource.host);
    case "file":
      return crossedFile(bound, resource);
    case "environment":
      return null;
  }
}

function crossedHost({ rule, hosts }: PolicyBound, host: string): Denial | null {
  if (hosts === null) return null;
  const listed = hosts.patterns.some((pattern) => matchHost(pattern, host));
  if (listed === (hosts.kind === "only")) return null;
  const what = hosts.patterns.length === 0 ? "denies the network" : `denies ${quote(host)}`;
  return denied(rule, "EGRESS_DENIED", what);
}

function crossedFile(
  { rule, files }: PolicyBound,
  request: Extract<ResourceRequest, { kind: "file" }>,
): Denial | null {
  if (files === null) return null;
  const rules = files.map((each): FileRule => ({ ...each, rule }));
  if (decideFile(rules, request).kind === "allow") return null;
  return denied(rule, "FILE_DENIED", `denies to ${request.operation} ${quote(request.path)}`);
}

function denied(rule: string, code: Denial["code"], what: string): Denial {
  const fix = `The operator's settings decide this; change ${rule} there`;
  return { kind: "deny", rule, code, reason: `the operator ${what}`, fix };
}
