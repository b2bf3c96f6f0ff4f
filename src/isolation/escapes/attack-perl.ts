/**
 * The attack programs in perl: raw system calls, from what every Debian has (perl-base).
 *
 * Every attempt runs in a child of its own, so that a filter that kills is seen as blocked. The script
 * is one constant; what to attack arrives as arguments. Bombs are bounded by their own counts.
 *
 * @module
 */
import { type AttackTargets, SPIN_LEAST_MS } from "./attack.ts";

/**
 * What to attack, and how far at most. `spin`: CPU seconds in each of two children, and SPIN_LEAST_MS. `tree` leaves a
 * daemon that ignores every signal it can.
 */
export type PerlAttack =
  | { readonly mode: "surface"; readonly targets: AttackTargets }
  | { readonly mode: "descriptors" }
  | { readonly mode: "forks" | "fill" | "shared" | "family"; readonly amount: number }
  | {
      readonly mode: "spin" | "sleep" | "tree" | "stay";
      readonly seconds: number;
      readonly marker: string;
    };

/** System call numbers by name, for the two architectures that a wall runs on. */
const CALLS: Readonly<Record<"x64" | "arm64", Readonly<Record<string, number>>>> = {
  x64: {
    mount: 165,
    unshare: 272,
    setns: 308,
    chroot: 161,
    pivot_root: 155,
    fsopen: 430,
    userfaultfd: 323,
    io_uring_setup: 425,
    bpf: 321,
    keyctl: 250,
    perf_event_open: 298,
    ptrace: 101,
    process_vm_readv: 310,
    open_by_handle_at: 304,
    kexec_load: 246,
    init_module: 175,
    memfd_secret: 447,
    modify_ldt: 154,
    iopl: 172,
    prlimit64: 302,
    mmap: 9,
    read: 0,
  },
  arm64: {
    mount: 40,
    unshare: 97,
    setns: 268,
    chroot: 51,
    pivot_root: 41,
    fsopen: 430,
    userfaultfd: 282,
    io_uring_setup: 425,
    bpf: 280,
    keyctl: 219,
    perf_event_open: 241,
    ptrace: 117,
    process_vm_readv: 270,
    open_by_handle_at: 265,
    kexec_load: 104,
    init_module: 105,
    memfd_secret: 447,
    prlimit64: 261,
    mmap: 222,
    read: 63,
  },
};

/** The argument vector; `perl` is looked up inside the wall. */
export function perlAttack(attack: PerlAttack): readonly string[] {
  return ["perl", "-e", SCRIPT, "--", ...facts(attack).map(([key, value]) => `${key}=${value}`)];
}

function facts(attack: PerlAttack): readonly (readonly [string, string | number])[] {
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const calls = Object.entries(CALLS[arch]).map(
    ([name, number]) => [`nr_${name}`, number] as const,
  );
  const base = [["mode", attack.mode] as const, ...calls];
  switch (attack.mode) {
    case "surface":
      return [...base, ...targetFacts(attack.targets)];
    case "descriptors":
      return base;
    case "forks":
    case "fill":
    case "shared":
    case "family":
      return [...base, ["amount", attack.amount]];
    case "spin":
    case "sleep":
    case "tree":
    case "stay":
      return [
        ...base,
        ["seconds", attack.seconds],
        ["least", SPIN_LEAST_MS / 1_000],
        ["marker", attack.marker],
      ];
  }
}

function targetFacts(targets: AttackTargets): readonly (readonly [string, string | number])[] {
  return [
    ...targets.network.map(([kind, host, port]) => ["net", `${kind}|${host}|${port}`] as const),
    ...targets.files.map((path) => ["file", path] as const),
    ...targets.absent.map((path) => ["absent", path] as const),
    ["dns", targets.dnsPort],
    ["unix", targets.unix],
    ["abstract", targets.abstract],
    ["variable", targets.variable],
    ["decoy", targets.decoyPid],
    ["host", targets.hostPid],
  ];
}

const SCRIPT = String.raw`
use strict; use warnings; use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6 AF_INET6); use Fcntl; use POSIX ();
no warnings qw(once);
my %job; for (@ARGV) { my ($k, $v) = split /=/, $_, 2; push @{$job{$k}}, $v; }
sub one { $job{$_[0]}[0] }
$| = 1;
sub say_line { my @f = map { my $s = defined $_ ? "$_" : ""; $s =~ s/[\t\r\n\0]/ /g; $s } @_; syswrite STDOUT, join("\t", @f) . "\n"; }
sub attempt {
  my ($guarantee, $name, $code) = @_;
  pipe(my $r, my $w) or return say_line($guarantee, $name, "blocked", "no pipe: $!");
  my $pid = fork;
  return say_line($guarantee, $name, "blocked", "no fork: $!") unless defined $pid;
  if (!$pid) {
    close $r; alarm 2;
    my $saw = eval { $code->() };
    my $why = $@; $why =~ s/ at -e line.*//s;
    syswrite $w, defined $saw && !$why ? "T$saw" : "B$why";
    POSIX::_exit(0);
  }
  close $w; my $answer = ""; sysread $r, $answer, 400; waitpid $pid, 0;
  my $signal = $? & 127;
  return say_line($guarantee, $name, "blocked", $signal ? "killed by signal $signal" : "no answer") if $answer eq "";
  say_line($guarantee, $name, $answer =~ /^T/ ? "through" : "blocked", substr $answer, 1);
}
sub twin { my ($guarantee, $name, $code) = @_; my $ok = eval { $code->() }; say_line($guarantee, $name, $ok ? "twin" : "blocked", $ok ? "" : "twin: $!$@"); }
sub slurp { my ($path) = @_; sysopen(my $f, $path, O_RDONLY) or die "$!"; my $n = sysread $f, my $text, 65536; defined $n or die "$!"; $text }
my %refused = map { $_ => 1 } POSIX::EPERM(), POSIX::EACCES(), POSIX::ENOSYS(), POSIX::ENOSPC(), POSIX::EUSERS(), POSIX::EAFNOSUPPORT(), POSIX::EPROTONOSUPPORT(), 94;
sub kernel {
  my ($name, @rest) = @_; my $nr = one("nr_$name");
  return unless defined $nr;
  attempt("kernel-surface", $name, sub {
    $! = 0; my $result = syscall($nr, map { ref $_ ? $$_ : $_ } @rest);
    die "$!" if $result == -1 && $refused{$! + 0};
    $result == -1 ? "reached: $!" : "succeeded";
  });
}
sub surface {
  for (@{$job{net}}) {
    my ($kind, $host, $port) = split /\|/;
    attempt($kind, "connect $host", sub {
      my $six = $host =~ /:/;
      socket(my $s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die "$!";
      my $to = $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $host)) : pack_sockaddr_in($port, inet_aton($host));
      connect($s, $to) or die "$!"; "connected";
    });
  }
  attempt("dns", "datagram", sub {
    socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "$!";
    connect($s, pack_sockaddr_in(one("dns"), inet_aton("127.0.0.1"))) or die "$!";
    defined syswrite($s, "ccos-canary-query") or die "$!";
    my $n = sysread($s, my $answer, 512); defined $n && $n > 0 ? "answered" : die "$!";
  });
  attempt("dns", "getaddrinfo", sub { my $a = inet_aton("example.com"); defined $a ? inet_ntoa($a) : die "not found" });
  for ([path => one("unix")], [abstract => "\0" . one("abstract")]) {
    my ($name, $path) = @$_;
    attempt("unix-sockets", "connect $name", sub {
      socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die "$!";
      my $to = $name eq "path" ? pack_sockaddr_un($path) : pack("S a*", AF_UNIX, $path);
      connect($s, $to) or die "$!"; "connected";
    });
  }
  my $n = 0;
  for my $path (@{$job{file}}) {
    attempt("files-read", "open $n", sub { slurp($path) });
    attempt("files-read", "through /proc $n", sub { slurp("/proc/" . one("host") . "/root$path") });
    attempt("files-write", "append $n", sub { sysopen(my $f, $path, O_WRONLY | O_APPEND) or die "$!"; syswrite $f, "x"; "appended" });
    attempt("files-write", "chmod $n", sub { chmod(0600, $path) or die "$!"; "changed" });
    attempt("files-write", "utime $n", sub { utime(0, 0, $path) or die "$!"; "changed" });
    attempt("files-write", "unlink $n", sub { unlink($path) or die "$!"; "removed" });
    $n++;
  }
  attempt("files-read", "/etc/shadow", sub { slurp("/etc/shadow") });
  attempt("files-read", "/proc/kcore", sub { slurp("/proc/kcore") });
  for my $path (@{$job{absent}}) {
    attempt("files-write", "create $path", sub { sysopen(my $f, $path, O_WRONLY | O_CREAT | O_EXCL) or die "$!"; "created" });
  }
  for my $path ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness", "/proc/sysrq-trigger") {
    attempt("files-write", "open $path", sub { sysopen(my $f, $path, O_WRONLY) or die "$!"; "opened for writing" });
  }
  twin("files-read", "/usr", sub { opendir(my $d, "/usr/lib") });
  twin("files-write", "stdout", sub { defined syswrite STDOUT, "" });
  attempt("environment", "own", sub { exists $ENV{one("variable")} ? "has the host's variable" : die "absent" });
  attempt("environment", "/proc", sub {
    my $name = one("variable") . "=";
    opendir(my $d, "/proc") or die "$!";
    for (grep { /^\d+$/ } readdir $d) { my $text = eval { slurp("/proc/$_/environ") } // ""; return "in /proc/$_/environ" if index($text, $name) >= 0; }
    die "absent";
  });
  twin("environment", "own", sub { exists $ENV{PATH} });
  my $decoy = one("decoy");
  attempt("processes", "see", sub { kill(0, $decoy) or die "$!"; "pid $decoy" });
  attempt("processes", "terminate", sub { kill("TERM", $decoy) or die "$!"; "signalled" });
  attempt("processes", "supervisor", sub { kill(0, one("host")) or die "$!"; "pid " . one("host") });
  attempt("processes", "read /proc", sub { slurp("/proc/$decoy/cmdline") =~ /decoy-/ ? "command line" : die "another process" });
  attempt("processes", "ptrace", sub { syscall(one("nr_ptrace"), 0x4206, $decoy + 0, 0, 0) == 0 ? "seized" : die "$!" });
  attempt("processes", "prlimit", sub { my $old = "\0" x 16; syscall(one("nr_prlimit64"), $decoy + 0, 7, 0, $old) == 0 ? "read its limits" : die "$!" });
  attempt("processes", "process_vm_readv", sub {
    my $buffer = "\0" x 8; my $iov = pack("PQ", $buffer, 8); my $there = pack("QQ", 0x400000, 8);
    my $got = syscall(one("nr_process_vm_readv"), $decoy + 0, $iov, 1, $there, 1, 0);
    die "$!" if $got == -1 && ($refused{$! + 0} || $! == POSIX::ESRCH()); "reached the process";
  });
  twin("processes", "own", sub { kill(0, $$) });
  kernel_surface();
  twin("kernel-surface", "getppid", sub { defined getppid });
}
sub kernel_surface {
  if ($> == 0 && -e (@{$job{file}})[0]) { return say_line("kernel-surface", "uid", "through", "root beside the host's files"); }
  kernel("unshare", 0x10000000);
  kernel("unshare", 0x40000000);
  kernel("unshare", 0x00020000);
  kernel("mount", \"none", \"/", \"tmpfs", 0x1000, 0);
  kernel("fsopen", \"tmpfs", 0);
  kernel("chroot", \"/");
  kernel("setns", 0, 0x40000000);
  kernel("pivot_root", \".", \".");
  kernel("userfaultfd", 0);
  my $params = "\0" x 120; kernel("io_uring_setup", 4, \$params);
  my $attr = pack("LLLL", 1, 4, 4, 1) . "\0" x 112; kernel("bpf", 0, \$attr, 120);
  my $perf = pack("LLQ", 1, 112, 0) . "\0" x 96; kernel("perf_event_open", \$perf, 0, -1, -1, 0);
  kernel("keyctl", 0, -3, 1);
  kernel("open_by_handle_at", -100, \("\0" x 128), 0);
  kernel("kexec_load", 0, 0, 0, 0);
  kernel("init_module", \"x", 1, \"");
  kernel("memfd_secret", 0);
  kernel("modify_ldt", 0, \("\0" x 64), 16);
  kernel("iopl", 3);
  for ([vsock => 40, 1, 0], [raw => 2, 3, 1], [packet => 17, 3, 768], [netlink => 16, 3, 0], [crypto => 38, 5, 0], [bluetooth => 31, 3, 0]) {
    my ($name, @how) = @$_;
    attempt("kernel-surface", "$name socket", sub { socket(my $s, $how[0], $how[1], $how[2]) or die "$!"; "opened" });
  }
}
sub descriptors {
  for my $fd (0 .. 1023) {
    open(my $h, "<&=", $fd) or next;
    my @s = stat $h;
    say_line("descriptors", $fd, $fd < 4 ? "twin" : "progress", @s ? "$s[0]:$s[1]" : "?");
  }
  POSIX::_exit(0);
}
sub forks {
  pipe(my $r, my $w); my $started = 0;
  for (1 .. one("amount")) {
    my $pid = fork;
    if (!defined $pid) { say_line("pids", "fork", "blocked", "$!"); last; }
    if (!$pid) { close $w; alarm 10; sysread $r, my $x, 1; POSIX::_exit(0); }
    $started++;
  }
  say_line("pids", "children", "progress", $started);
}
my $MIB = 1048576;
sub fill {
  my $total = 0; my %seen;
  for my $dir (".", "/tmp", "/work", "/dev/shm", "/var/tmp", "/run") {
    my @s = stat $dir or next; next if $seen{"$s[0]:$s[1]"}++;
    my $here = 0; my $block = "\1" x $MIB; my $why = "the attack's own bound";
    FILE: for my $file (0 .. 7) {
      sysopen(my $f, "$dir/fill-$file", O_WRONLY | O_CREAT) or do { $why = "$!"; last };
      for (1 .. one("amount") / $MIB / 4) {
        last FILE if $here >= one("amount");
        my $n = syswrite $f, $block; if (!defined $n) { $why = "$!"; last FILE } $here += $n;
      }
    }
    say_line("disk", $dir, "progress", "$here $why");
    unlink map { "$dir/fill-$_" } 0 .. 7;
  }
}
sub shared {
  my $bytes = 0; my $zero; sysopen($zero, "/dev/zero", O_RDONLY) or return say_line("memory", "shared", "blocked", "no /dev/zero");
  while ($bytes < one("amount")) {
    my $at = syscall(one("nr_mmap"), 0, 8 * $MIB, 3, 0x21, -1, 0);
    return say_line("memory", "shared", "blocked", "$!") if $at == -1;
    syscall(one("nr_read"), fileno($zero), $at, 8 * $MIB) == 8 * $MIB or return say_line("memory", "shared", "blocked", "$!");
    $bytes += 8 * $MIB; say_line("memory", "shared", "progress", $bytes);
  }
  select undef, undef, undef, 0.7; say_line("memory", "shared", "through", $bytes);
}
sub family {
  my $each = int(one("amount") / 4); pipe(my $r, my $w);
  for (1 .. 4) {
    my $pid = fork; defined $pid or last; next if $pid;
    my @held;
    for (1 .. $each / (4 * $MIB)) { push @held, "\1" x (4 * $MIB); syswrite $w, "."; }
    select undef, undef, undef, 0.7; POSIX::_exit(0);
  }
  close $w; my $blocks = 0;
  while (sysread($r, my $dots, 4096)) { $blocks += length $dots; say_line("memory", "family", "progress", $blocks * 4 * $MIB); }
  my $failed = 0; while (waitpid(-1, 0) > 0) { $failed++ if $? }
  say_line("memory", "family", $failed ? "blocked" : "through", $failed ? "$failed of 4 children ended" : $blocks * 4 * $MIB);
}
sub spin {
  my @pids;
  my $end = time + one("least");
  for (1 .. 2) { my $pid = fork; defined $pid or last; if (!$pid) { my @t; do { @t = times } while $t[0] + $t[1] < one("seconds") || time < $end; POSIX::_exit(0); } push @pids, $pid; }
  my $whole = 0; for (@pids) { waitpid $_, 0; $whole++ if $? == 0 }
  say_line("cpu", "two children", "progress", $whole);
}
sub tree {
  $SIG{$_} = "IGNORE" for qw(TERM INT HUP QUIT USR1 USR2 PIPE CHLD);
  pipe(my $r, my $w);
  my $first = fork; defined $first or die "fork: $!";
  if (!$first) {
    POSIX::setsid(); my $second = fork; defined $second or POSIX::_exit(1); POSIX::_exit(0) if $second;
    POSIX::setsid(); syswrite $w, "up"; open STDIN, "<", "/dev/null"; my $end = time + one("seconds");
    select undef, undef, undef, 0.2 while time < $end; POSIX::_exit(0);
  }
  close $w; sysread $r, my $up, 2; say_line("tree-gone", "up", "twin", "daemon started");
  # The host looks while the leader lives: until it closes our input, or for the whole time.
  my $in = ""; vec($in, 0, 1) = 1 if one("mode") eq "tree"; select $in, undef, undef, one("seconds");
}
my %runs = (surface => \&surface, descriptors => \&descriptors, forks => \&forks, fill => \&fill, shared => \&shared, family => \&family, spin => \&spin, tree => \&tree, stay => \&tree,
  sleep => sub { $SIG{$_} = "IGNORE" for qw(TERM INT HUP); my $end = time + one("seconds"); select undef, undef, undef, 0.2 while time < $end; });
$runs{one("mode")}->();
`;
