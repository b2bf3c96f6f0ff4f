/**
 * The narrowest config change that would grant exactly one refused request.
 *
 * Written in the config's own spelling. Never proposes a wildcard, a second port or a second
 * method; where a path cannot be written as a pattern, the text says that it is left open.
 *
 * @module
 */
import { isAddressLiteral } from "./address.ts";
import { quote, withoutQuery } from "./display.ts";
import { widthOf } from "./host.ts";
import { parsePathPattern } from "./path-pattern.ts";
import type { ResourceRequest } from "./types.ts";

const METHOD = /^[A-Z]{1,16}$/;

/** For a capability that no rule grants. */
export function capabilityFix(capability: string): string {
  return `Add ${quote(capability)} to :capabilities :allow`;
}

/** For an http request or a tunnel that no egress rule grants. */
export function egressFix(request: Extract<ResourceRequest, { kind: "http" | "connect" }>): string {
  const { host, port } = request.kind === "http" ? request.target : request;
  const addresses = isAddressLiteral(host) ? ` :addresses ["${host}/${widthOf(host)}"]` : "";
  const head = `Add to :network :egress :rules {:host "${host}"`;
  if (request.kind === "connect") return `${head} :ports [${port}] :tunnel true${addresses}}`;
  const { scheme, path } = request.target;
  if (!METHOD.test(request.method)) return "Send a method in upper-case letters, such as GET";
  const bare = withoutQuery(path);
  const exact = bare.endsWith("/*") ? null : parsePathPattern(bare);
  const paths = exact?.ok === true ? ` :paths [${JSON.stringify(bare)}]` : "";
  const open =
    paths === "" ? " (this path cannot be written as a pattern; all paths are open)" : "";
  const where = `:schemes [:${scheme}] :ports [${port}] :methods [:${request.method}]`;
  return `${head} ${where}${paths}${addresses}}${open}`;
}

/** For a path outside of, or beyond the mode of, every file rule. */
export function fileFix(path: string, write: boolean): string {
  return `Add to :capabilities :fs :paths {:path ${quote(path)} :mode ${write ? ":rw" : ":ro"}}`;
}

/** For a variable that is not declared. */
export function environmentFix(name: string): string {
  return `Declare ${quote(name)} under :env`;
}
