import { quote, withoutQuery } from "./display.ts";
import { formatHost } from "./target.ts";
import type { AccessRequest, ResourceRequest, Verdict } from "./types.ts";

/**
 * A verdict as one line for people, without line breaks, control characters or query values.
 *
 * `ALLOWED ccos.network.http-fetch GET https://a.test/x by network.egress.rules[0]`, or
 * `DENIED EGRESS_DENIED …: reason. Fix: …`.
 */
export function explainVerdict(verdict: Verdict, request: AccessRequest): string {
  const subject = [request.capability, ...describeResource(request.resource)].map(plain).join(" ");
  switch (verdict.kind) {
    case "allow":
      return `ALLOWED ${subject} by ${plain(verdict.rule)}`;
    case "ask":
      return `ASK ${subject} by ${plain(verdict.rule)}: ${plain(verdict.question)}`;
    case "deny": {
      const rule = verdict.rule === null ? "" : ` by ${plain(verdict.rule)}`;
      const why = `${plain(verdict.reason)}. Fix: ${plain(verdict.fix)}`;
      return `DENIED ${verdict.code} ${subject}${rule}: ${why}`;
    }
  }
}

function describeResource(resource: ResourceRequest | null): readonly string[] {
  if (resource === null) return [];
  switch (resource.kind) {
    case "http": {
      const { url } = resource.target;
      const shown = withoutQuery(url);
      return [resource.method, shown === url ? url : `${shown}?…`];
    }
    case "connect":
      return ["CONNECT", `${formatHost(resource.host)}:${resource.port}`];
    case "file":
      return [resource.operation, quote(resource.path)];
    case "environment":
      return [quote(resource.name)];
  }
}

/** Already safe text stays as it is; anything else is quoted and escaped. */
function plain(text: string): string {
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text) ? quote(text) : text;
}
