import type { WallAttack } from "./attack.ts";

/** The kernel itself: modules, another kernel, its log, its clock, its name, its swap, its end. */
export const kernel: WallAttack = {
  name: "kernel",
  perl: String.raw`
    attempt "init_module", sub { call("init_module", \"x", 1, \""); "loaded" };
    attempt "finit_module", sub { call("finit_module", 0, \"", 0); "loaded" };
    attempt "kexec_load", sub { call("kexec_load", 0, 0, 0, 0); "loaded" };
    attempt "kexec_file_load", sub { call("kexec_file_load", 0, 0, 0, 0, 0); "loaded" };
    attempt "syslog", sub { my $b = "\0" x 256; call("syslog", 3, \$b, 256); "read" };
    attempt "clear syslog", sub { call("syslog", 5, 0, 0); "cleared" };
    attempt "settimeofday", sub { my $t = pack("qq", 1, 0); call("settimeofday", \$t, 0); "set" };
    attempt "clock_settime", sub { my $t = pack("qq", 1, 0); call("clock_settime", 0, \$t); "set" };
    attempt "sethostname", sub { call("sethostname", \"x", 1); "set" };
    attempt "swapon", sub { call("swapon", \"/work/swap", 0); "on" };
    attempt "reboot", sub { call("reboot", 0xfee1dead - 0x100000000, 672274793, 0x89abcdef - 0x100000000, 0); "armed" };
    attempt "acct", sub { call("acct", \"/work/acct"); "on" };
    attempt "quotactl", sub { call("quotactl", 0x800002 << 8, \"/dev/vda", 0, 0); "on" };
    attempt "modify_ldt", sub { my $b = "\0" x 64; call("modify_ldt", 0, \$b, 64); "read" };
    for my $path (qw(/proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/swappiness /proc/sys/net/ipv4/ip_forward /proc/sysrq-trigger /proc/sys/fs/binfmt_misc/register /sys/kernel/uevent_helper /sys/power/state /sys/fs/cgroup/cgroup.procs)) {
      attempt "open $path", sub { sysopen(my $f, $path, O_WRONLY) or die "$!"; "for writing" };
    }
    for my $path (qw(/proc/kcore /proc/kallsyms /proc/keys /proc/config.gz /proc/timer_list /proc/modules /sys/kernel/debug /sys/kernel/security)) {
      attempt "read $path", sub { length slurp($path) ? "read" : die "empty" };
    }
    twin sub { time > 1e9 ? "the time" : die "no time" };`,
  answeredInside: {
    gvisor: {
      attempts: [
        "sethostname",
        "syslog",
        "clear syslog",
        "settimeofday",
        "clock_settime",
        "open /proc/sys",
        "read /proc",
        "open /sys",
        "read /sys",
      ],
      why: "the sentry's own log, files and names; the host's kernel is not asked",
    },
    "process/landlock": {
      attempts: ["sethostname"],
      why: "refused by the filter; listed for kernels without it",
    },
  },
};
