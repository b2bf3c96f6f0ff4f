import type { WallAttack } from "./attack.ts";

/** Become more than one is: set-user-id programs, capabilities, user ids, a filter loosened. */
export const privileges: WallAttack = {
  name: "privileges",
  perl: String.raw`
    attempt "set-user-id bit", sub { put("/work/s", "x", O_CREAT); chmod(04755, "/work/s") or die "$!"; ((stat "/work/s")[2] & 04000) ? "set" : die "not set" };
    attempt "gain by su", sub { my @s = stat "/usr/bin/su" or die "$!"; my $out = qx(/usr/bin/su -c id </dev/null 2>/dev/null); $out =~ /uid=0/ ? "root" : die "refused" };
    attempt "capset", sub { my $h = pack("LL", 0x20080522, 0); my $d = pack("L6", 0xffffffff, 0xffffffff, 0, 0xffffffff, 0xffffffff, 0); call("capset", \$h, \$d); "set" };
    attempt "ioperm", sub { call("ioperm", 0x80, 1, 1); "granted" };
    attempt "iopl", sub { call("iopl", 3); "granted" };
    attempt "has capabilities", sub { slurp("/proc/self/status") =~ /^Cap(?:Eff|Prm|Bnd):\s+0*[1-9a-f]/m ? "yes" : die "none" };
    attempt "may gain privileges", sub { slurp("/proc/self/status") =~ /^NoNewPrivs:\s+1/m ? die "no" : "yes" };
    twin sub { defined umask(022) ? "its own mask" : die "$!" };`,
  answeredInside: {
    "process/unshare": {
      attempts: ["has capabilities"],
      why: "its bounding set is empty of effect in a user namespace that cannot be left",
    },
    gvisor: {
      attempts: ["set-user-id bit", "may gain privileges"],
      why: "noNewPrivileges is the sentry's; it does not show it, and honours no such bit",
    },
  },
};
