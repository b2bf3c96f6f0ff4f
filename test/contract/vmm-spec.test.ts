/**
 * What is synthesised for the monitors is what their vendors accept: held against the vendors' own names, types and
 * limits, for the example config literally and for every legal machine.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/index.ts";
import { cloudHypervisorSpec } from "../../src/isolation/vm/cloud-hypervisor-spec.ts";
import { firecrackerSpec, type MonitorCall } from "../../src/isolation/vm/firecracker-spec.ts";
import { kernelLine, type Monitor } from "../../src/isolation/vm/kernel-cmdline.ts";
import { SAMPLE_IMAGES, SAMPLE_VERITY } from "../../src/isolation/vm/sample-vm.ts";
import { MONITORS, vmSpec } from "../../src/isolation/vm/vm-spec.ts";
import { type VmModel, vmOf } from "../../src/isolation/vm/vm-model.ts";
import { callOf, complaint, readFacts } from "./vmm/vendor-facts.ts";

const FILE = "examples/agent.config.microvm.rtfs";
const SOURCE = readFileSync(join(import.meta.dirname, "..", "..", FILE), "utf8");
const FIRECRACKER = readFacts("firecracker");
const CLOUD_HYPERVISOR = readFacts("cloud-hypervisor");

const anyMachine: fc.Arbitrary<VmModel> = fc
  .record({
    random: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    vcpus: fc.integer({ min: 1, max: 32 }),
    memoryMib: fc.integer({ min: 64, max: 1024 * 1024 }),
    cid: fc.integer({ min: 3, max: 4_294_967_294 }),
    nicNamespace: fc.constantFrom(null, "egress-proxy-ns", "n"),
    egress: fc.boolean(),
    kernelWords: fc.constantFrom("", "console=none", "panic=0 lockdown=integrity"),
    agentDigest: fc.constantFrom(null, `sha256:${"0".repeat(64)}`),
    images: fc
      .record({
        // A tree is set up by process 1 of a first root.
        first: fc.constantFrom(
          { initrd: null, verity: null },
          { initrd: "/images/initrd", verity: null },
          { initrd: "/images/initrd", verity: SAMPLE_VERITY },
        ),
        store: fc.constantFrom(null, "/images/store"),
      })
      .map(({ first, store }) => ({ ...SAMPLE_IMAGES, ...first, store })),
  })
  .map(vmOf);

function lineOf(model: VmModel, monitor: Monitor) {
  const line = kernelLine(model, { monitor, tscKhz: null });
  if (!line.ok) throw new Error(JSON.stringify(line.error));
  return line.value;
}

/** Why the vendor would refuse one of these calls. */
function refusals(calls: readonly MonitorCall[], facts: typeof FIRECRACKER): readonly string[] {
  return calls.flatMap(({ method, path, body }) => {
    const found = callOf(facts, method, path);
    if (found === null) return [`${method} ${path}: no such call`];
    if (body === null) return found.call.body === null ? [] : [`${path}: a body is missing`];
    if (found.call.body === null) return [`${path}: it takes no body`];
    const wrong = complaint(facts, found.call.body, body);
    return wrong === null ? [] : [`${path}: ${wrong}`];
  });
}

describe("the example's machine, for each monitor", () => {
  test.each(MONITORS)("%s", async (monitor) => {
    const { config } = loadConfig(SOURCE, { file: FILE });
    if (config === null) throw new Error("the example does not load");
    const spec = vmSpec(config, {
      monitor,
      random: Uint8Array.from({ length: 16 }, (_, at) => 0x10 * at + 1),
      configDirectory: "/agent",
      agentDigest: `sha256:${"ab".repeat(32)}`,
      tscKhz: monitor === "qemu" ? 2_596_124 : null,
    });
    const text = `${JSON.stringify(spec.ok ? spec.value : spec.error, null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(`vmm/${monitor}.golden`);
  });
});

describe("every legal machine", () => {
  test("is a config document and calls that Firecracker's names, types and limits allow", () => {
    fc.assert(
      fc.property(anyMachine, (model) => {
        const { document, calls } = firecrackerSpec(model, lineOf(model, "firecracker"));
        expect(complaint(FIRECRACKER, "FullVmConfiguration", document)).toBeNull();
        expect(refusals(calls, FIRECRACKER)).toEqual([]);
        const sent = calls.map(({ path }) => path.split("/")[1]);
        expect(sent).toEqual(expect.arrayContaining(Object.keys(document)));
        for (const { path, body } of calls) {
          if (body === null || path === "/actions") continue;
          const [, key = "", id] = path.split("/");
          const said = document[key];
          const list = Array.isArray(said) ? said : [said];
          expect(list).toContainEqual(body);
          if (id !== undefined) expect(id).toMatch(/^[A-Za-z0-9_]+$/);
        }
        const roots = (document["drives"] as { is_root_device: boolean }[]).filter(
          (each) => each.is_root_device,
        );
        expect(roots).toHaveLength(model.images.verity === null ? 1 : 0);
      }),
    );
  });

  test("is a body of vm.create that Cloud Hypervisor's names, types and limits allow", () => {
    fc.assert(
      fc.property(anyMachine, (model) => {
        const line = lineOf(model, "cloud-hypervisor");
        const { document, calls } = cloudHypervisorSpec(model, line, "/run/x");
        expect(complaint(CLOUD_HYPERVISOR, "VmConfig", document)).toBeNull();
        expect(refusals(calls, CLOUD_HYPERVISOR)).toEqual([]);
        expect(Object.hasOwn(document, "net")).toBe(model.nic !== null);
      }),
    );
  });

  test("names its host device within 15 characters, and its sockets within 107 below any usual directory", () => {
    fc.assert(
      fc.property(anyMachine, (model) => {
        expect(model.nic?.device.length ?? 0).toBeLessThanOrEqual(15);
        const jailed = `/srv/jailer/firecracker/${model.instance}/root/v.sock_3128`;
        expect(jailed.length).toBeLessThanOrEqual(107);
      }),
    );
  });
});

describe("the judge", () => {
  const body = { vcpu_count: 1, mem_size_mib: 128 };
  test.each([
    [
      "an unknown field",
      "MachineConfiguration",
      { ...body, ht_enabled: false },
      /unknown field `ht_enabled`/,
    ],
    ["a missing field", "MachineConfiguration", { vcpu_count: 1 }, /missing field `mem_size_mib`/],
    [
      "a figure over the limit",
      "MachineConfiguration",
      { ...body, vcpu_count: 33 },
      /33 is outside of 1 to 32/,
    ],
    [
      "a word that is none",
      "MachineConfiguration",
      { ...body, huge_pages: "1G" },
      /expected one of/,
    ],
    ["a wrong type", "MachineConfiguration", { ...body, smt: 0 }, /expected a boolean at \/smt/],
    [
      "a snake-case key at the top",
      "FullVmConfiguration",
      { boot_source: {} },
      /unknown field `boot_source`/,
    ],
    [
      "a fault deep inside",
      "FullVmConfiguration",
      { drives: [{ drive_id: "a", is_root_device: "yes" }] },
      /at \/drives\/0\/is_root_device/,
    ],
    ["the host's cid", "Vsock", { guest_cid: 2, uds_path: "v" }, /2 is outside of 3/],
    ["a list where a map stands", "Vsock", [], /expected a map/],
  ])("refuses %s", (_what, type, value, why) => {
    expect(complaint(FIRECRACKER, type, value)).toMatch(why);
  });

  test("lets through what the vendor takes", () => {
    expect(complaint(FIRECRACKER, "MachineConfiguration", body)).toBeNull();
    expect(complaint(CLOUD_HYPERVISOR, "VmConfig", { payload: {} })).toBeNull();
  });
});
