/**
 * An attack on a wall: attempts that must fail, and an allowed twin that must work.
 *
 * Read in this order: WallAttack, scriptOf, reportsOf. Attacks are perl, because every Debian has it and it makes raw
 * system calls. Each attempt runs in a child of its own: a filter that kills it has blocked it. All attacks
 * of one wall run in one program, so that a machine is started once. walls.test.ts judges.
 *
 * @module
 */

export interface WallAttack {
  readonly name: string;
  /**
   * Statements in perl: `attempt NAME, sub { … }` (a value: it got through; `die`: it was blocked), `twin sub { … }`,
   * `call NAME, ARGS…` (a raw system call; -1 dies with why), `slurp PATH`, `put PATH, TEXT`.
   */
  readonly perl: string;
  /**
   * Attempts that a wall answers itself without the host's kernel ever seeing them: wall's name (or what it begins with) to
   * the attempts and why that is no hole.
   */
  readonly answeredInside?: Readonly<
    Record<string, { readonly attempts: readonly string[]; readonly why: string }>
  >;
}

/** What one attempt, or a twin, said. */
export interface Report {
  readonly attack: string;
  readonly attempt: string;
  readonly outcome: "through" | "blocked" | "twin" | "twin-failed";
  readonly saw: string;
}

/** System calls by name; a name without a number on this processor is blocked by its absence. */
const CALLS: Readonly<Record<string, string>> = {
  x64: `
mmap=9 ioctl=16 shmget=29 shmat=30 ptrace=101 syslog=103 setuid=105 capset=126 personality=135
mount=165 umount2=166 swapon=167 reboot=169 sethostname=170 iopl=172 ioperm=173 init_module=175
quotactl=179 chroot=161 pivot_root=155 acct=163 settimeofday=164 adjtimex=159 modify_ldt=154
io_setup=206 clock_settime=227 kexec_load=246 add_key=248 request_key=249 keyctl=250
unshare=272 name_to_handle_at=303 open_by_handle_at=304 setns=308 process_vm_readv=310 kcmp=312
finit_module=313 seccomp=317 memfd_create=319 kexec_file_load=320 bpf=321 userfaultfd=323
perf_event_open=298 mknod=133 io_uring_setup=425 open_tree=428 move_mount=429 fsopen=430
pidfd_open=434 clone3=435 pidfd_getfd=438 mount_setattr=442 memfd_secret=447 msgget=68
fanotify_init=300 lookup_dcookie=212 vmsplice=278 move_pages=279 ustat=136`,
  arm64: `
mmap=222 ioctl=29 shmget=194 shmat=196 ptrace=117 syslog=116 setuid=146 capset=91
personality=92 mount=40 umount2=39 swapon=224 reboot=142 sethostname=161 init_module=105
quotactl=60 chroot=51 pivot_root=41 acct=89 settimeofday=170 adjtimex=171 io_setup=0
clock_settime=112 kexec_load=104 add_key=217 request_key=218 keyctl=219 unshare=97
name_to_handle_at=264 open_by_handle_at=265 setns=268 process_vm_readv=270 kcmp=272
finit_module=273 seccomp=277 memfd_create=279 kexec_file_load=294 bpf=280 userfaultfd=282
perf_event_open=241 io_uring_setup=425 open_tree=428 move_mount=429 fsopen=430 pidfd_open=434
clone3=435 pidfd_getfd=438 mount_setattr=442 memfd_secret=447 msgget=186 fanotify_init=262
vmsplice=75 move_pages=239`,
};

const PRELUDE = String.raw`
use strict; use warnings; no warnings qw(once portable); use Socket qw(:DEFAULT inet_pton); use Fcntl qw(:DEFAULT :mode); use POSIX ();
$| = 1; my ($ATTACK, %NR); for (@ARGV) { my ($k, $v) = split /=/; $NR{$k} = $v }
sub tell_host { my @f = map { my $s = defined $_ ? "$_" : ""; $s =~ s/[^\x20-\x7e]/ /g; substr $s, 0, 120 } @_; syswrite STDOUT, join("\t", $ATTACK, @f) . "\n" }
sub apart {
  my ($code) = @_; pipe(my $r, my $w) or return ("B", "no pipe: $!"); my $pid = fork; return ("B", "no fork: $!") unless defined $pid;
  if (!$pid) { close $r; alarm 5; my $saw = eval { $code->() }; my $why = $@; $why =~ s/ at -e line.*//s; $why =~ s/ at \/\S+ line.*//s; syswrite $w, !$why && defined $saw ? "T$saw" : "B$why"; POSIX::_exit(0) }
  close $w; my $answer = ""; sysread $r, $answer, 400; waitpid $pid, 0; my $signal = $? & 127;
  return ("B", $signal ? "killed by signal $signal" : "no answer") if $answer eq "";
  return (substr($answer, 0, 1), substr $answer, 1);
}
sub attempt { my ($name, $code) = @_; my ($how, $saw) = apart($code); tell_host($name, $how eq "T" ? "through" : "blocked", $saw) }
sub twin { my ($code) = @_; my ($how, $saw) = apart($code); tell_host("twin", $how eq "T" ? "twin" : "twin-failed", $saw) }
sub call { my ($name, @args) = @_; my $nr = $NR{$name}; die "no such call here" unless defined $nr; $! = 0; my $got = syscall($nr + 0, map { ref $_ ? $$_ : $_ } @args); die "$!" if $got == -1; $got }
sub slurp { my ($path) = @_; sysopen(my $f, $path, O_RDONLY) or die "$!"; defined sysread($f, my $text, 4096) or die "$!"; $text }
sub put { my ($path, $text, $flags) = @_; sysopen(my $f, $path, O_WRONLY | ($flags // 0)) or die "$!"; defined syswrite($f, $text) or die "$!"; "wrote $path" }
`;

/** The argument vector that runs all attacks; `perl` is looked up inside the wall. */
export function scriptOf(attacks: readonly WallAttack[]): readonly string[] {
  const bodies = attacks.map(({ name, perl }) => `$ATTACK = ${quoted(name)}; { ${perl} }`);
  const calls = (CALLS[process.arch] ?? "").trim().split(/\s+/);
  return ["perl", "-e", `${PRELUDE}\n${bodies.join("\n")}`, "--", ...calls];
}

function quoted(text: string): string {
  if (!/^[\w -]+$/.test(text)) throw new TypeError(`An attack is not called ${text}`);
  return `'${text}'`;
}

const OUTCOMES = ["through", "blocked", "twin", "twin-failed"] as const;

/** The reports in what a program printed; other lines are noise. */
export function reportsOf(output: string): readonly Report[] {
  return output.split("\n").flatMap((line) => {
    const [attack = "", attempt = "", outcome, saw = ""] = line.split("\t");
    const known = OUTCOMES.find((each) => each === outcome);
    return known === undefined ? [] : [{ attack, attempt, outcome: known, saw }];
  });
}
