/**
 * What a record, a line on the screen and an error show of a resource: enough to recognise it,
 * without query values, which often carry credentials.
 *
 * @module
 */
import { unreachable } from "../foundation/result.ts";
import type { ResourceRequest } from "../policy/index.ts";

export function describeResource(resource: ResourceRequest): string {
  switch (resource.kind) {
    case "http":
      return `${resource.method} ${redactUrl(resource.target.url)}`;
    case "connect":
      return `CONNECT ${resource.host}:${resource.port}`;
    case "file":
      return `${resource.operation} ${resource.path}`;
    case "environment":
      return resource.name;
    default:
      return unreachable(resource);
  }
}

/** Keep scheme, host, path and the names of query parameters; drop their values. */
export function redactUrl(url: string): string {
  const query = url.indexOf("?");
  if (query < 0) return url;
  const names = url
    .slice(query + 1)
    .split("&")
    .map((pair) => `${pair.split("=", 1)[0]}=…`);
  return `${url.slice(0, query)}?${names.join("&")}`;
}
