import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addressBytes,
  isAddressLiteral,
  parseRange,
  rangeContains,
  rangesName,
} from "./address.ts";

test("addressBytes answers the bytes of canonical literals", () => {
  expect(addressBytes("127.0.0.1")).toEqual([127, 0, 0, 1]);
  expect(addressBytes("::1")).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  expect(addressBytes("2001:db8::ff00:42")).toEqual([
    32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 66,
  ]);
});

test.each([
  ["1.2.3"],
  ["1.2.3.256"],
  ["01.2.3.4"],
  ["1.2.3.4.5"],
  ["::1::"],
  [":::"],
  ["1:2:3:4:5:6:7"],
  ["1:2:3:4:5:6:7:8:9"],
  ["1:2:3:4::5:6:7:8"],
  ["12345::"],
  ["::ffff:1.2.3.4"],
  ["localhost"],
  ["dead.beef"],
])("addressBytes refuses %s", (text) => {
  expect(addressBytes(text)).toBe(null);
});

test("addressBytes understands every literal in WHATWG's canonical form, and no more than net does", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6().map((text) => `[${text}]`),
      ),
      (text) => {
        const hostname = new URL(`http://${text}/`).hostname.replace(/^\[(.*)\]$/, "$1");
        expect(isAddressLiteral(hostname)).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
  const unit = fc.constantFrom(..."0129af:.".split(""));
  fc.assert(
    fc.property(fc.string({ maxLength: 20, unit }), (text) => {
      if (isAddressLiteral(text)) expect(isIPv4(text) || isIPv6(text)).toBe(true);
    }),
    { numRuns: 20000 },
  );
});

test.each([
  [["127.0.0.0/8"], "127.255.0.1", true],
  [["127.0.0.0/8"], "128.0.0.1", false],
  [["10.0.0.0/9"], "10.127.0.1", true],
  [["10.0.0.0/9"], "10.128.0.1", false],
  [["0.0.0.0/0"], "8.8.8.8", true],
  [["0.0.0.0/0"], "::1", false],
  [["fd00::/8"], "fd12::1", true],
  [["fd00::/8"], "fe00::1", false],
  [["192.168.1.7"], "192.168.1.7", true],
  [["192.168.1.7/33", "192.168.1.7/08", "192.168.1.7/", "/8", ""], "192.168.1.7", false],
  [["127.0.0.0/8"], "localhost", false],
])("rangesName of %j for %s is %s", (ranges, literal, expected) => {
  expect(rangesName(ranges, literal)).toBe(expected);
});

test("rangeContains compares whole ranges", () => {
  const outer = parseRange("10.0.0.0/8");
  const inner = parseRange("10.1.0.0/16");
  if (outer === null || inner === null) throw new Error("ranges did not parse");
  expect(rangeContains(outer, inner)).toBe(true);
  expect(rangeContains(inner, outer)).toBe(false);
  expect(rangeContains({ ...outer, bits: 16 }, outer)).toBe(false);
});
