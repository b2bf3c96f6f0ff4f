/**
 * The system call filter of every wall, as classic BPF made here: no library, no header, no file.
 *
 * Read in this order: seccompFilter, ARGUMENT_RULES, Assembler. The program is a straight line: wrong
 * architecture and x32 die; calls with argument rules; calls let through; calls refused (EPERM); the
 * rest does not exist (ENOSYS), so libraries fall back to older ways. The kernel's `struct sock_filter`:
 * `{u16 code, u8 jt, u8 jf, u32 k}`, little-endian. Numbers: seccomp-tables.ts.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import {
  ALLOWED_CALLS,
  AUDIT_ARCH,
  callNumber,
  DENIED_CALLS,
  type SeccompArch,
} from "./seccomp-tables.ts";

export interface SeccompOptions {
  readonly arch: SeccompArch;
  /** `none`: no socket but connected AF_UNIX pairs. `unix+inet`: AF_UNIX, AF_INET, AF_INET6, never raw. */
  readonly sockets: "none" | "unix+inet";
}

const LOAD = 0x20;
const JUMP_EQ = 0x15;
const JUMP_GE = 0x35;
const JUMP_GT = 0x25;
const JUMP_SET = 0x45;
const AND = 0x54;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const errno = (code: number): number => 0x00050000 | code;
const EPERM = errno(1);
const ENOSYS = errno(38);
const EAFNOSUPPORT = errno(97);

const OFFSET_NUMBER = 0;
const OFFSET_ARCH = 4;
/** The kernel compares 32 bits at a time; the low half of argument `index`. */
const offsetOfArgument = (index: number): number => 16 + 8 * index;
const X32_BIT = 0x40000000;

/** Every CLONE_NEW* flag that clone(2) takes. */
const NAMESPACE_FLAGS = 0x7e020000;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKET_TYPE_MASK = 0xf;
const SOCK_RAW = 3;
const SOCK_PACKET = 10;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const PR_SET_PTRACER = 0x59616d61;
const PR_SET_MM = 35;
const SETUID_OR_SETGID = 0xc00;
const FILE_TYPE_MASK = 0xf000;
const BLOCK_DEVICE = 0x6000;
const CHARACTER_DEVICE = 0x2000;
/** Linux, the 32-bit variants of its report, ADDR_COMPAT_LAYOUT's absence, and "only ask". */
const PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xffffffff];

interface Instruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly value: number;
}

/** Instructions of one rule; every path through them ends in a return. */
class Assembler {
  readonly instructions: Instruction[] = [];

  op(code: number, value: number, jumpTrue = 0, jumpFalse = 0): this {
    this.instructions.push({ code, jumpTrue, jumpFalse, value: value >>> 0 });
    return this;
  }

  loadArgument(index: number): this {
    return this.op(LOAD, offsetOfArgument(index));
  }

  /** Return `verdict` when the loaded word is one of `values`. */
  returnIf(values: readonly number[], verdict: number): this {
    for (const value of values) this.op(JUMP_EQ, value, 0, 1).op(RETURN, verdict);
    return this;
  }

  return(verdict: number): this {
    return this.op(RETURN, verdict);
  }
}

type Rule = (asm: Assembler, sockets: SeccompOptions["sockets"]) => void;

const refuseDevices =
  (argument: number): Rule =>
  (asm) =>
    asm
      .loadArgument(argument)
      .op(AND, FILE_TYPE_MASK)
      .returnIf([BLOCK_DEVICE, CHARACTER_DEVICE], EPERM)
      .return(ALLOW);
const refuseBits =
  (argument: number, bits: number): Rule =>
  (asm) =>
    asm.loadArgument(argument).op(JUMP_SET, bits, 0, 1).return(EPERM).return(ALLOW);
const refuseValues =
  (argument: number, values: readonly number[]): Rule =>
  (asm) =>
    asm.loadArgument(argument).returnIf(values, EPERM).return(ALLOW);

/** Calls whose arguments decide. `clone3` hides its flags behind a pointer: absent, so clone is used. */
const ARGUMENT_RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["socket", socketRule],
  ["socketpair", (asm) => asm.loadArgument(0).returnIf([AF_UNIX], ALLOW).return(EAFNOSUPPORT)],
  ["clone", refuseBits(0, NAMESPACE_FLAGS)],
  ["ioctl", refuseValues(1, [TIOCSTI, TIOCLINUX])],
  ["prctl", refuseValues(0, [PR_SET_PTRACER, PR_SET_MM])],
  ["personality", (asm) => asm.loadArgument(0).returnIf(PERSONALITIES, ALLOW).return(EPERM)],
  ["mknod", refuseDevices(1)],
  ["mknodat", refuseDevices(2)],
  ["chmod", refuseBits(1, SETUID_OR_SETGID)],
  ["fchmod", refuseBits(1, SETUID_OR_SETGID)],
  ["fchmodat", refuseBits(2, SETUID_OR_SETGID)],
]);

function socketRule(asm: Assembler, sockets: SeccompOptions["sockets"]): void {
  if (sockets === "none") {
    asm.return(EAFNOSUPPORT);
    return;
  }
  asm
    .loadArgument(1)
    .op(AND, SOCKET_TYPE_MASK)
    .returnIf([SOCK_RAW, SOCK_PACKET], EPERM)
    .loadArgument(0)
    .returnIf([AF_UNIX, AF_INET, AF_INET6], ALLOW)
    .return(EAFNOSUPPORT);
}

const filters = new Map<string, Uint8Array>();

/**
 * The filter as bytes for `seccomp(2)`, 8 bytes an instruction, under the kernel's 4,096.
 *
 * The same array is returned for the same options: do not write to it.
 */
export function seccompFilter({ arch, sockets }: SeccompOptions): Uint8Array {
  const key = `${arch} ${sockets}`;
  const known = filters.get(key);
  if (known !== undefined) return known;
  const made = encode(assemble(arch, sockets));
  filters.set(key, made);
  return made;
}

/** @throws {CcosError} `ISOLATION_UNAVAILABLE` on an architecture without a table. */
export function hostSeccompArch(): SeccompArch {
  const { arch } = process;
  if (arch === "x64" || arch === "arm64") return arch;
  throw new CcosError("ISOLATION_UNAVAILABLE", {
    what: "Cannot filter system calls",
    why: `there is no call table for ${arch}`,
    fix: "Use an x64 or arm64 host",
  });
}

function assemble(arch: SeccompArch, sockets: SeccompOptions["sockets"]): readonly Instruction[] {
  const asm = new Assembler();
  asm.op(LOAD, OFFSET_ARCH).op(JUMP_EQ, AUDIT_ARCH[arch], 1, 0).return(KILL_PROCESS);
  asm.op(LOAD, OFFSET_NUMBER);
  if (arch === "x64") asm.op(JUMP_GE, X32_BIT, 0, 1).return(KILL_PROCESS);
  for (const [name, rule] of ARGUMENT_RULES) {
    const number = callNumber(arch, name);
    if (number < 0) continue;
    const body = new Assembler();
    rule(body, sockets);
    asm.op(JUMP_EQ, number, 0, body.instructions.length);
    asm.instructions.push(...body.instructions);
  }
  const plain = [...ALLOWED_CALLS.keys()].filter((name) => !ARGUMENT_RULES.has(name));
  returnForCalls(
    asm,
    plain.map((name) => callNumber(arch, name)),
    ALLOW,
  );
  returnForCalls(
    asm,
    [...DENIED_CALLS.keys()].map((name) => callNumber(arch, name)),
    EPERM,
  );
  asm.return(ENOSYS);
  return asm.instructions;
}

/** Neighbouring numbers share one comparison of both ends. */
function returnForCalls(asm: Assembler, numbers: readonly number[], verdict: number): void {
  const sorted = numbers.filter((number) => number >= 0).sort((left, right) => left - right);
  for (let at = 0; at < sorted.length; ) {
    const low = sorted[at] ?? 0;
    let high = low;
    while (sorted[at + 1] === high + 1) {
      at++;
      high++;
    }
    at++;
    if (low === high) asm.op(JUMP_EQ, low, 0, 1).return(verdict);
    else asm.op(JUMP_GE, low, 0, 2).op(JUMP_GT, high, 1, 0).return(verdict);
  }
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jumpTrue, jumpFalse, value }] of instructions.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jumpTrue);
    view.setUint8(index * 8 + 3, jumpFalse);
    view.setUint32(index * 8 + 4, value, true);
  }
  return bytes;
}
