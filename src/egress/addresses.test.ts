import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { refuseAddress } from "./addresses.ts";

describe("refuseAddress", () => {
  test.each([
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "2606:4700:4700::1111",
    "2a00:1450::8a",
  ])("lets a public address pass: %s", (address) => {
    expect(refuseAddress(address, [])).toBe(null);
  });

  test.each([
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["10.1.2.3", "private"],
    ["100.64.0.1", "carrier grade nat"],
    ["100.100.100.200", "carrier grade nat"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["168.63.129.16", "host service"],
    ["169.254.169.254", "link local"],
    ["172.16.0.1", "private"],
    ["192.0.0.192", "reserved"],
    ["192.0.2.1", "reserved"],
    ["192.168.1.1", "private"],
    ["198.18.0.1", ""],
    ["198.51.100.1", "reserved"],
    ["203.0.113.1", "reserved"],
    ["224.0.0.1", "multicast"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "broadcast"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::ffff:127.0.0.1", "ipv4 mapped"],
    ["::ffff:8.8.8.8", "ipv4 mapped"],
    ["::127.0.0.1", ""],
    ["::808:808", ""],
    ["64:ff9b::7f00:1", ""],
    ["64:ff9b:1::1", ""],
    ["100::1", ""],
    ["2001::1", "teredo"],
    ["2001:db8::1", "reserved"],
    ["2002:7f00:1::", "6to4"],
    ["3fff::1", ""],
    ["5f00::1", ""],
    ["fc00::1", "unique local"],
    ["fd00:ec2::254", "unique local"],
    ["fe80::1", "link local"],
    ["fec0::1", ""],
    ["ff02::1", "multicast"],
    ["4000::1", "reserved"],
  ])("refuses %s", (address, word) => {
    expect(refuseAddress(address, [])).toContain(word);
  });

  test.each([
    "",
    "localhost",
    "0x7f.1",
    "127.1",
    "0177.0.0.1",
    "010.8.8.8",
    "2130706433",
    "8.8.8.8 ",
    "8.8.8.8\0",
    "8.8.8.256",
    "fe80::1%eth0",
    "2606:4700::1%1",
    "[::1]",
    "1.1.1.1/32",
  ])("refuses what is not a canonical address: %j", (text) => {
    expect(refuseAddress(text, ["0.0.0.0/0", "::/0"])).toContain("is not an address");
  });

  test("a CIDR of the rule names its own family and width only", () => {
    expect(refuseAddress("127.0.0.1", ["127.0.0.0/8"])).toBe(null);
    expect(refuseAddress("127.0.0.1", ["127.0.0.1"])).toBe(null);
    expect(refuseAddress("::1", ["::1/128"])).toBe(null);
    expect(refuseAddress("::ffff:127.0.0.1", ["127.0.0.0/8"])).not.toBe(null);
    expect(refuseAddress("127.0.0.1", ["::ffff:127.0.0.0/104"])).not.toBe(null);
    expect(refuseAddress("::1", ["127.0.0.0/8"])).not.toBe(null);
    expect(refuseAddress("10.0.0.1", ["127.0.0.0/8"])).not.toBe(null);
  });

  test.each([
    "127.0.0.0/",
    "127.0.0.0/33",
    "127.0.0.0/-1",
    "127.0.0.0/8x",
    "/8",
    "x",
    "",
    "::/129",
  ])("a malformed CIDR names nothing: %j", (cidr) => {
    expect(refuseAddress("127.0.0.1", [cidr])).not.toBe(null);
    expect(refuseAddress("::1", [cidr])).not.toBe(null);
  });

  test("never throws, and every IPv4 outside public unicast is refused, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV4Extended(), fc.ipV6()), (text) => {
        const refused = refuseAddress(text, []);
        const first = Number(/^(\d+)\.\d+\.\d+\.\d+$/.exec(text)?.[1] ?? Number.NaN);
        if ([0, 10, 127].includes(first) || first >= 224) expect(refused).not.toBe(null);
      }),
      { numRuns: 3000 },
    );
  });
});
