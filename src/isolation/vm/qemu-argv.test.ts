import { describe, expect, test } from "vitest";
import { kernelLine } from "./kernel-cmdline.ts";
import { type Acceleration, qemuArgv, type QemuPaths } from "./qemu-argv.ts";
import { SAMPLE_IMAGES, sampleVm } from "./sample-vm.ts";

const PATHS: QemuPaths = {
  qemu: "/usr/bin/qemu-system-x86_64",
  setpriv: "/usr/bin/setpriv",
  unshare: "/usr/bin/unshare",
  prlimit: "/usr/bin/prlimit",
  nsenter: "/usr/bin/nsenter",
  kernel: "/proc/self/fd/4",
  initrd: null,
  root: "/proc/self/fd/5",
  store: "/proc/self/fd/6",
  directory: "/run/x",
};

function argv(
  acceleration: Acceleration,
  change: Parameters<typeof sampleVm>[0] = {},
  paths: Partial<QemuPaths> = {},
): readonly string[] {
  const model = sampleVm(change);
  const line = kernelLine(model, {
    monitor: "qemu",
    tscKhz: acceleration === "tcg" ? 2_596_124 : null,
  });
  if (!line.ok) throw new Error("no line");
  return qemuArgv(model, { ...PATHS, ...paths }, { acceleration, line: line.value });
}

/** The values of an option, in order. */
function values(words: readonly string[], option: string): readonly string[] {
  return words.filter((_, at) => words[at - 1] === option);
}

describe("qemuArgv", () => {
  test("is the line that was booted, jailed", () => {
    expect(argv("tcg").join(" ")).toBe(
      [
        "/usr/bin/setpriv --pdeathsig KILL --no-new-privs",
        "/usr/bin/unshare --user --net --ipc --uts --",
        "/usr/bin/prlimit --nofile=256 --core=0 --fsize=16777216 --",
        "/usr/bin/qemu-system-x86_64",
        "-M microvm,acpi=on,pcie=off,pic=on,pit=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off",
        "-accel tcg,thread=single,tb-size=128 -cpu max -smp 1 -m 256",
        "-nodefaults -no-user-config -display none -no-reboot",
        "-action reboot=shutdown,panic=exit-failure -device pvpanic -kernel /proc/self/fd/4",
        "-append console=ttyS0 pci=off reboot=t panic=-1 nomodule tsc_early_khz=2596124 tsc=reliable no_timer_check quiet loglevel=1 random.trust_cpu=on sysctl.kernel.unprivileged_bpf_disabled=1 sysctl.kernel.kptr_restrict=2 sysctl.kernel.dmesg_restrict=1 sysctl.user.max_user_namespaces=0 sysctl.kernel.kexec_load_disabled=1 root=/dev/vda ro rootfstype=squashfs init=/init ccos.control=serial ccos.end=reboot ccos.store=1 ccos.egress=1",
        "-drive id=d0,file=/proc/self/fd/5,format=raw,if=none,readonly=on -device virtio-blk-device,drive=d0",
        "-drive id=d1,file=/proc/self/fd/6,format=raw,if=none,readonly=on -device virtio-blk-device,drive=d1,serial=caps",
        "-device virtio-serial-device",
        "-chardev socket,id=p0,path=/run/x/control.sock,server=off -device virtserialport,chardev=p0,name=ccos.control",
        "-chardev socket,id=p1,path=/run/x/egress.sock,server=off -device virtserialport,chardev=p1,name=ccos.egress",
        "-chardev socket,id=p2,path=/run/x/init.sock,server=off -device virtserialport,chardev=p2,name=ccos.init",
        "-object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-device,rng=rng0,max-bytes=65536,period=1000",
        "-chardev file,id=console,path=/run/x/console.log -serial chardev:console",
        "-chardev socket,id=qmp,path=/run/x/qmp.sock,server=on,wait=off -mon chardev=qmp,mode=control",
        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      ].join(" "),
    );
  });

  test("with KVM has its processor, no old timers and no words for a clock", () => {
    const words = argv("kvm");
    expect(values(words, "-accel")).toEqual(["kvm"]);
    expect(values(words, "-cpu")).toEqual(["host"]);
    expect(values(words, "-M")[0]).toContain("pic=off,pit=off,rtc=off");
    expect(values(words, "-append")[0]).not.toContain("tsc");
  });

  test("has no network device unless the config has one, and then in the proxy's namespace", () => {
    expect(argv("kvm").join(" ")).not.toMatch(/-netdev|virtio-net|nsenter/);
    const words = argv("kvm", { nicNamespace: "egress" });
    expect(words.slice(4, 12)).toEqual([
      "/usr/bin/nsenter",
      "--net=/run/netns/egress",
      "--",
      "/usr/bin/unshare",
      "--user",
      "--ipc",
      "--uts",
      "--",
    ]);
    expect(values(words, "-netdev")).toEqual([
      "tap,id=net0,ifname=tp00010203,script=no,downscript=no",
    ]);
    expect(words).toContain("virtio-net-device,netdev=net0,mac=02:04:05:06:07:08,host_mtu=1500");
  });

  test("opens every disk read-only and raw, and leaves out what the machine does not have", () => {
    for (const drive of values(argv("kvm"), "-drive"))
      expect(drive).toMatch(/,format=raw,if=none,readonly=on$/);
    const bare = argv(
      "kvm",
      { images: { ...SAMPLE_IMAGES, store: null }, egress: false },
      { store: null },
    );
    expect(values(bare, "-drive")).toHaveLength(1);
    expect(bare.join(" ")).not.toContain("egress");
    expect(values(argv("kvm", {}, { initrd: "/i" }), "-initrd")).toEqual(["/i"]);
  });

  test("a comma in a path ends no option", () => {
    const words = argv("kvm", {}, { root: "/a,readonly=off" });
    expect(values(words, "-drive")[0]).toBe(
      "id=d0,file=/a,,readonly=off,format=raw,if=none,readonly=on",
    );
  });
});
