/**
 * Request bytes that two readers may read differently, as sent to the proxy. `HOST` stands for the one granted
 * authority; only `/ok` is granted there, and `/evil` is what an attacker would smuggle behind it.
 *
 * `sees`: what the host gets, as `METHOD path body-length`; none: it gets nothing at all.
 */
export interface SmugglingCase {
  readonly name: string;
  readonly bytes: string;
  readonly sees: readonly string[];
  /** What stands behind ends the connection, perhaps before the request was sent on. */
  readonly orNothing?: boolean;
}

const EVIL = "GET http://HOST/evil HTTP/1.1\r\nHost: HOST\r\n\r\n";
const post = (fields: string, body: string): string =>
  `POST http://HOST/ok HTTP/1.1\r\nHost: HOST\r\n${fields}\r\n${body}`;
const get = (line: string, fields = "Host: HOST\r\n"): string => `${line}\r\n${fields}\r\n`;
const OK = "GET http://HOST/ok HTTP/1.1";

const refused = (name: string, bytes: string): SmugglingCase => ({ name, bytes, sees: [] });
const relayed = (name: string, bytes: string, ...sees: string[]): SmugglingCase => ({
  name,
  bytes,
  sees,
});

const either = (name: string, bytes: string, ...sees: string[]): SmugglingCase => ({
  name,
  bytes,
  sees,
  orNothing: true,
});

export const CORPUS: readonly SmugglingCase[] = [
  // The twins that pass: without them the refusals below would prove nothing.
  relayed("a plain request", get(OK), "GET /ok 0"),
  relayed("a length", post("Content-Length: 3\r\n", "abc"), "POST /ok 3"),
  relayed("chunks", post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"), "POST /ok 3"),
  relayed(
    "chunk extensions, dropped",
    post("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n"),
    "POST /ok 3",
  ),
  relayed(
    "trailers, dropped",
    post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nX-Evil: 1\r\n\r\n"),
    "POST /ok 3",
  ),
  relayed(
    "hop fields, dropped",
    get(OK, "Host: HOST\r\nConnection: keep-alive, te\r\nTE: trailers\r\nKeep-Alive: x\r\n"),
    "GET /ok 0",
  ),
  relayed(
    "an expectation, answered here",
    post("Content-Length: 1\r\nExpect: 100-continue\r\n", "x"),
    "POST /ok 1",
  ),
  relayed(
    "dots, resolved before the decision",
    get("GET http://HOST/evil/../ok HTTP/1.1"),
    "GET /ok 0",
  ),
  relayed(
    "the host in capitals with its dot",
    get("GET http://A.TEST.:PORT/ok HTTP/1.1", "Host: A.TEST:PORT\r\n"),
    "GET /ok 0",
  ),
  relayed("an empty line first", `\r\n${get(OK)}`, "GET /ok 0"),
  // Lengths (RFC 9112 §6.3).
  refused(
    "a length and a coding",
    post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a coding and a length",
    post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", `0\r\n\r\n${EVIL}`),
  ),
  refused("two lengths", post("Content-Length: 3\r\nContent-Length: 5\r\n", `abc${EVIL}`)),
  refused("two equal lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", `abc${EVIL}`)),
  refused("a list of lengths", post("Content-Length: 3, 3\r\n", `abc${EVIL}`)),
  refused("a length with a plus", post("Content-Length: +3\r\n", `abc${EVIL}`)),
  refused("a negative length", post("Content-Length: -1\r\n", EVIL)),
  refused("a hexadecimal length", post("Content-Length: 0x3\r\n", `abc${EVIL}`)),
  refused("a length with a fraction", post("Content-Length: 3.0\r\n", `abc${EVIL}`)),
  refused("an empty length", post("Content-Length: \r\n", EVIL)),
  refused("a length beyond numbers", post(`Content-Length: ${"9".repeat(40)}\r\n`, EVIL)),
  refused("a length of over 15 digits", post("Content-Length: 1000000000000000\r\n", EVIL)),
  // Codings.
  refused("another coding", post("Transfer-Encoding: gzip\r\n", EVIL)),
  refused("two codings", post("Transfer-Encoding: gzip, chunked\r\n", `0\r\n\r\n${EVIL}`)),
  refused(
    "chunked before another",
    post("Transfer-Encoding: chunked, identity\r\n", `0\r\n\r\n${EVIL}`),
  ),
  refused(
    "chunked twice",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${EVIL}`),
  ),
  refused(
    "chunked in one list twice",
    post("Transfer-Encoding: chunked, chunked\r\n", `0\r\n\r\n${EVIL}`),
  ),
  refused(
    "chunked with a vertical tab",
    post("Transfer-Encoding: \x0bchunked\r\n", `0\r\n\r\n${EVIL}`),
  ),
  refused("chunked in quotes", post('Transfer-Encoding: "chunked"\r\n', `0\r\n\r\n${EVIL}`)),
  refused(
    "chunked with a parameter",
    post("Transfer-Encoding: chunked;q=1\r\n", `0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a blank before the colon",
    post("Transfer-Encoding : chunked\r\nContent-Length: 3\r\n", `abc${EVIL}`),
  ),
  refused(
    "a coding in HTTP/1.0",
    `POST http://HOST/ok HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${EVIL}`,
  ),
  // Chunks.
  refused(
    "a chunk size with a sign",
    post("Transfer-Encoding: chunked\r\n", `+3\r\nabc\r\n0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a chunk size with 0x",
    post("Transfer-Encoding: chunked\r\n", `0x3\r\nabc\r\n0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a chunk size beyond 64 bits",
    post("Transfer-Encoding: chunked\r\n", `fffffffffffffffff\r\nabc\r\n0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a chunk longer than its size",
    post("Transfer-Encoding: chunked\r\n", `3\r\nabcd\r\n0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a chunk line with a bare LF",
    post("Transfer-Encoding: chunked\r\n", `3\nabc\r\n0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a chunk with a bare LF behind it",
    post("Transfer-Encoding: chunked\r\n", `3\r\nabc\n0\r\n\r\n${EVIL}`),
  ),
  refused(
    "an extension with a bare LF",
    post("Transfer-Encoding: chunked\r\n", `3;a\nb\r\nabc\r\n0\r\n\r\n${EVIL}`),
  ),
  refused(
    "a last chunk with a bare CR",
    post("Transfer-Encoding: chunked\r\n", `0\r\r\n\r\n${EVIL}`),
  ),
  // Lines.
  refused("bare LF", `GET http://HOST/ok HTTP/1.1\nHost: HOST\n\n${EVIL}`),
  refused("a bare LF between fields", get(OK, "Host: HOST\nX: y\r\n")),
  refused("a bare CR in a field", get(OK, "Host: HOST\r\nX: a\rTransfer-Encoding: chunked\r\n")),
  refused("a folded field", get(OK, "Host: HOST\r\nX: a\r\n Transfer-Encoding: chunked\r\n")),
  refused("a folded Host", get(OK, "Host:\r\n HOST\r\n")),
  refused("a NUL in a field", get(OK, "Host: HOST\r\nX: a\0b\r\n")),
  refused("a NUL in the target", get("GET http://HOST/ok\0 HTTP/1.1")),
  refused("a field without a name", get(OK, "Host: HOST\r\n: x\r\n")),
  refused("a field name with a blank", get(OK, "Host: HOST\r\nX Y: z\r\n")),
  refused("a field name that is not ASCII", get(OK, "Host: HOST\r\nX\xe9: z\r\n")),
  refused("a field value that is not ASCII", get(OK, "Host: HOST\r\nX: \xe9\r\n")),
  refused("a line without a colon", get(OK, "Host: HOST\r\nEvil\r\n")),
  refused("a tab as the first blank", get("GET\thttp://HOST/ok HTTP/1.1")),
  relayed("two blanks, made one", get("GET  http://HOST/ok HTTP/1.1"), "GET /ok 0"),
  refused("no version", get("GET http://HOST/ok")),
  refused("another version", get("GET http://HOST/ok HTTP/1.2")),
  refused("version 2 in text", get("GET http://HOST/ok HTTP/2.0")),
  refused("the preface of HTTP/2", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${EVIL}`),
  // Host.
  refused("no Host", get(OK, "X: y\r\n")),
  refused("two Hosts", get(OK, "Host: HOST\r\nHost: HOST\r\n")),
  refused("another Host", get(OK, "Host: evil.test\r\n")),
  refused("the Host with another port", get(OK, "Host: a.test:1\r\n")),
  refused("the Host without its port", get(OK, "Host: a.test\r\n")),
  refused("a Host with credentials", get(OK, "Host: x@HOST\r\n")),
  refused("a Host with a path", get(OK, "Host: HOST/evil\r\n")),
  refused("a Host list", get(OK, "Host: HOST, evil.test\r\n")),
  // Targets.
  refused("an origin-form target", get("GET /ok HTTP/1.1")),
  refused("an asterisk", get("OPTIONS * HTTP/1.1")),
  refused("credentials in the target", get("GET http://x@HOST/ok HTTP/1.1")),
  refused("https in the open", get("GET https://HOST/ok HTTP/1.1")),
  refused("another scheme", get("GET ftp://HOST/ok HTTP/1.1")),
  refused("a fragment", get("GET http://HOST/ok#/evil HTTP/1.1")),
  refused("a backslash", get("GET http://HOST\\@evil.test/ok HTTP/1.1")),
  refused("one slash", get("GET http:/HOST/ok HTTP/1.1")),
  refused("a target that is not ASCII", get("GET http://HOST/\xe9 HTTP/1.1")),
  refused("encoded dots", get("GET http://HOST/ok/%2e%2e/evil HTTP/1.1")),
  refused("another path", get("GET http://HOST/evil HTTP/1.1")),
  // Methods.
  refused("a method in small letters", get("get http://HOST/ok HTTP/1.1")),
  refused("TRACE", get("TRACE http://HOST/ok HTTP/1.1")),
  refused("a method that no rule has", get("DELETE http://HOST/ok HTTP/1.1")),
  // Connection.
  refused("Connection names Host", get(OK, "Host: HOST\r\nConnection: host\r\n")),
  refused(
    "Connection names a length",
    post("Content-Length: 3\r\nConnection: content-length\r\n", `abc${EVIL}`),
  ),
  refused(
    "an upgrade to HTTP/2",
    get(
      OK,
      "Host: HOST\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    ),
  ),
  refused(
    "an upgrade that Connection does not name",
    get(OK, "Host: HOST\r\nUpgrade: websocket\r\n"),
  ),
  refused("an odd expectation", post("Content-Length: 1\r\nExpect: evil\r\n", "x")),
  refused("a field given twice", get(OK, "Host: HOST\r\nAuthorization: a\r\nAuthorization: b\r\n")),
  // What stands behind a whole request is no part of it.
  either("a request behind a request, while the first is open", get(OK) + EVIL, "GET /ok 0"),
  either("a body where none was announced", `${get(OK)}GET /evil HTTP/1.1\r\n\r\n`, "GET /ok 0"),
  either("more than the length", post("Content-Length: 3\r\n", `abc${EVIL}`), "POST /ok 3"),
  either(
    "a tunnel behind a request",
    `${get(OK)}CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n${EVIL}`,
    "GET /ok 0",
  ),
];
