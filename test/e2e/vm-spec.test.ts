/** `ccos vm spec` as a user runs it: the same spec as the library's, for the example that is shipped. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT, type Sandbox, sandbox } from "./ccos.ts";

const EXAMPLE = readFileSync(join(ROOT, "examples", "agent.config.microvm.rtfs"), "utf8");
const MONITORS = ["firecracker", "cloud-hypervisor", "qemu"] as const;

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
  box.write("agent.rtfs", EXAMPLE);
  box.write("process.rtfs", '(agent.config :agent-id "a")');
  box.write("words.rtfs", EXAMPLE.replace('"console=none"', '"console=none init=/bin/sh"'));
  box.write("quiet.rtfs", EXAMPLE.replace('"console=none"', '"panic=0 lockdown=integrity"'));
});
afterAll(() => box.remove());

/** The spec without what differs from machine to machine: its name, and the digest of the file. */
function masked(text: string, golden: string): string {
  const { instance, argv } = JSON.parse(text) as { instance: string; argv: string[] };
  const known = JSON.parse(golden) as { instance: string };
  expect(instance).toMatch(/^[0-9a-f]{32}$/);
  expect(instance).not.toBe(known.instance);
  expect(argv.length).toBeGreaterThan(10);
  const mac = (hex: string): string => `02:${hex.slice(8, 18).match(/../g)?.join(":") ?? ""}`;
  return text
    .replaceAll(instance, known.instance)
    .replaceAll(`tp${instance.slice(0, 8)}`, `tp${known.instance.slice(0, 8)}`)
    .replaceAll(mac(instance), mac(known.instance))
    .replaceAll(/ccos\.agent=sha256:[0-9a-f]{64}/g, `ccos.agent=sha256:${"ab".repeat(32)}`)
    .replaceAll(`${box.dir}/`, "/agent/");
}

describe("ccos vm spec", () => {
  test.each(MONITORS)(
    "--vmm %s --json prints what the library makes of the example",
    async (vmm) => {
      const golden = readFileSync(join(ROOT, "test", "contract", "vmm", `${vmm}.golden`), "utf8");
      const clock = vmm === "qemu" ? ["--tsc-khz", "2596124"] : [];
      const done = await box.run(["vm", "spec", "agent.rtfs", "--vmm", vmm, ...clock, "--json"]);
      expect(done, done.stderr).toMatchObject({ status: 0, stderr: "" });
      expect(JSON.parse(masked(done.stdout, golden))).toEqual(JSON.parse(golden));
    },
  );

  test("prints files, command and calls in order, one a line", async () => {
    const { stdout, stderr, status } = await box.run([
      "vm",
      "spec",
      "--vmm",
      "firecracker",
      "quiet.rtfs",
    ]);
    expect(status, stderr).toBe(0);
    const verbs = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ").slice(0, 2).join(" "));
    expect(verbs.map((each) => each.replace(/^stage .*/, "stage"))).toEqual([
      "stage",
      "stage",
      "stage",
      "exec /usr/bin/setpriv",
      "GET /version",
      "PUT /logger",
      "PUT /metrics",
      "PUT /machine-config",
      "PUT /boot-source",
      "PUT /drives/rootfs",
      "PUT /drives/caps",
      "PUT /network-interfaces/eth0",
      "PUT /vsock",
      "PUT /entropy",
      "PUT /actions",
    ]);
    expect(stderr).toContain("note   panic=0 is set by the host instead");
    expect(stderr).toContain("agent-rootfs.img  sha256:26df7c10");
  });

  test.each([
    [64, "no monitor", ["agent.rtfs"]],
    [64, "an unknown monitor", ["agent.rtfs", "--vmm", "vmware"]],
    [
      64,
      "a clock for a monitor that has none",
      ["agent.rtfs", "--vmm", "firecracker", "--tsc-khz", "1"],
    ],
    [64, "a clock that is no number", ["agent.rtfs", "--vmm", "qemu", "--tsc-khz", "0x10"]],
    [65, "a config without a microVM", ["process.rtfs", "--vmm", "qemu"]],
    [65, "a kernel word that undoes the wall", ["words.rtfs", "--vmm", "qemu"]],
    [65, "no such file", ["absent.rtfs", "--vmm", "qemu"]],
  ])("%i: %s", async (status, _what, args) => {
    const done = await box.run(["vm", "spec", ...args]);
    expect(done.status, done.stderr).toBe(status);
    expect(done.stdout).toBe("");
  });
});
