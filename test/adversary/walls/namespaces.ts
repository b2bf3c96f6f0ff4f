import type { WallAttack } from "./attack.ts";

/** New namespaces bring back capabilities, and with them the kernel's rarely tested half. */
export const namespaces: WallAttack = {
  name: "namespaces",
  perl: String.raw`
    for my $ns ([user => 0x10000000], [mount => 0x20000], [net => 0x40000000], [pid => 0x20000000], [ipc => 0x8000000], [uts => 0x4000000], [cgroup => 0x2000000], [time => 0x80]) {
      my ($name, $flag) = @$ns;
      attempt "unshare $name", sub { call("unshare", $flag); "a new one" };
    }
    for my $name (qw(net mnt pid user ipc)) { attempt "join $name of 1", sub { sysopen(my $f, "/proc/1/ns/$name", O_RDONLY) or die "$!"; call("setns", fileno $f, 0); "joined" } }
    attempt "clone3 with a user namespace", sub { my $a = pack("Q8", 0x10000000, 0, 0, 0, 17, 0, 0, 0); my $pid = call("clone3", \$a, 64); POSIX::_exit(0) if $pid == 0; "cloned" };
    twin sub { my $pid = fork; defined $pid or die "$!"; POSIX::_exit(0) unless $pid; waitpid $pid, 0; $? == 0 ? "a child" : die "failed" };`,
  answeredInside: {
    gvisor: {
      attempts: ["unshare", "join"],
      why: "the sentry makes namespaces of its own processes; the host's kernel sees none of it",
    },
  },
};
