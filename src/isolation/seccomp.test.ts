import { describe, expect, test } from "vitest";
import { seccompFilter } from "./seccomp.ts";
import { callNumber, type SeccompArch } from "./seccomp-tables.ts";

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const EAFNOSUPPORT = 0x00050061;
const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;

interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args?: readonly number[];
}

/** The kernel's classic BPF machine, as far as a filter may use it. */
function run(program: Uint8Array, call: Call): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const load = (offset: number): number => {
    if (offset === 0) return call.number >>> 0;
    if (offset === 4) return call.arch >>> 0;
    return (call.args?.[(offset - 16) / 8] ?? 0) >>> 0;
  };
  let word = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = view.getUint16(at * 8, true);
    const value = view.getUint32(at * 8 + 4, true);
    const jump = (taken: boolean): void => {
      at += view.getUint8(at * 8 + (taken ? 2 : 3));
    };
    if (code === 0x20) word = load(value);
    else if (code === 0x54) word = (word & value) >>> 0;
    else if (code === 0x15) jump(word === value);
    else if (code === 0x35) jump(word >= value);
    else if (code === 0x25) jump(word > value);
    else if (code === 0x45) jump((word & value) !== 0);
    else if (code === 0x06) return value;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error("fell off the end");
}

describe.each(["x64", "arm64"] as const)("the filter of %s", (arch: SeccompArch) => {
  const none = seccompFilter({ arch, sockets: "none" });
  const some = seccompFilter({ arch, sockets: "unix+inet" });
  const verdict = (filter: Uint8Array, name: string, ...args: number[]): number =>
    run(filter, { arch: AUDIT[arch], number: callNumber(arch, name), args });

  test("lets through what a program needs and every path ends", () => {
    for (const name of ["read", "mmap", "execve", "clone", "futex", "exit_group", "prlimit64"]) {
      expect([name, verdict(none, name)]).toEqual([name, ALLOW]);
    }
    for (let number = 0; number < 600; number++) {
      expect([ALLOW, EPERM, ENOSYS, EAFNOSUPPORT]).toContain(
        run(some, { arch: AUDIT[arch], number }),
      );
    }
  });

  test("refuses with EPERM what reaches the kernel, other processes or unbounded memory", () => {
    for (const name of [
      "ptrace",
      "mount",
      "unshare",
      "setns",
      "bpf",
      "keyctl",
      "userfaultfd",
      "io_uring_setup",
      "perf_event_open",
      "process_vm_writev",
      "pidfd_getfd",
      "memfd_create",
      "memfd_secret",
      "shmget",
      "open_by_handle_at",
      "pivot_root",
    ]) {
      expect([name, verdict(some, name)]).toEqual([name, EPERM]);
    }
  });

  test("hides unknown calls, clone3 among them", () => {
    expect(run(none, { arch: AUDIT[arch], number: 435 })).toBe(ENOSYS);
    expect(run(none, { arch: AUDIT[arch], number: 9_999 })).toBe(ENOSYS);
  });

  test("kills a call of another architecture", () => {
    expect(run(some, { arch: 0x40000003, number: 4 })).toBe(KILL);
    const other = arch === "x64" ? AUDIT.arm64 : AUDIT.x64;
    expect(run(some, { arch: other, number: callNumber(arch, "read") })).toBe(KILL);
  });

  test("without sockets refuses every socket but a connected pair", () => {
    for (const family of [1, 2, 10, 16, 17, 38, 40])
      expect(verdict(none, "socket", family, 1)).toBe(EAFNOSUPPORT);
    expect(verdict(none, "socketpair", 1, 1)).toBe(ALLOW);
    expect(verdict(none, "socketpair", 2, 1)).toBe(EAFNOSUPPORT);
  });

  test("with sockets lets through Unix and Internet streams and datagrams only", () => {
    for (const family of [1, 2, 10]) {
      expect(verdict(some, "socket", family, 1 | 0x80800)).toBe(ALLOW);
      expect(verdict(some, "socket", family, 2)).toBe(ALLOW);
      expect(verdict(some, "socket", family, 3 | 0x80000)).toBe(EPERM);
      expect(verdict(some, "socket", family, 10)).toBe(EPERM);
    }
    for (const family of [16, 17, 31, 38, 40])
      expect(verdict(some, "socket", family, 1)).toBe(EAFNOSUPPORT);
  });

  test("refuses a clone into any namespace and lets threads through", () => {
    expect(verdict(none, "clone", 0x3d0f00)).toBe(ALLOW);
    for (const flag of [
      0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
    ]) {
      expect(verdict(none, "clone", flag | 17)).toBe(EPERM);
    }
  });

  test("refuses to push input into a terminal, set-user-ID bits and devices", () => {
    expect(verdict(some, "ioctl", 1, 0x5412)).toBe(EPERM);
    expect(verdict(some, "ioctl", 1, 0x541c)).toBe(EPERM);
    expect(verdict(some, "ioctl", 1, 0x5401)).toBe(ALLOW);
    expect(verdict(some, "fchmod", 3, 0o4755)).toBe(EPERM);
    expect(verdict(some, "fchmodat", -100, 0, 0o2755)).toBe(EPERM);
    expect(verdict(some, "fchmod", 3, 0o755)).toBe(ALLOW);
    expect(verdict(some, "mknodat", -100, 0, 0o60600)).toBe(EPERM);
    expect(verdict(some, "mknodat", -100, 0, 0o20600)).toBe(EPERM);
    expect(verdict(some, "mknodat", -100, 0, 0o10600)).toBe(ALLOW);
  });
});

test("the x64 filter kills the x32 call numbers", () => {
  const filter = seccompFilter({ arch: "x64", sockets: "none" });
  expect(run(filter, { arch: AUDIT.x64, number: 0x40000000 })).toBe(KILL);
  expect(run(filter, { arch: AUDIT.x64, number: 0x40000001 })).toBe(KILL);
  expect(run(filter, { arch: AUDIT.x64, number: 0x3fffffff })).toBe(ENOSYS);
});

test("seccompFilter stays under the kernel's 4,096 instructions", () => {
  for (const arch of ["x64", "arm64"] as const) {
    expect(seccompFilter({ arch, sockets: "unix+inet" }).length / 8).toBeLessThan(400);
  }
});
