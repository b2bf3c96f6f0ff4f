import { describe, expect, test } from "vitest";
import { loadConfig } from "../../config/index.ts";
import { MICROVM } from "../../config/sample-config.ts";
import { SAMPLE_IMAGES, sampleVm } from "./sample-vm.ts";
import { allocateCid, CID_MAX, synthesizeVm } from "./vm-model.ts";

const random = Uint8Array.from({ length: 16 }, (_, at) => 0xf0 + at);
const given = { random, agentDigest: null, images: SAMPLE_IMAGES };

function configOf(source: string) {
  const { config, findings } = loadConfig(source, { file: "a.rtfs" });
  if (config === null) throw new Error(JSON.stringify(findings));
  return config;
}

describe("synthesizeVm", () => {
  test("takes each figure from its field", () => {
    const config = configOf(
      MICROVM.replace(":vcpus 1", ":vcpus 3").replace(":mem_mb 256", ":mem_mb 300"),
    );
    const model = synthesizeVm(config, given);
    expect(model).toMatchObject({
      vcpus: 3,
      memoryMib: 300,
      kernelWords: "console=none",
      vsock: { cid: 3, controlPort: 1024, egressPort: 3128 },
      nic: { namespace: "ns", mtu: 1500 },
      limits: { cpuPercent: 300, memoryBytes: (300 + 128) * 1024 * 1024 },
    });
  });

  test("has no card and no way out unless the config has them", () => {
    const air = MICROVM.replace(":nic {:enabled true", ":nic {:enabled false").replace(
      ":network {:enabled true",
      ":network {:enabled false",
    );
    const model = synthesizeVm(configOf(air), given);
    expect(model.nic).toBeNull();
    expect(model.vsock.egressPort).toBeNull();
  });

  test("names nothing after the agent, and two machines never alike", () => {
    const config = configOf(MICROVM);
    const one = synthesizeVm(config, given);
    const other = synthesizeVm(config, { ...given, random: random.map((byte) => byte ^ 0xff) });
    expect(JSON.stringify(one)).not.toContain("agent.a");
    expect(one.instance).toMatch(/^[0-9a-f]{32}$/);
    expect(one.instance).not.toBe(other.instance);
    expect(one.nic?.device).not.toBe(other.nic?.device);
    expect(one.nic?.mac).not.toBe(other.nic?.mac);
  });

  test("keeps a device's name within 15 characters and its address local and unicast", () => {
    const { nic } = sampleVm({ nicNamespace: "egress" });
    expect(nic?.device).toMatch(/^tp[0-9a-f]{8}$/);
    expect(nic?.mac).toMatch(/^02(?::[0-9a-f]{2}){5}$/);
  });

  test.each([
    ["no microVM block", '(agent.config :agent-id "a")', "microvm"],
    ["a writable root", MICROVM.replace(":ro true", ":ro false"), "microvm.rootfs.ro"],
    [
      "no vsock",
      MICROVM.replace(":vsock {:enabled true", ":vsock {:enabled false"),
      "microvm.devices.vsock",
    ],
    ["33 CPUs", MICROVM.replace(":vcpus 1", ":vcpus 33"), "microvm.resources.vcpus"],
    ["63 MiB", MICROVM.replace(":mem_mb 256", ":mem_mb 63"), "microvm.resources.mem_mb"],
    ["the host's own cid", MICROVM.replace(":cid 3", ":cid 2"), "microvm.devices.vsock.cid"],
    [
      "the cid that means any",
      MICROVM.replace(":cid 3", ":cid 4294967295"),
      "microvm.devices.vsock.cid",
    ],
    [
      "a namespace that is a path",
      MICROVM.replace('"ns"', '"../ns"'),
      "microvm.devices.nic.proxy_ns",
    ],
  ])("refuses %s", (_what, source, path) => {
    expect(() => synthesizeVm(configOf(source), given)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", details: { path } }),
    );
  });

  test("refuses to name a machine by too little randomness", () => {
    expect(() => sampleVm({ random: new Uint8Array(15) })).toThrow(RangeError);
  });
});

describe("allocateCid", () => {
  test("gives the wished id, else the next that nobody has", () => {
    expect(allocateCid(3, new Set())).toBe(3);
    expect(allocateCid(3, new Set([3, 4, 6]))).toBe(5);
    expect(allocateCid(CID_MAX, new Set([CID_MAX]))).toBe(3);
  });

  test.each([0, 1, 2, CID_MAX + 1, 3.5, Number.NaN])("refuses %d", (cid) => {
    expect(() => allocateCid(cid, new Set())).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  });
});
