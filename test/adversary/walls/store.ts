import type { WallAttack } from "./attack.ts";

/** Change what is read-only, or what the host will read: programs, libraries, configuration, by every way of writing. */
export const store: WallAttack = {
  name: "store",
  perl: String.raw`
    for my $dir (qw(/ /usr /usr/bin /usr/lib /etc /ccos /bin /proc /dev /run /var /opt /srv /home /root)) {
      attempt "create in $dir", sub { put("$dir/ccos-attack", "x", O_CREAT | O_EXCL) };
      attempt "directory in $dir", sub { mkdir "$dir/ccos-attack-d" or die "$!"; "made" };
      attempt "link in $dir", sub { symlink "/etc/shadow", "$dir/ccos-attack-l" or die "$!"; "linked" };
    }
    for my $file (qw(/usr/bin/perl /etc/passwd /etc/hosts /etc/nsswitch.conf)) {
      attempt "write $file", sub { put($file, "x") };
      attempt "cut $file", sub { truncate($file, 0) or die "$!"; "cut" };
      attempt "rename $file", sub { rename($file, "$file.x") or die "$!"; "renamed" };
      attempt "remove $file", sub { unlink($file) or die "$!"; "removed" };
      attempt "mode of $file", sub { chmod(0777, $file) or die "$!"; "changed" };
      attempt "hard link $file", sub { link($file, "/work/l") or die "$!"; "linked" };
      attempt "through proc $file", sub { sysopen(my $f, $file, O_RDONLY) or die "$!"; put("/proc/self/fd/" . fileno($f), "x") };
    }
    attempt "shared mapping", sub { sysopen(my $f, "/usr/bin/perl", O_RDONLY) or die "$!"; call("mmap", 0, 4096, 3, 1, fileno $f, 0); "mapped for writing" };
    twin sub { sysopen(my $f, "/usr/bin/perl", O_RDONLY) or die "$!"; call("mmap", 0, 4096, 1, 1, fileno $f, 0); "reading what is shared" };`,
};
