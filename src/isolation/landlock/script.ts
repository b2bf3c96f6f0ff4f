/**
 * The perl programs of the Landlock wall: constants, run by `perl -e`, never files that someone can edit.
 *
 * Read in this order: LANDLOCK_PROBE, LANDLOCK_SCRIPT. The script makes three processes, because there is
 * no pid namespace to take the tree down:
 *
 *   keeper   dies with the supervisor (PDEATHSIG KILL); passes the program's exit on
 *   reaper   subreaper of everything below; when the program or the keeper ends it kills every
 *            descendant until none is left, and only then ends itself
 *   program  no_new_privs, Landlock, seccomp, then exec
 *
 * The program cannot touch the two above it nor any process or file of the same user that Landlock leaves
 * open: signals (scoped by Landlock from ABI 6, refused by a second filter below), limits and scheduling of
 * others, modes and times of files, System V objects. A wall that fails before exec ends with 125 and a
 * line on stderr that begins with `ccos-wall:`.
 *
 * @module
 */

/** Prints the Landlock ABI, 0 when there is none. */
export const LANDLOCK_PROBE: string = String.raw`
my $abi = syscall(444, 0, 0, 1); print $abi < 0 ? 0 : $abi;
`;

/**
 * Arguments: descriptors to close, which are not the program's.
 *
 * Told over descriptor 4, then closed: `key=value` records, each ended by NUL. Keys, repeatable where it
 * makes sense: `arg` (argument vector), `env`, `arch` (x64, arm64), `filter` (hex of the seccomp program),
 * `cwd`, `parent` (pid of the supervisor), `dir` (read and execute below), `file` (read), `exec` (read and
 * execute one file), `device` (read and write), `limit` (`resource:soft:hard`), `tasks` (of the program; with `shared=1` beside what this user runs already).
 *
 * Answers on descriptor 5: nothing and its end when the tree is gone, or first `F` and a reason when the
 * program never began.
 */
export const LANDLOCK_SCRIPT: string = String.raw`
use strict; use Fcntl; use POSIX ();
my (%o, $told); $told = "";
while (1) { my $n = POSIX::read(4, my $part, 65536); last unless defined $n && $n > 0; $told .= substr $part, 0, $n; }
POSIX::close(4);
for (split /\0/, $told) { my ($k, $v) = split /=/, $_, 2; push @{$o{$k}}, $v; }
my @argv = @{$o{arg} || []};
sub one { $o{$_[0]}[0] }
sub fail { my $why = "$_[0]: $!"; syswrite STDERR, "ccos-wall: $why\n"; POSIX::write(5, "F$why", 1 + length $why); POSIX::_exit(125); }
@argv or fail("nothing to run");
POSIX::close($_) for @ARGV;
my $arm = one("arch") eq "arm64";
my $prctl = $arm ? 167 : 157;
sub prctl { syscall($prctl, $_[0] + 0, $_[1] + 0, 0, 0, 0) == 0 or fail("prctl $_[0]"); }
my ($PDEATHSIG, $NO_NEW_PRIVS, $SECCOMP, $SUBREAPER) = (1, 38, 22, 36);

# keeper
prctl($PDEATHSIG, 9);
getppid() == one("parent") or fail("the supervisor is gone");
pipe(my $status_read, my $status_write) or fail("pipe");
pipe(my $life_read, my $life_write) or fail("pipe");
my $keeper = $$;
my $reaper = fork; defined $reaper or fail("fork");
if ($reaper) {
  $SIG{$_} = "IGNORE" for qw(TERM INT HUP);
  let_go(fileno $status_read, fileno $life_write);
  sysread $status_read, my $text, 16;
  waitpid $reaper, 0;
  fail("the reaper ended") unless defined $text && $text =~ /^(\d+)$/;
  my $status = $1;
  my $signal = $status & 127;
  if ($signal) { $SIG{$_} = "DEFAULT" for qw(TERM INT HUP); kill $signal, $$; select undef, undef, undef, 0.2; POSIX::_exit(128 + $signal); }
  POSIX::_exit($status >> 8);
}

# reaper
close $status_read; close $life_write;
$SIG{$_} = "IGNORE" for qw(TERM INT HUP PIPE);
$SIG{CHLD} = sub { };
prctl($SUBREAPER, 1);
my $main = fork; defined $main or fail("fork");
program() if !$main;
let_go(fileno $status_write, fileno $life_read);
my $result;
until (defined $result) {
  my $pid; do { $pid = waitpid -1, 1; $result = $? if $pid == $main } while $pid > 0;
  last if defined $result;
  # a child's end interrupts this; the keeper's end makes the pipe readable
  my $set = ""; vec($set, fileno $life_read, 1) = 1;
  last if select($set, undef, undef, 0.1) > 0;
}
end_all();
syswrite $status_write, $result if defined $result;
POSIX::_exit(0);

# stdio and the control channel belong to the program alone: their ends must be seen
sub let_go {
  my %own = map { $_ => 1 } 5, @_;
  $own{$_} or POSIX::close($_) for 3 .. 63;
  open STDIN, "<", "/dev/null"; open STDOUT, ">", "/dev/null"; open STDERR, ">", "/dev/null";
}
sub descendants {
  my (%children, @found);
  opendir(my $proc, "/proc") or return;
  for my $pid (grep { /^\d+$/ } readdir $proc) {
    open(my $f, "<", "/proc/$pid/stat") or next;
    my $line = <$f>; next unless defined $line;
    push @{$children{$1}}, $pid if $line =~ /.*\) \S (\d+)/s;
  }
  my @open = ($$);
  while (@open) { my $next = shift @open; push @found, @{$children{$next} || []}; push @open, @{$children{$next} || []}; }
  return @found;
}
sub end_all {
  for (1 .. 2000) {
    my @left = descendants();
    kill 19, @left if @left; kill 9, @left if @left;
    kill 9, $main if !defined $result;
    my $pid; do { $pid = waitpid -1, 1; $result = $? if $pid == $main } while $pid > 0;
    return if $pid == -1;
    select undef, undef, undef, 0.005;
  }
}

sub program {
  $SIG{$_} = "DEFAULT" for qw(TERM INT HUP PIPE CHLD);
  prctl($PDEATHSIG, 9);
  POSIX::_exit(125) if getppid() == 1;
  POSIX::setsid();
  close $life_read;
  # gone when exec succeeds
  fcntl_close_on_exec(5);
  close $status_write;
  my $abi = syscall(444, 0, 0, 1); fail("landlock") if $abi < 1;
  my $fs = (1 << 13) - 1; $fs |= 1 << 13 if $abi >= 2; $fs |= 1 << 14 if $abi >= 3; $fs |= 1 << 15 if $abi >= 5;
  my $attr = pack("QQQ", $fs, $abi >= 4 ? 3 : 0, $abi >= 6 ? 3 : 0);
  my $rules = syscall(444, $attr, $abi >= 6 ? 24 : $abi >= 4 ? 16 : 8, 0); fail("landlock_create_ruleset") if $rules < 0;
  my ($EXECUTE, $WRITE, $READ, $LIST, $TRUNCATE) = (1, 2, 4, 8, $abi >= 3 ? 1 << 14 : 0);
  rule($rules, $_, $EXECUTE | $READ | $LIST) for @{$o{dir} || []};
  rule($rules, $_, $READ) for @{$o{file} || []};
  rule($rules, $_, $EXECUTE | $READ) for @{$o{exec} || []};
  rule($rules, $_, $READ | $WRITE | $TRUNCATE) for @{$o{device} || []};
  chdir one("cwd") or fail("chdir");
  limits();
  my $filter = pack("H*", one("filter"));
  prctl($NO_NEW_PRIVS, 1);
  syscall(446, $rules, 0) == 0 or fail("landlock_restrict_self");
  POSIX::close($rules);
  seccomp(beside_landlock($abi));
  seccomp($filter);
  my $file = $argv[0];
  if ($file !~ m{/}) { ($file) = grep { -f $_ && -x _ } map { "$_/$argv[0]" } qw(/usr/local/bin /usr/bin /bin); }
  if (!defined $file) { $! = POSIX::ENOENT(); fail("exec $argv[0]"); }
  %ENV = map { split /=/, $_, 2 } @{$o{env} || []};
  exec { $file } @argv or fail("exec $argv[0]");
}
sub limits {
  my $call = $arm ? 261 : 302;
  # keeper and reaper, or everything this user runs, we included
  my $tasks = one("tasks") + (one("shared") ? running() - 1 : 2);
  for (@{$o{limit} || []}, "6:$tasks:$tasks") {
    my ($resource, $soft, $hard) = split /:/; my $both = pack("QQ", $soft, $hard);
    syscall($call, 0, $resource + 0, $both, 0) == 0 or fail("limit $resource");
  }
}
# tasks that this user runs already: RLIMIT_NPROC counts them where the user is not the wall's own
sub running {
  my $count = 0; opendir(my $proc, "/proc") or fail("/proc");
  for my $pid (grep { /^\d+$/ } readdir $proc) {
    open(my $f, "<", "/proc/$pid/status") or next; my $text = join "", <$f>;
    $count += $1 if $text =~ /^Uid:\t$<\t/m && $text =~ /^Threads:\t(\d+)/m;
  }
  return $count;
}
sub fcntl_close_on_exec { open(my $handle, ">&=", $_[0]) or fail("fd $_[0]"); fcntl($handle, F_SETFD, FD_CLOEXEC); $o{kept} = $handle; }
sub rule {
  my ($rules, $path, $access) = @_;
  sysopen(my $handle, $path, 010000000 | O_RDONLY) or return;
  my $under = pack("Ql", $access, fileno $handle);
  syscall(445, $rules, 1, $under, 0) == 0 or fail("landlock_add_rule $path");
}
sub seccomp {
  my ($bytes) = @_; my $program = pack("S x6 P", length($bytes) / 8, $bytes);
  syscall($prctl, $SECCOMP, 2, unpack("Q", pack("P", $program)), 0, 0) == 0 or fail("seccomp");
}
# What Landlock leaves open to a process of the same user: EPERM. The other filter checks the architecture.
sub beside_landlock {
  my ($abi) = @_;
  # owner, mode, times and attributes of files; System V memory, queues and semaphores; truncate by path
  my @none = $arm
    ? (5 .. 7, 14 .. 16, 45, 52 .. 55, 88, 186 .. 197, 452)
    : (29 .. 31, 64 .. 71, 76, 90 .. 94, 132, 188 .. 190, 197 .. 199, 220, 235, 260, 261, 268, 280, 452);
  # kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal: Landlock scopes them from ABI 6
  push @none, $arm ? (129, 130, 131, 138, 240, 424) : (62, 200, 234, 129, 297, 424) if $abi < 6;
  # limits and scheduling of another process: number, offset of the argument that must be 0 (oneself)
  my %self = $arm
    ? (261 => 16, 118 => 16, 119 => 16, 122 => 16, 274 => 16, 140 => 24, 30 => 24)
    : (302 => 16, 142 => 16, 144 => 16, 203 => 16, 314 => 16, 141 => 24, 251 => 24);
  my ($deny, $allow) = (op(6, 0, 0, 0x50001), op(6, 0, 0, 0x7fff0000));
  my $text = op(0x20, 0, 0, 0);
  $text .= op(0x15, 0, 1, $_) . $deny for @none;
  $text .= op(0x15, 0, 4, $_) . op(0x20, 0, 0, $self{$_}) . op(0x15, 0, 1, 0) . $allow . $deny for sort keys %self;
  return $text . $allow;
}
sub op { return pack "SCCL", @_ }
`;
