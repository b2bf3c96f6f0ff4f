import type { WallAttack } from "./attack.ts";

/** Change what is mounted where: make read-only writable, cover, uncover, graft. */
export const mounts: WallAttack = {
  name: "mounts",
  perl: String.raw`
    attempt "tmpfs over root", sub { call("mount", \"none", \"/", \"tmpfs", 0, 0); "mounted" };
    attempt "remount usr writable", sub { call("mount", \"none", \"/usr", \"", 0x20 | 0x1000, 0); "remounted" };
    attempt "remount proc writable", sub { call("mount", \"none", \"/proc", \"", 0x20, 0); "remounted" };
    attempt "proc again", sub { mkdir "/work/p"; call("mount", \"proc", \"/work/p", \"proc", 0, 0); "mounted" };
    attempt "bind root", sub { mkdir "/work/b"; call("mount", \"/", \"/work/b", \"", 0x1000, 0); "bound" };
    attempt "unmount proc", sub { call("umount2", \"/proc", 2); "unmounted" };
    attempt "pivot", sub { call("pivot_root", \"/work", \"/work"); "pivoted" };
    attempt "chroot", sub { mkdir "/work/c"; call("chroot", \"/work/c"); "changed root" };
    attempt "fsopen", sub { call("fsopen", \"tmpfs", 0); "opened" };
    attempt "open_tree", sub { call("open_tree", -100, \"/", 1); "cloned" };
    attempt "mount_setattr", sub { my $attr = pack("QQQQ", 0, 1, 0, 0); call("mount_setattr", -100, \"/usr", 0, \$attr, 32); "set" };
    twin sub { opendir(my $d, "/usr/lib") or die "$!"; "what is mounted for it" };`,
  answeredInside: {
    gvisor: {
      attempts: ["chroot"],
      why: "the sentry changes the root of its own process; the host's files are behind the gofer",
    },
  },
};
