/**
 * The one parse of a network target: URL text in, canonical target out.
 *
 * Every way to the network (http-fetch, redirects, CONNECT, `why`, `plan`) comes through here, so
 * the value that is decided on is the value that is dialled. WHATWG URL does the parsing; what two
 * parsers could read differently (credentials, backslashes, whitespace, `%` in the host, missing
 * slashes) is refused before it, not repaired.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { quote } from "./display.ts";
import { canonicalHost, FORBIDDEN_CHARACTERS, parsePort } from "./host.ts";
import type { HttpTarget } from "./types.ts";

const URL_BYTES_MAX = 8192;
const SHAPE = /^(https?):\/\/([^/?#]+)(?:[/?#]|$)/i;

/** A CONNECT target. `host` as in HttpTarget. */
export interface Authority {
  readonly host: string;
  /** 1..65535. */
  readonly port: number;
}

/**
 * Parse an absolute `http:` or `https:` URL. Dot segments are resolved, the fragment is dropped,
 * a default port is left out of `url`. `parseTarget(t.url)` answers `t` again.
 *
 * @returns The reason for people when the text is refused: over 8 KiB, another scheme, credentials,
 * control characters or whitespace, no host, port 0, a host DNS cannot carry.
 */
export function parseTarget(url: string): Result<HttpTarget, string> {
  if (url.length > URL_BYTES_MAX) return err("the URL is over 8 KiB");
  if (FORBIDDEN_CHARACTERS.test(url)) {
    return err("the URL holds whitespace, a control character or a backslash");
  }
  const shape = SHAPE.exec(url);
  if (shape === null) return err(shapeReason(url));
  const authority = splitAuthority(shape[2] ?? "");
  if (!authority.ok) return authority;
  const host = canonicalHost(authority.value.host);
  if (!host.ok) return host;
  const parsed = URL.parse(url);
  if (parsed === null) return err(`${quote(url)} is not a URL`);
  const scheme = parsed.protocol === "https:" ? "https" : "http";
  const standard = scheme === "https" ? 443 : 80;
  const port = authority.value.port ?? standard;
  const path = `${parsed.pathname}${parsed.search}`;
  const shown = `${formatHost(host.value)}${port === standard ? "" : `:${port}`}`;
  const canonical = `${scheme}://${shown}${path}`;
  if (canonical.length > URL_BYTES_MAX) return err("the URL is over 8 KiB in canonical form");
  return ok({ scheme, host: host.value, port, path, url: canonical });
}

/** Parse `host:port` of a CONNECT request; the port is required, IPv6 stands in brackets. */
export function parseAuthority(text: string): Result<Authority, string> {
  const authority = splitAuthority(text);
  if (!authority.ok) return authority;
  if (authority.value.port === null) return err("the authority needs a port: host:port");
  const host = canonicalHost(authority.value.host);
  return host.ok ? ok({ host: host.value, port: authority.value.port }) : host;
}

/** The host as it stands in a URL: IPv6 in brackets. */
export function formatHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function splitAuthority(text: string): Result<{ host: string; port: number | null }, string> {
  if (text.length > URL_BYTES_MAX) return err("the authority is over 8 KiB");
  if (text.includes("@")) return err("credentials in a URL are refused; bind a secret to a header");
  const colon = text.lastIndexOf(":");
  if (colon === -1 || text.endsWith("]")) return ok({ host: text, port: null });
  const host = text.slice(0, colon);
  if (host === "") return err("the host is empty");
  const digits = text.slice(colon + 1);
  const port = parsePort(digits);
  if (port !== null) return ok({ host, port });
  return err(
    digits === "" ? "the port is empty" : `${quote(digits)} is not a port from 1 to 65535`,
  );
}

function shapeReason(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]{0,31}):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return `${quote(url)} is not an absolute URL`;
  if (scheme === "http" || scheme === "https") return "the host is empty";
  return `scheme ${quote(scheme)} is not http or https`;
}
