import { describe, expect, test } from "vitest";
import { kernelLine, type Monitor } from "./kernel-cmdline.ts";
import { SAMPLE_IMAGES, SAMPLE_VERITY, sampleVm } from "./sample-vm.ts";

const MONITORS: readonly Monitor[] = ["firecracker", "cloud-hypervisor", "qemu"];

function line(
  monitor: Monitor,
  change: Parameters<typeof sampleVm>[0] = {},
  tscKhz: number | null = null,
) {
  return kernelLine(sampleVm(change), { monitor, tscKhz });
}

function textOf(...args: Parameters<typeof line>): string {
  const made = line(...args);
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  return made.value.text;
}

describe("kernelLine", () => {
  test("says how a guest ends, for each monitor as that one understands it", () => {
    expect(textOf("firecracker")).toBe(
      "console=none reboot=k panic=1 8250.nr_uarts=0 swiotlb=noforce i8042.noaux i8042.nomux i8042.dumbkbd nomodule quiet loglevel=1 random.trust_cpu=on sysctl.kernel.unprivileged_bpf_disabled=1 sysctl.kernel.kptr_restrict=2 sysctl.kernel.dmesg_restrict=1 sysctl.user.max_user_namespaces=0 sysctl.kernel.kexec_load_disabled=1 ro rootfstype=squashfs init=/init ccos.control=vsock ccos.end=reboot ccos.store=1 ccos.egress=1",
    );
    expect(textOf("cloud-hypervisor")).toBe(
      "console=none panic=0 8250.nr_uarts=0 nomodule quiet loglevel=1 random.trust_cpu=on sysctl.kernel.unprivileged_bpf_disabled=1 sysctl.kernel.kptr_restrict=2 sysctl.kernel.dmesg_restrict=1 sysctl.user.max_user_namespaces=0 sysctl.kernel.kexec_load_disabled=1 root=/dev/vda ro rootfstype=squashfs init=/init ccos.control=vsock ccos.end=poweroff ccos.store=1 ccos.egress=1",
    );
    expect(textOf("qemu")).toBe(
      "console=ttyS0 pci=off reboot=t panic=-1 nomodule quiet loglevel=1 random.trust_cpu=on sysctl.kernel.unprivileged_bpf_disabled=1 sysctl.kernel.kptr_restrict=2 sysctl.kernel.dmesg_restrict=1 sysctl.user.max_user_namespaces=0 sysctl.kernel.kexec_load_disabled=1 root=/dev/vda ro rootfstype=squashfs init=/init ccos.control=serial ccos.end=reboot ccos.store=1 ccos.egress=1",
    );
  });

  test.each(MONITORS)("%s: a word of the config never undoes one of the host's", (monitor) => {
    const made = line(monitor, { kernelWords: "panic=0 lockdown=integrity quiet loglevel=8" });
    expect(made).toMatchObject({
      ok: true,
      value: { overruled: ["panic=0", "quiet", "loglevel=8"] },
    });
    const words = textOf(monitor, { kernelWords: "panic=0 lockdown=integrity loglevel=8" }).split(
      " ",
    );
    expect(words[0]).toBe("lockdown=integrity");
    expect(words.filter((word) => word.startsWith("loglevel"))).toEqual(["loglevel=1"]);
    expect(words.filter((word) => word.startsWith("panic"))).toHaveLength(1);
  });

  test.each([
    "init=/bin/sh",
    "rdinit=/x",
    "root=/dev/vdb",
    "rw",
    "ip=dhcp",
    "systemd.unit=x",
    "single",
    "quiet\0",
    'a="b',
    "ccos.end=reboot",
  ])("refuses %j with a finding", (word) => {
    expect(line("firecracker", { kernelWords: `quiet ${word}` })).toMatchObject({
      ok: false,
      error: [
        { code: "KERNEL_CMDLINE_FORBIDDEN", severity: "error", path: "microvm.kernel.cmdline" },
      ],
    });
  });

  test("names each refused word", () => {
    const made = line("qemu", { kernelWords: "rw quiet ip=dhcp" });
    expect(made.ok ? [] : made.error.map((each) => each.message)).toEqual([
      '"rw" may not be set',
      '"ip=dhcp" may not be set',
    ]);
  });

  test("has the clock's words only for a guest in emulation", () => {
    expect(textOf("qemu", {}, 2_596_124)).toContain(
      " tsc_early_khz=2596124 tsc=reliable no_timer_check ",
    );
    expect(textOf("qemu")).not.toContain("tsc");
    expect(() => line("qemu", {}, 0)).toThrow(RangeError);
  });

  test("leaves modules to a kernel that comes with an initramfs", () => {
    const images = { ...SAMPLE_IMAGES, initrd: "/images/initrd" };
    expect(textOf("qemu", { images })).not.toContain("nomodule");
  });

  test("puts the root behind its verity tree", () => {
    const images = { ...SAMPLE_IMAGES, initrd: "/images/initrd", verity: SAMPLE_VERITY };
    const { rootHash, salt } = SAMPLE_VERITY;
    for (const monitor of MONITORS) {
      const text = textOf(monitor, { images });
      expect(text).toContain(` rdinit=/init ccos.vda=277:${rootHash}:${salt} ccos.control=`);
      expect(text).not.toMatch(/root=| init=/);
      // Without a first root nobody would set the tree up.
      expect(() => line(monitor, { images: { ...images, initrd: null } })).toThrow(RangeError);
    }
  });

  test("says nothing of what the machine does not have", () => {
    const images = { ...SAMPLE_IMAGES, store: null };
    expect(textOf("qemu", { images, egress: false })).not.toMatch(/store|egress|agent/);
    expect(textOf("qemu", { agentDigest: "sha256:ab" })).toContain(" ccos.agent=sha256:ab");
  });

  test("is never over the kernel's 2048 bytes, and leaves Firecracker room for its own words", () => {
    const longest = (monitor: Monitor): number => {
      let words = "";
      let length = 0;
      for (let made = line(monitor); made.ok; made = line(monitor, { kernelWords: words })) {
        length = made.value.text.length;
        words += `${words === "" ? "" : " "}nosmt`;
      }
      return length;
    };
    expect(longest("qemu")).toBeLessThanOrEqual(2047);
    expect(longest("qemu")).toBeGreaterThan(2035);
    expect(longest("firecracker")).toBeLessThanOrEqual(2047 - 256);
    const made = line("qemu", { kernelWords: "nosmt ".repeat(400) });
    expect(made).toMatchObject({ ok: false, error: [{ code: "OUT_OF_RANGE" }] });
  });
});
