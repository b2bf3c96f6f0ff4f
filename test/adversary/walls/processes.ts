import type { WallAttack } from "./attack.ts";

/** Reach into another process: by trace, by memory, by descriptor, by handle, by signal to everybody. */
export const processes: WallAttack = {
  name: "processes",
  perl: String.raw`
    for my $pid (1, getppid) {
      attempt "seize $pid", sub { call("ptrace", 0x4206, $pid, 0, 0); "seized" };
      attempt "memory of $pid", sub { my $b = "\0" x 8; my $i = pack("PQ", $b, 8); my $t = pack("QQ", 0x400000, 8); call("process_vm_readv", $pid, \$i, 1, \$t, 1, 0); "read" };
      attempt "write memory of $pid", sub { sysopen(my $f, "/proc/$pid/mem", O_RDWR) or die "$!"; "opened" };
      attempt "descriptor of $pid", sub { my $p = call("pidfd_open", $pid, 0); call("pidfd_getfd", $p, 0, 0); "taken" };
      attempt "compare with $pid", sub { call("kcmp", $$, $pid, 0, 0, 0); "compared" };
    }
    attempt "oom_score_adj below zero", sub { put("/proc/self/oom_score_adj", "-1000") };
    attempt "a handle", sub { my $h = "\0" x 128; call("open_by_handle_at", -100, \$h, 0); "opened" };
    twin sub { my $pid = fork; defined $pid or die "$!"; if (!$pid) { sleep 5; POSIX::_exit(0) } kill("KILL", $pid) == 1 or die "$!"; waitpid $pid, 0; ($? & 127) == 9 ? "its own child" : die "not ended" };`,
  answeredInside: {
    gvisor: {
      attempts: ["memory of", "write memory of", "compare with", "seize", "oom_score_adj"],
      why: "the processes are of the same sandbox and user; the host's are not in the sentry's table",
    },
  },
};
