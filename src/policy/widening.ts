/**
 * Where one policy allows more than another: a request as proof, or none at all.
 *
 * Exact over the rules: each case in which they can match is decided under both policies by `decide` itself
 * (representatives.ts says why those cases are all). Read in this order: Widening, widenings, wider. What `decide` does
 * not see is compared too: private addresses, sizes and demands of the rule that decides, secrets, inspection of
 * content, labels.
 *
 * @module
 */
import { parseRange, rangeContains } from "./address.ts";
import { bindingAllows } from "./binding.ts";
import { decide } from "./decide.ts";
import { opensTunnel, selectEgressRule } from "./egress-match.ts";
import { capabilitiesOf, freshName, requestsOf } from "./representatives.ts";
import { parseTarget } from "./target.ts";
import { coversRpcMethod } from "./rpc-method.ts";
import type {
  AccessRequest,
  EgressRule,
  JsonRpcRule,
  Policy,
  ResourceRequest,
  Verdict,
} from "./types.ts";
import { widerContent, widerFlows } from "./widening-content.ts";

/** One thing that the second policy lets happen and the first does not. */
export interface Widening {
  /** Null: it is about no request, e.g. the inspection of content. */
  readonly request: AccessRequest | null;
  readonly why: string;
}

export interface Actors {
  /** Ids of every capability that is known. */
  readonly ids: readonly string[];
  /** Those that can make a request of this; one of another does not exist. */
  readonly of: (resource: ResourceRequest) => readonly string[];
}

/** Cases that are looked at before a comparison is given up. */
const CASES_MAX = 2_000_000;

/**
 * Everything that `after` allows beyond `before`, at least one for each rule that does; lazily.
 *
 * @throws {RangeError} after two million cases: nothing is known then.
 */
export function* widenings(before: Policy, after: Policy, actors: Actors): Generator<Widening> {
  const fresh = freshName([before, after]);
  const requests = requestsFor(before, after, { actors, fresh });
  let cases = 0;
  for (const request of requests) {
    if (++cases > CASES_MAX) throw new RangeError("There are too many cases to compare");
    const why = wider(before, after, request);
    if (why !== null) yield { request, why };
  }
  yield* secretWidenings(before, after, fresh);
  const content = widerContent(before.dlp, after.dlp) ?? widerFlows(before, after);
  if (content !== null) yield { request: null, why: content };
}

function* requestsFor(
  before: Policy,
  after: Policy,
  { actors, fresh }: { readonly actors: Actors; readonly fresh: string },
): Generator<AccessRequest> {
  const ids = [...new Set([...actors.ids, ...capabilitiesOf([before, after], fresh)])];
  for (const capability of ids) yield { capability, resource: null };
  for (const resource of requestsOf(after, [before], fresh)) {
    for (const capability of actors.of(resource)) yield { capability, resource };
  }
}

const RANKS = { deny: 0, ask: 1, allow: 2 } as const;

/** In what way `after` allows this request and `before` does not; null: in none. */
function wider(before: Policy, after: Policy, request: AccessRequest): string | null {
  const [old, now] = [decide(before, request), decide(after, request)];
  if (RANKS[now.kind] > RANKS[old.kind]) return changeText(old, now);
  if (now.kind === "deny" || request.resource === null) return null;
  const { resource } = request;
  if (resource.kind !== "http" && resource.kind !== "connect") return null;
  if (resource.kind === "connect" && isRead(before, resource) && !isRead(after, resource))
    return "its tunnel was opened and passes unread";
  const [was, is] = [
    selectEgressRule(before.egress, resource),
    selectEgressRule(after.egress, resource),
  ];
  return was === null || is === null ? null : widerRule(was, is);
}

function changeText(old: Verdict, now: Verdict): string {
  const words = { deny: "denied", ask: "asked about", allow: "allowed" } as const;
  const by = now.rule === null ? "" : ` by ${now.rule}`;
  return `it was ${words[old.kind]} and is ${words[now.kind]}${by}`;
}

/** Limits that hold once a rule has decided. */
function widerRule(was: EgressRule, is: EgressRule): string | null {
  const isReached = (range: string): boolean => was.addresses.some((each) => contains(each, range));
  const address = is.addresses.find((range) => !isReached(range));
  if (address !== undefined) return `${is.rule} lets it reach the addresses ${address}`;
  if (is.inspect === true && was.inspect !== true)
    return `${is.rule} lets a program send it itself`;
  if (is.websocket === true && was.websocket !== true) return `${is.rule} lets it be a WebSocket`;
  const { pins } = was;
  if (pins !== undefined && (is.pins === undefined || is.pins.some((pin) => !pins.includes(pin))))
    return `${is.rule} takes other keys of the host`;
  if (was.jsonRpc !== undefined && callsBeyond(was.jsonRpc, is.jsonRpc))
    return `${is.rule} lets a body call other methods or tools`;
  if (is.requestBytesMax > was.requestBytesMax)
    return `${is.rule} lets ${is.requestBytesMax} bytes leave, not ${was.requestBytesMax}`;
  if (is.responseBytesMax > was.responseBytesMax)
    return `${is.rule} lets ${is.responseBytesMax} bytes come, not ${was.responseBytesMax}`;
  return null;
}

function isRead({ egress }: Policy, { host, port }: { host: string; port: number }): boolean {
  return egress.some((rule) => opensTunnel(rule, host, port));
}

function callsBeyond(was: JsonRpcRule, is: JsonRpcRule | undefined): boolean {
  if (is === undefined) return true;
  const isKnown = (method: string): boolean =>
    was.methods.some((each) => coversRpcMethod(each, method));
  if (!is.methods.every(isKnown)) return true;
  return was.tools !== null && is.tools?.every((tool) => was.tools?.includes(tool)) !== true;
}

function contains(outer: string, inner: string): boolean {
  const [one, other] = [parseRange(outer), parseRange(inner)];
  return one !== null && other !== null && rangeContains(one, other);
}

function* secretWidenings(before: Policy, after: Policy, fresh: string): Generator<Widening> {
  const paths = [...before.secrets, ...after.secrets].flatMap((binding) =>
    binding.paths.map((path) => (path.endsWith("/*") ? path.slice(0, -1) + fresh : path)),
  );
  const all = [...new Set([...paths, `/${fresh}`, `/${fresh}%2f`])];
  for (const binding of after.secrets) {
    const known = before.secrets.filter(({ name }) => name === binding.name);
    for (const origin of binding.origins) {
      for (const path of all) {
        const target = parseTarget(origin + path);
        const header = binding.headers.find(
          (each) =>
            target.ok &&
            bindingAllows(binding, target.value, each) &&
            !known.some((old) => bindingAllows(old, target.value, each)),
        );
        if (header === undefined) continue;
        const why = `secret ${binding.name} may stand in ${header} of requests to ${origin}${path}`;
        yield { request: null, why };
      }
    }
  }
}
