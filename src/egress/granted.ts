/**
 * A request that was read: decided once, with its secrets in, and as it goes on the wire.
 *
 * @module
 */
import type { Readable } from "node:stream";
import type { RawFields, ServedRequest } from "../host/index.ts";
import { type Authority, type EgressRule, formatHost, type HttpTarget } from "../policy/index.ts";
import { forbiddenIn, searchPart } from "./guarded-body.ts";
import type { ProxiedRequest } from "./proxied-request.ts";
import type { ProxyTarget, Room } from "./proxy-types.ts";
import { type Denied, denial, isDenied, printable, ruleOf } from "./proxy-verdict.ts";
import { shownUrl } from "./redirect.ts";
import { putSecretsIn } from "./secrets.ts";
import type { Failure } from "./types.ts";

/** A request that may go out, under its rule and with its secrets in. */
export interface Granted {
  readonly target: ProxyTarget;
  readonly rule: EgressRule;
  readonly asked: ProxiedRequest;
  readonly fields: RawFields;
  readonly placed: readonly string[];
}

export function targetOf(number: number, { method, target }: ProxiedRequest): ProxyTarget {
  const { host, port } = target;
  return { number, host, port, request: { method, url: shownUrl(target) } };
}

export function unreadTarget(
  { number, inside }: { readonly number: number; readonly inside: Authority | null },
  { method, target }: Pick<ServedRequest, "method" | "target">,
): ProxyTarget {
  const request = { method: printable(method), url: printable(target.replace(/\?.*$/s, "?…")) };
  return { number, host: inside?.host ?? "", port: inside?.port ?? 0, request };
}

/** What a program is told of a denial. */
export function refusalOf({ code, reason, fix }: Denied): Omit<Denied, "rule"> {
  return { code, reason, fix };
}

/** The one decision, then the secrets, which may only stand where they are bound. */
export function grant(room: Room, target: ProxyTarget, asked: ProxiedRequest): Granted | Denied {
  const { options } = room;
  const rule = ruleOf(room, options.decideRequest(asked.target, asked.method));
  if (isDenied(rule)) return rule;
  const length = asked.body?.bytes ?? 0;
  if (length > rule.requestBytesMax) {
    return denial(`a request body of ${length} bytes is over ${rule.rule}`, "Send less");
  }
  const filled = putSecretsIn(options.edge, { ...asked, body: null });
  if (!filled.ok) return blocked(filled.error);
  const forbidden = forbiddenIn(options.edge);
  const head = asked.fields.filter(([, value]) => !holdsPlaceholder(room, value));
  for (const [name, value] of [["URL", asked.target.url] as const, ...head]) {
    const failure = searchPart(forbidden, name, value);
    if (failure !== null) return blocked(failure);
  }
  return { target, rule, asked, fields: filled.value.fields, placed: filled.value.placed };
}

/** Such a field was judged when its secret was put in. */
function holdsPlaceholder({ options }: Room, value: string): boolean {
  return options.edge.secrets.some(
    ({ placeholder }) => placeholder !== "" && value.includes(placeholder),
  );
}

function blocked({ code, message }: Failure): Denied {
  return {
    rule: null,
    code,
    reason: message,
    fix: "Send the secret's placeholder, in the header it is bound to, to its origin only",
  };
}

/** The complete header section but for the length of a body that is whole. */
export function wireFields(
  { options }: Room,
  { asked, fields }: Granted,
  body: Readable | Uint8Array | null,
): RawFields {
  const searched = options.edge.secrets.length > 0;
  const coding = searched ? "identity" : asked.acceptEncoding;
  const length = body instanceof Uint8Array ? null : (asked.body?.bytes ?? null);
  return [
    ["host", hostField(asked.target)],
    ...fields,
    ...(coding === null ? [] : [["accept-encoding", coding] as const]),
    ...(length === null ? [] : [["content-length", String(length)] as const]),
  ];
}

function hostField({ scheme, host, port }: HttpTarget): string {
  const standard = port === (scheme === "https" ? 443 : 80);
  return standard ? formatHost(host) : `${formatHost(host)}:${port}`;
}
