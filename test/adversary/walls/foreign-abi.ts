import type { WallAttack } from "./attack.ts";

/** The same kernel by other numbers: x32 calls, and addresses laid out without chance. */
export const foreignAbi: WallAttack = {
  name: "foreign-abi",
  perl: String.raw`
    attempt "x32 getpid", sub { die "no such call here" unless defined $NR{iopl}; $! = 0; my $got = syscall(0x40000000 + 39); die "$!" if $got == -1; "answered" };
    attempt "x32 mount", sub { die "no such call here" unless defined $NR{iopl}; $! = 0; my $got = syscall(0x40000000 + 165, "none", "/", "tmpfs", 0, 0); die "$!" if $got == -1; "mounted" };
    attempt "no randomness of addresses", sub { call("personality", 0x40000); "set" };
    attempt "a number beyond the table", sub { $! = 0; my $got = syscall(9999); die "$!" if $got == -1; "answered" };
    twin sub { getppid >= 0 ? "its own numbers" : die "none" };`,
};
