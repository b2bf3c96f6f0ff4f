/**
 * The jail of a monitor: the perl program that becomes QEMU, and the user that it does it as.
 *
 * Read in this order: JAIL_FD, jailedArgv, JAIL_SCRIPT.
 * It dies with the supervisor; it has namespaces of its own (user, network, mounts, names, messages), no way to
 * gain a privilege and none but to change its root, which QEMU does (`-chroot`) before the guest starts; QEMU's own
 * filter (`-sandbox`) takes fork, exec and the rest. The program's streams become ports: QEMU gets others.
 *
 * @module
 */

import { type Argv, currentUser, groupThatMayWrite, type UserLease } from "../../host/index.ts";

/** Descriptors of the jail, as {@link JAIL_SCRIPT} finds them. Those of files follow from {@link JAIL_FILES_FD}. */
export const JAIL_FD = {
  in: 0,
  out: 1,
  error: 2,
  channel: 3,
  go: 4,
  init: 5,
  words: 6,
  console: 7,
  doors: 8,
} as const;
export const JAIL_FILES_FD = 9;
/** Where the script puts the program's three streams. */
export const PORT_FD = { in: 20, out: 21, error: 22 } as const;

export interface JailUser {
  readonly uid: number;
  readonly gid: number;
}

/** A stranger where we are root, and of the group that may use KVM where it needs that; else undefined: we. */
export function jailUser(
  lease: UserLease | null,
  accelerator: "kvm" | "tcg",
): JailUser | undefined {
  if (lease === null) return undefined;
  const group = accelerator === "kvm" ? groupThatMayWrite("/dev/kvm") : null;
  return { uid: lease.uid, gid: group ?? lease.uid };
}

export interface Jailed {
  readonly perl: string;
  /** As the process is spawned. */
  readonly user: JailUser | undefined;
  /** What the jail becomes; an absolute path first. */
  readonly line: readonly string[];
}

export function jailedArgv({ perl, user, line }: Jailed): Argv {
  const { uid, gid } = user ?? currentUser();
  const words = ["-e", JAIL_SCRIPT, "--", process.pid, uid, gid, LIMITS].map(String);
  return (surplus) => [perl, ...words, surplus.join(",") || "-", ...line];
}

/** By the kernel's numbers: files of no size, no cores, few descriptors. */
const LIMITS = "1:0,4:0,7:128";

/**
 * Arguments: pid of the supervisor, user and group outside, `resource:value` limits joined by commas, descriptors
 * to close joined by commas (or `-`), then argv. Waits for a byte on descriptor 4. What fails is a line on
 * descriptor 6 that begins with `ccos-wall:`, and status 125.
 */
const JAIL_SCRIPT: string = String.raw`
use strict; use Fcntl; use POSIX ();
POSIX::dup2($_->[0], $_->[1]) // die for [0, 20], [1, 21], [2, 22], [6, 2];
sub fail { syswrite STDERR, "ccos-wall: $_[0]: $!\n"; POSIX::_exit(125); }
open(STDIN, "<", "/dev/null") && fileno(STDIN) == 0 or fail("/dev/null");
open(STDOUT, ">", "/dev/null") && fileno(STDOUT) == 1 or fail("/dev/null");
my ($parent, $uid, $gid, $limits, $surplus, @argv) = @ARGV;
sub prctl { syscall(157, $_[0] + 0, $_[1] + 0, 0, 0, 0) == 0 or fail("prctl $_[0]"); }
sub told { sysopen(my $file, $_[0], O_WRONLY) or fail($_[0]); syswrite($file, $_[1]) or fail($_[0]); }
POSIX::read(4, my $go, 1) or fail("nobody said go");
# user, mounts, host name, messages, network
syscall(272, 0x10000000 | 0x20000 | 0x4000000 | 0x8000000 | 0x40000000) == 0 or fail("namespaces");
told("/proc/self/setgroups", "deny"); told("/proc/self/uid_map", "0 $uid 1"); told("/proc/self/gid_map", "0 $gid 1");
# every capability but CAP_SYS_CHROOT
for my $capability (0 .. 63) { next if $capability == 18; last if syscall(157, 24, $capability, 0, 0, 0) != 0; }
prctl(38, 1);
prctl(1, 9);
getppid() == $parent or fail("the supervisor is gone");
for (split /,/, $limits) { my ($resource, $value) = split /:/; my $both = pack("QQ", $value, $value); syscall(302, 0, $resource + 0, $both, 0) == 0 or fail("limit $resource"); }
POSIX::close($_) for 4, 6, grep { /\d/ } split /,/, $surplus;
%ENV = ();
exec { $argv[0] } @argv or fail("exec $argv[0]");
`;
