import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAuthority, parseTarget } from "./target.ts";

describe("parseTarget", () => {
  test.each([
    ["https://example.com", ["https", "example.com", 443, "/", "https://example.com/"]],
    ["HTTP://Example.COM:80/a", ["http", "example.com", 80, "/a", "http://example.com/a"]],
    [
      "https://example.com.:8443/a?b=c#d",
      ["https", "example.com", 8443, "/a?b=c", "https://example.com:8443/a?b=c"],
    ],
    ["http://127.1/", ["http", "127.0.0.1", 80, "/", "http://127.0.0.1/"]],
    ["http://[::1]:8080/x", ["http", "::1", 8080, "/x", "http://[::1]:8080/x"]],
    ["https://h/a/../b/./c", ["https", "h", 443, "/b/c", "https://h/b/c"]],
    ["https://h/%2e%2e/%2E/b", ["https", "h", 443, "/b", "https://h/b"]],
    ["https://h?q", ["https", "h", 443, "/?q", "https://h/?q"]],
    [
      "https://bücher.example/é",
      ["https", "xn--bcher-kva.example", 443, "/%C3%A9", "https://xn--bcher-kva.example/%C3%A9"],
    ],
    ["http://h:443/", ["http", "h", 443, "/", "http://h:443/"]],
  ])("parseTarget reads %s", (url, [scheme, host, port, path, canonical]) => {
    expect(parseTarget(url)).toEqual({
      ok: true,
      value: { scheme, host, port, path, url: canonical },
    });
  });

  test.each([
    ["", "not an absolute URL"],
    ["example.com", "not an absolute URL"],
    ["/path", "not an absolute URL"],
    ["//example.com/", "not an absolute URL"],
    ["ftp://example.com/", 'scheme "ftp"'],
    ["javascript:alert(1)", 'scheme "javascript"'],
    ["file:///etc/passwd", 'scheme "file"'],
    ["https:", "host is empty"],
    ["https://", "host is empty"],
    ["https:///a", "host is empty"],
    ["https:/example.com/", "host is empty"],
    ["https:example.com", "host is empty"],
    ["https://:443/", "host is empty"],
    ["https://user@example.com/", "credentials"],
    ["https://user:pass@example.com/", "credentials"],
    ["https://@example.com/", "credentials"],
    ["https://good.test@evil.test/", "credentials"],
    ["https://good.test\\@evil.test/", "backslash"],
    ["https://good.test/\\evil", "backslash"],
    [" https://example.com/", "whitespace"],
    ["https://example.com/a b", "whitespace"],
    ["https://exa\tmple.com/", "whitespace"],
    ["ht\ntps://example.com/", "whitespace"],
    ["https://example.com/\r\nHost: x", "whitespace"],
    ["https://evil.test\0.good.test/", "control"],
    ["https://example.com/\u202e", "control"],
    ["https://%65vil.test/", "%"],
    ["https://example.com:0/", "port"],
    ["https://example.com:65536/", "port"],
    ["https://example.com:0443/", "port"],
    ["https://example.com:/", "port"],
    ["https://example.com:44a/", "port"],
    ["https://example.com:443:80/", "holds a port"],
    ["https://[::1/", "not a host"],
    ["https://[::1%25lo]/", "%"],
    ["https://a..b/", "DNS"],
    [`https://h/${"a".repeat(9000)}`, "8 KiB"],
    [`https://h/${"é".repeat(4000)}`, "8 KiB"],
  ])("parseTarget refuses %j and says %s", (url, reason) => {
    const parsed = parseTarget(url);
    expect(parsed.ok ? "accepted" : parsed.error).toContain(reason);
  });

  test("parseTarget of a canonical URL is the same target", () => {
    const noise = fc.string({
      maxLength: 40,
      unit: fc.constantFrom(..."htps:/.@?#%2eF[]0aé;\\\"'{|".split("")),
    });
    const url = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      noise.map((text) => `http://${text}`),
      noise.map((text) => `https://h/${text}`),
      fc.string({ unit: "binary", maxLength: 20 }).map((text) => `https://a.test:81/${text}`),
    );
    fc.assert(
      fc.property(url, (text) => {
        const target = parseTarget(text);
        if (target.ok) expect(parseTarget(target.value.url)).toEqual(target);
      }),
      { numRuns: 5000 },
    );
  });

  test("parseTarget dials the host that WHATWG URL sees", () => {
    fc.assert(
      fc.property(fc.webUrl(), (text) => {
        const target = parseTarget(text);
        if (target.ok) expect(new URL(text).hostname.replace(/\.$/, "")).toBe(target.value.host);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("parseAuthority", () => {
  test.each([
    ["Example.com:443", "example.com", 443],
    ["example.com.:443", "example.com", 443],
    ["0x7f.1:80", "127.0.0.1", 80],
    ["[::1]:8443", "::1", 8443],
  ])("parseAuthority reads %s with the canonicaliser of parseTarget", (text, host, port) => {
    expect(parseAuthority(text)).toEqual({ ok: true, value: { host, port } });
  });

  test.each([
    ["example.com"],
    ["[::1]"],
    ["::1:443"],
    [":443"],
    ["example.com:0"],
    ["example.com:443/"],
    ["a@example.com:443"],
    ["evil.test\0.google.com:443"],
    ["http://example.com:443"],
    ["example.com:443 "],
    [""],
  ])("parseAuthority refuses %j", (text) => {
    expect(parseAuthority(text).ok).toBe(false);
  });
});
