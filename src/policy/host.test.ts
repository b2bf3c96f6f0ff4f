import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canonicalHost,
  isCanonicalHost,
  matchHost,
  parseHostPattern,
  parseRuleHost,
} from "./host.ts";

describe("canonicalHost", () => {
  test.each([
    ["EXAMPLE.com", "example.com"],
    ["example.com.", "example.com"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["ＥＸ。com", "ex.com"],
    ["127.1", "127.0.0.1"],
    ["0x7f.1", "127.0.0.1"],
    ["017700000001", "127.0.0.1"],
    ["0", "0.0.0.0"],
    ["1.2.3.4.", "1.2.3.4"],
    ["[::1]", "::1"],
    ["[0:0:0:0:0:0:0:1]", "::1"],
    ["[::FFFF:127.0.0.1]", "::ffff:7f00:1"],
    ["my_bucket.s3.test", "my_bucket.s3.test"],
  ])("canonicalHost writes %s as %s", (text, host) => {
    expect(canonicalHost(text)).toEqual({ ok: true, value: host });
  });

  test.each([
    [""],
    ["."],
    ["a..b"],
    ["a.."],
    [".a"],
    ["attacker.example\0.google.com"],
    ["a b"],
    ["a\u00a0b"],
    ["exa\u00admple.com"],
    ["exa\u200bmple.com"],
    ["good.test@evil.test"],
    ["good.test\\evil.test"],
    ["%65vil.test"],
    ["a/b"],
    ["a:80"],
    ["a:81"],
    ["a?b"],
    ["a#b"],
    ["[fe80::1%25eth0]"],
    ["::1"],
    ["[::1"],
    ["foo.1"],
    ["1.2.3.256"],
    ["-a.test"],
    ["a-.test"],
    ["a!b.test"],
    ["*.a.test"],
    [`${"a".repeat(64)}.test`],
    [`${"a.".repeat(127)}test`],
    ["\ud800.test"],
  ])("canonicalHost refuses %j", (text) => {
    expect(canonicalHost(text).ok).toBe(false);
  });

  test("canonicalHost is idempotent and its answers are the canonical hosts", () => {
    const text = fc.oneof(
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6().map((address) => `[${address}]`),
      fc.string({ maxLength: 30, unit: "binary" }),
      fc.string({ maxLength: 12, unit: fc.constantFrom(...".aZ0x17é。-_:[]%@".split("")) }),
    );
    fc.assert(
      fc.property(text, (input) => {
        const once = canonicalHost(input);
        if (!once.ok) return;
        expect(isCanonicalHost(once.value)).toBe(true);
        const again = once.value.includes(":") ? `[${once.value}]` : once.value;
        expect(canonicalHost(again)).toEqual(once);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("matchHost", () => {
  test.each([
    ["example.com", "example.com", true],
    ["example.com", "www.example.com", false],
    ["example.com", "evil-example.com", false],
    ["*.example.com", "a.example.com", true],
    ["*.example.com", "a.b.example.com", true],
    ["*.example.com", "example.com", false],
    ["*.example.com", "evil-example.com", false],
    ["*.example.com", "evilexample.com", false],
    ["*.example.com", "a.example.com.", false],
    ["*.example.com", "evil.test\0.example.com", false],
    ["*.example.com", "A.example.com", false],
    ["*.example.com", ".example.com", false],
    ["*.example.com", "a.example.com.evil.test", false],
    ["*.example.com", "x@a.example.com", false],
    ["*.0.0.1", "127.0.0.1", false],
    ["127.0.0.1", "127.0.0.1", true],
    ["::1", "::1", true],
    ["*.", "a.", false],
    ["", "", false],
    ["*", "example.com", false],
    ["EXAMPLE.com", "example.com", false],
  ])("matchHost of %j on %j is %s", (pattern, host, expected) => {
    expect(matchHost(pattern, host)).toBe(expected);
  });
});

describe("parseHostPattern", () => {
  test.each([
    ["api.example.com", { host: "api.example.com", port: null, wildcard: false }],
    ["api.example.com:8443", { host: "api.example.com", port: 8443, wildcard: false }],
    ["*.example.com", { host: "*.example.com", port: null, wildcard: true }],
    ["*.example.co.uk:443", { host: "*.example.co.uk", port: 443, wildcard: true }],
    ["localhost", { host: "localhost", port: null, wildcard: false }],
    ["localhost:3000", { host: "localhost", port: 3000, wildcard: false }],
    ["xn--bcher-kva.example", { host: "xn--bcher-kva.example", port: null, wildcard: false }],
  ])("parseHostPattern reads %s", (text, pattern) => {
    expect(parseHostPattern(text)).toEqual({ ok: true, value: pattern });
  });

  test.each([
    ["", "bare *"],
    ["*", "bare *"],
    ["*.", "bare *"],
    ["*.com", "public suffix"],
    ["*.co.uk", "public suffix"],
    ["*.ck", "public suffix"],
    ["*.kawasaki.jp", "public suffix"],
    ["*.localhost", "public suffix"],
    ["*.*.example.com", "first label"],
    ["a.*.example.com", "first label"],
    ["ex*mple.com", "first label"],
    ["https://example.com", "scheme"],
    ["example.com/path", "path"],
    ["EXAMPLE.com", '"example.com"'],
    ["*.EXAMPLE.com", '"*.example.com"'],
    ["bücher.example", '"xn--bcher-kva.example"'],
    ["example.com.", 'trailing dot: "example.com"'],
    ["a..example.com", "empty label"],
    [".example.com", "empty label"],
    ["127.0.0.1", "IP literal"],
    ["127.1", "IP literal"],
    ["[::1]", "IP literal"],
    ["[::1]:443", "IP literal"],
    ["example.com:0", "port"],
    ["example.com:65536", "port"],
    ["example.com:080", "port"],
    ["example.com:", "port"],
    ["user@example.com", "@"],
    ["example.com\n", "whitespace"],
    ["a".repeat(2000), "1024"],
  ])("parseHostPattern refuses %j and says %s", (text, reason) => {
    const parsed = parseHostPattern(text);
    expect(parsed.ok ? "accepted" : parsed.error).toContain(reason);
  });

  test("parseRuleHost takes an IP literal only when :addresses names it", () => {
    expect(parseRuleHost("127.0.0.1", ["127.0.0.0/8"])).toEqual({
      ok: true,
      value: { host: "127.0.0.1", port: null, wildcard: false },
    });
    expect(parseRuleHost("127.0.0.1:8080", ["127.0.0.1"])).toEqual({
      ok: true,
      value: { host: "127.0.0.1", port: 8080, wildcard: false },
    });
    expect(parseRuleHost("::1", ["::1/128"])).toEqual({
      ok: true,
      value: { host: "::1", port: null, wildcard: false },
    });
    expect(parseRuleHost("[::1]:8080", ["::/0"])).toEqual({
      ok: true,
      value: { host: "::1", port: 8080, wildcard: false },
    });
    expect(parseRuleHost("127.0.0.1", []).ok).toBe(false);
    expect(parseRuleHost("127.0.0.1", ["10.0.0.0/8", "::/0", "127.0.0.0/33", "x"]).ok).toBe(false);
    expect(parseRuleHost("127.1", ["127.0.0.0/8"]).ok).toBe(false);
    expect(parseRuleHost("0:0:0:0:0:0:0:1", ["::1/128"]).ok).toBe(false);
    expect(parseRuleHost("api.example.com", [])).toEqual({
      ok: true,
      value: { host: "api.example.com", port: null, wildcard: false },
    });
  });
});
