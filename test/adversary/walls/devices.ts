import type { WallAttack } from "./attack.ts";

/** Disks, memory, virtual machines, loops: what a device node would give. */
export const devices: WallAttack = {
  name: "devices",
  perl: String.raw`
    for my $path (qw(/dev/mem /dev/kmem /dev/port /dev/kmsg /dev/kvm /dev/fuse /dev/loop-control /dev/net/tun /dev/vhost-net /dev/vda /dev/sda /dev/nvme0n1 /dev/dm-0 /dev/mapper/control /dev/uinput /dev/snapshot /dev/vsock)) {
      attempt "read $path", sub { slurp($path); "opened" };
      attempt "write $path", sub { sysopen(my $f, $path, O_WRONLY) or die "$!"; "opened" };
    }
    for my $node ([disk => S_IFBLK() | 0600, 254 << 8], [memory => S_IFCHR() | 0600, (1 << 8) | 1], [kmsg => S_IFCHR() | 0600, (1 << 8) | 11]) {
      my ($name, $mode, $device) = @$node;
      for my $dir ("/work", "/tmp", "/dev/shm") {
        attempt "make $name in $dir", sub { my $p = "$dir/node-$name"; call("mknod", \$p, $mode, $device); sysopen(my $f, $p, O_RDWR) or die "made, not opened: $!"; "opened" };
      }
    }
    twin sub { put("/dev/null", "x"); length slurp("/dev/zero") ? "null and zero" : die "empty" };`,
  answeredInside: {
    gvisor: {
      attempts: ["write /dev/fuse", "write /dev/net/tun"],
      why: "the sentry's own: a file system or an interface of its own network takes rights that nobody has there",
    },
  },
};
