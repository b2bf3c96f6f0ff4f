import type { WallAttack } from "./attack.ts";

/** System calls that a filter does not see: rings, and other queues of work for the kernel. */
export const ioUring: WallAttack = {
  name: "io-uring",
  perl: String.raw`
    attempt "io_uring_setup", sub { my $params = "\0" x 120; call("io_uring_setup", 4, \$params); "a ring" };
    attempt "userfaultfd", sub { call("userfaultfd", 0); "opened" };
    attempt "userfaultfd user mode", sub { call("userfaultfd", 1); "opened" };
    attempt "bpf map", sub { my $attr = pack("LLLL", 1, 4, 4, 1) . "\0" x 112; call("bpf", 0, \$attr, 120); "a map" };
    attempt "perf", sub { my $perf = pack("LLQ", 1, 112, 0) . "\0" x 96; call("perf_event_open", \$perf, 0, -1, -1, 0); "an event" };
    attempt "fanotify", sub { call("fanotify_init", 0, 0); "a group" };
    twin sub { pipe(my $r, my $w) or die "$!"; syswrite $w, "x"; sysread $r, my $x, 1; $x eq "x" ? "a pipe" : die "lost" };`,
};
