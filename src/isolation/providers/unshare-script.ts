/**
 * The perl program of the unshare wall: a constant, run by `perl -e`, never a file that someone can edit.
 *
 * perl-base is essential on Debian and Ubuntu, and its `syscall` reaches every call a wall is made of:
 * no other tool is started. Three processes, in this order in the text:
 *
 *   outer    takes every namespace; dies with the supervisor (PDEATHSIG); tells how the program ended
 *   init     process 1 inside: mounts, pivots, then drops everything, reaps; its end is everyone's end
 *   program  limits, no privileges, the filter, exec
 *
 * Anything that fails before exec ends with 125 and one line on stderr that begins with `ccos-wall:`.
 *
 * Arguments: the architecture, `channel` or `none`. Descriptor 4: the description,
 * read to its end (it must close with the record `end`, so a cut one raises nothing); 5: what is told
 * (`pid N`, `end STATUS`); 6: the filter; from 7 up: files. A record of the description is a name, a
 * count, and that many fields, each ended by NUL.
 *
 * @module
 */
export const UNSHARE_SCRIPT: string = String.raw`
use strict; use POSIX ();
my ($arch, $channel) = @ARGV;
my %nr = $arch eq "arm64"
  ? (mount => 40, umount => 39, pivot => 41, unshare => 97, prctl => 167, capset => 91, setattr => 442, prlimit => 261, hostname => 161)
  : (mount => 165, umount => 166, pivot => 155, unshare => 272, prctl => 157, capset => 126, setattr => 442, prlimit => 302, hostname => 170);
my ($RDONLY, $NOSUID, $NODEV, $NOEXEC, $BIND, $REC, $PRIVATE) = (1, 2, 4, 8, 4096, 16384, 1 << 18);
my $spoil;
sub fail { my ($what) = @_; syswrite $spoil, "x" if defined $spoil; syswrite STDERR, "ccos-wall: $what: $!\n"; POSIX::_exit(125); }
sub call { my ($name, @rest) = @_; syscall($nr{$name}, @rest) == 0 or fail("$name @rest[0 .. 1]"); }
sub prctl { call("prctl", 0 + $_[0], 0 + $_[1], 0, 0, 0); }
sub mount { my ($source, $target, $type, $flags, $data) = @_; call("mount", $source, $target, $type, $flags, $data); }
sub read_only { my ($path, $recursive, $more) = @_; my $how = pack("QQQQ", $RDONLY | $NOSUID | ($more // $NODEV), 0, 0, 0); call("setattr", -100, $path, $recursive ? 0x8000 : 0, $how, 32); }
sub spill { my ($path, $text) = @_; open(my $to, ">", $path) or fail("open $path"); syswrite($to, $text) == length $text or fail("write $path"); close $to or fail("close $path"); }

# outer
prctl(1, 9);
my %r; my $whole = 0;
{
  local $/; open(my $in, "<&=", 4) or fail("description"); my $text = <$in>; close $in;
  my @words = split /\0/, $text // "", -1;
  while (@words > 1) { my ($name, $count) = splice @words, 0, 2; push @{$r{$name}}, [splice @words, 0, $count]; $whole = $name eq "end"; }
}
$! = 0; $whole or fail("the description was cut");
POSIX::_exit(125) if getppid() != $r{parent}[0][0];
my @files = @{$r{file} || []};
POSIX::close(3) if $channel ne "channel";
my $outer_uid = $>; my ($outer_gid) = split / /, $);
call("unshare", 0x7e020000);
spill("/proc/self/setgroups", "deny");
spill("/proc/self/uid_map", "$r{uid}[0][0] $outer_uid 1");
spill("/proc/self/gid_map", "$r{uid}[0][0] $outer_gid 1");
pipe(my $ready, my $go) or fail("pipe");
pipe(my $result, my $tell) or fail("pipe");
my $init = fork; defined $init or fail("fork");
if ($init) {
  close $ready; close $tell;
  open(my $told, ">&=", 5) or fail("status");
  # before process 1 takes this mount namespace to another root
  let_go(5, fileno $result, fileno $go);
  syswrite $told, "pid $init\n"; syswrite $go, "g"; close $go;
  sysread $result, my $status, 16;
  waitpid $init, 0;
  syswrite $told, "end $status\n" if defined $status && $status =~ /^\d+$/;
  POSIX::_exit(0);
}

# init
$0 = "wall";
close $go; close $result;
prctl(1, 9);
(sysread($ready, my $byte, 1) // 0) == 1 or POSIX::_exit(125);
close $ready;
POSIX::close(5);
raise();
prctl(24, $_) for capabilities();
call("prctl", 47, 4, 0, 0, 0);
prctl(38, 1);
my $program = fork; defined $program or fail("fork");
program() if !$program;
drop();
prctl(4, 0);
filter();
let_go(fileno $tell);
$SIG{$_} = "IGNORE" for qw(TERM INT HUP);
while (1) {
  my $pid = waitpid -1, 0;
  if ($pid == $program) { syswrite $tell, $?; POSIX::_exit(0); }
  POSIX::_exit(0) if $pid == -1;
}

sub capabilities { open(my $last, "<", "/proc/sys/kernel/cap_last_cap") or fail("cap_last_cap"); return 0 .. <$last>; }
sub drop { my ($head, $none) = (pack("LL", 0x20080522, 0), pack("L6", (0) x 6)); call("capset", $head, $none); }
sub filter { my $bytes = $r{filter_bytes}; my $code = pack("S x6 P", length($bytes) / 8, $bytes); call("prctl", 22, 2, unpack("Q", pack("P", $code)), 0, 0); }
sub close_from { my ($first, $kept) = @_; opendir(my $open, "/proc/self/fd") or fail("descriptors"); my @all = grep { /^\d+$/ && $_ >= $first && $_ != ($kept // -1) } readdir $open; closedir $open; POSIX::close($_) for @all; }
# stdio and the control channel belong to the program alone: their ends must be seen
sub let_go {
  my %keep = map { $_ => 1 } @_;
  opendir(my $open, "/proc/self/fd") or fail("descriptors"); my @all = grep { /^\d+$/ } readdir $open; closedir $open;
  $keep{$_} or POSIX::close($_) for @all;
  POSIX::open("/dev/null", 2); POSIX::dup2(0, 1); POSIX::dup2(0, 2);
}

sub raise {
  mount("none", "/", 0, $REC | $PRIVATE, 0);
  mount("tmpfs", "/tmp", "tmpfs", $NOSUID | $NODEV, "mode=0755,size=$r{store}[0][0]");
  make("/tmp/old"); make("/tmp/new"); make("/tmp/files");
  my ($base, $old) = ("/tmp", "/tmp/old");
  call("pivot", $base, $old); chdir "/" or fail("chdir");
  mount("tmpfs", "/new", "tmpfs", $NOSUID | $NODEV, "mode=0755,size=$r{store}[0][0]");
  for (@{$r{link} || []}) { my ($path, $to) = @$_; symlink $to, "/new$path" or fail("link $path"); }
  show(@$_) for @{$r{show} || []};
  proc(); dev();
  scratch("/tmp", $r{scratch}[0][0], "1777"); scratch("/work", $r{disk}[0][0], "0700");
  make("/new/run");
  for my $at (0 .. $#files) { file(7 + $at, @{$files[$at]}); }
  show(@$_) for @{$r{bind} || []};
  $r{filter_bytes} = slurp(6);
  loopback();
  my $name = "wall"; call("hostname", $name, 4);
  read_only("/new", 0);
  my ($gone, $here) = ("/old", ".");
  call("umount", $gone, 2); chdir "/new" or fail("chdir");
  call("pivot", $here, $here); call("umount", $here, 2);
  chdir "/work" or fail("chdir /work");
}
sub make { my ($path) = @_; my $at = ""; for (grep { length } split m{/}, $path) { $at .= "/$_"; -d $at or mkdir $at, 0755 or fail("mkdir $at"); } }
sub place { my ($path) = @_; (my $above = $path) =~ s{/[^/]*$}{}; make($above); open(my $new, ">", $path) or fail("create $path"); close $new; }
sub show { my ($source, $target) = @_; -d "/old$source" ? make("/new$target") : place("/new$target"); mount("/old$source", "/new$target", 0, $BIND | $REC, 0); read_only("/new$target", 1); }
sub proc {
  make("/new/proc"); mount("proc", "/new/proc", "proc", $NOSUID | $NODEV | $NOEXEC, 0);
  spill("/new/proc/sys/user/max_user_namespaces", "0");
  for (@{$r{mask} || []}) { my $path = "/new$_->[0]"; mount("/old/dev/null", $path, 0, $BIND, 0); read_only($path, 0, 0); }
  read_only("/new/proc", 0, $NODEV | $NOEXEC);
}
sub dev {
  make("/new/dev"); mount("tmpfs", "/new/dev", "tmpfs", $NOSUID, "mode=0755,size=65536");
  for (qw(null zero full random urandom)) { place("/new/dev/$_"); mount("/old/dev/$_", "/new/dev/$_", 0, $BIND, 0); }
  symlink "/proc/self/fd", "/new/dev/fd"; my $at = 0;
  for (qw(stdin stdout stderr)) { symlink "/proc/self/fd/$at", "/new/dev/$_"; $at++; }
  make("/new/dev/pts"); mount("devpts", "/new/dev/pts", "devpts", $NOSUID | $NOEXEC, "newinstance,ptmxmode=0666,mode=620"); symlink "pts/ptmx", "/new/dev/ptmx";
  make("/new/dev/shm"); scratch("/dev/shm", $r{scratch}[0][0], "1777");
  read_only("/new/dev", 0, 0);
}
sub scratch { my ($path, $size, $mode) = @_; my $count = int($size / 4096) + 64; make("/new$path"); mount("tmpfs", "/new$path", "tmpfs", $NOSUID | $NODEV, "mode=$mode,size=$size,nr_inodes=$count"); }
sub slurp { my ($fd) = @_; local $/; open(my $in, "<&=", $fd) or fail("descriptor $fd"); my $text = <$in>; close $in; return $text // ""; }
sub file {
  my ($fd, $path, $mode) = @_; my $in_work = $path =~ m{^/work/};
  place("/new$path");
  my $target = $in_work ? "/files/$fd" : "/new$path";
  spill($target, slurp($fd)); chmod oct $mode, $target or fail("chmod $path");
  if ($in_work) { mount($target, "/new$path", 0, $BIND, 0); read_only("/new$path", 0); }
}
sub loopback { socket(my $any, 2, 2, 0) or fail("socket"); my $up = pack("a16 s x22", "lo", 1 | 64); ioctl($any, 0x8914, $up) or fail("loopback"); close $any; }

sub program {
  prctl(1, 9);
  $SIG{$_} = "DEFAULT" for qw(TERM INT HUP PIPE);
  POSIX::setsid();
  # until exec, which closes it, a failure here is told as a wall that never stood
  $spoil = $tell;
  close_from($channel eq "channel" ? 4 : 3, fileno $tell);
  for (@{$r{limit} || []}) { my ($resource, $soft, $hard) = @$_; my $pair = pack("QQ", $soft, $hard); call("prlimit", 0, 0 + $resource, $pair, 0); }
  %ENV = map { $_->[0] => $_->[1] } @{$r{env} || []};
  my @argv = @{$r{argv}[0]};
  drop(); filter();
  exec { $argv[0] } @argv or fail("exec $argv[0]");
}
`;
