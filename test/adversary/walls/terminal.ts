import type { WallAttack } from "./attack.ts";

/** Type into the terminal that started us: TIOCSTI in both spellings, consoles, a controlling terminal. */
export const terminal: WallAttack = {
  name: "terminal",
  perl: String.raw`
    for my $path (qw(/dev/tty /dev/console /dev/tty0 /dev/tty1 /dev/pts/0)) { attempt "open $path", sub { sysopen(my $f, $path, O_RDWR | O_NOCTTY()) or die "$!"; "opened" } }
    for my $fd (0 .. 4) {
      for my $how ([TIOCSTI => 0x5412], [TIOCSTI_high => 0x100005412], [TIOCLINUX => 0x541c], [TIOCSCTTY => 0x540e]) {
        my ($name, $request) = @$how;
        attempt "$name on $fd", sub { my $x = "x"; call("ioctl", $fd, $request, \$x); "accepted" };
      }
    }
    twin sub { POSIX::setsid() > 0 || getpgrp() > 0 ? "a session" : die "$!" };`,
};
