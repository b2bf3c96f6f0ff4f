/**
 * What a guest's kernel is built with, on top of `make tinyconfig`: the processor, the devices of the three monitors, what
 * Node, Python and perl ask, what process 1 holds them with; and by name what must not be there.
 *
 * @module
 */

/** As in a kernel's `.config`, without the prefix `CONFIG_`. */
const WANTED = `
# Processor, and how a monitor starts it
64BIT=y
SMP=y
NR_CPUS=32
HYPERVISOR_GUEST=y
PARAVIRT=y
KVM_GUEST=y
PVH=y
X86_MPPARSE=y
ACPI=y
PCI=y
PCI_MSI=y
PCI_MMCONFIG=y
BLK_DEV_INITRD=y
RD_GZIP=n
RD_BZIP2=n
RD_LZMA=n
RD_XZ=n
RD_LZO=n
RD_LZ4=n
RD_ZSTD=n
EXPERT=y
CC_OPTIMIZE_FOR_PERFORMANCE=y
LOCALVERSION="-ccos"
LOCALVERSION_AUTO=n
DEFAULT_HOSTNAME="agent"
PRINTK=y
BUG=y
PANIC_ON_OOPS=y
PANIC_TIMEOUT=-1

# What Node, Python and perl ask of a kernel
MULTIUSER=y
BINFMT_ELF=y
BINFMT_SCRIPT=y
FUTEX=y
EPOLL=y
SIGNALFD=y
TIMERFD=y
EVENTFD=y
SHMEM=y
TMPFS=y
ADVISE_SYSCALLS=y
MEMBARRIER=y
RSEQ=y
POSIX_TIMERS=y
HIGH_RES_TIMERS=y
NO_HZ_IDLE=y
HZ_100=y
FILE_LOCKING=y
INOTIFY_USER=y
PROC_FS=y
PROC_SYSCTL=y
SYSFS=y
TTY=y
NET=y
UNIX=y
INET=y

# What process 1 holds a program with
CGROUPS=y
MEMCG=y
CGROUP_PIDS=y
SECCOMP=y
SECCOMP_FILTER=y
SECURITY=y
SECURITY_LANDLOCK=y
SECURITY_YAMA=y
LSM="landlock,yama"

# Devices of the three monitors, and no other
VIRTIO_MENU=y
VIRTIO_MMIO=y
VIRTIO_MMIO_CMDLINE_DEVICES=y
VIRTIO_PCI=y
VIRTIO_PCI_LEGACY=n
BLK_DEV=y
VIRTIO_BLK=y
VIRTIO_CONSOLE=y
HW_RANDOM=y
HW_RANDOM_VIRTIO=y
RANDOM_TRUST_CPU=y
VIRT_DRIVERS=y
VMGENID=y
PVPANIC=y
PVPANIC_MMIO=y
VSOCKETS=y
VIRTIO_VSOCKETS=y
NETDEVICES=y
NET_CORE=y
VIRTIO_NET=y
SERIAL_8250=y
SERIAL_8250_CONSOLE=y
SERIAL_8250_NR_UARTS=1
SERIAL_8250_RUNTIME_UARTS=1

# The root: squashfs behind its verity tree
BLOCK=y
DEVTMPFS=y
MD=y
BLK_DEV_DM=y
DM_INIT=y
DM_VERITY=y
CRYPTO=y
CRYPTO_SHA256=y
MISC_FILESYSTEMS=y
SQUASHFS=y
SQUASHFS_FILE_DIRECT=y
SQUASHFS_LZ4=y

# Harder to abuse
STACKPROTECTOR=y
STACKPROTECTOR_STRONG=y
STRICT_KERNEL_RWX=y
VMAP_STACK=y
RANDOMIZE_KSTACK_OFFSET=y
RANDOMIZE_KSTACK_OFFSET_DEFAULT=y
FORTIFY_SOURCE=y
HARDENED_USERCOPY=y
SLUB=y
SLAB_FREELIST_RANDOM=y
SLAB_FREELIST_HARDENED=y
INIT_ON_ALLOC_DEFAULT_ON=y
CPU_MITIGATIONS=y
RETPOLINE=y
PAGE_TABLE_ISOLATION=y
LEGACY_VSYSCALL_NONE=y

# Not there at all
MODULES=n
BPF_SYSCALL=n
IO_URING=n
AIO=n
NAMESPACES=n
KEYS=n
KEXEC=n
KEXEC_FILE=n
HIBERNATION=n
SWAP=n
USERFAULTFD=n
KPROBES=n
FTRACE=n
DEBUG_FS=n
KALLSYMS=n
IKCONFIG=n
PROC_KCORE=n
COREDUMP=n
ELF_CORE=n
DEVMEM=n
DEVPORT=n
MAGIC_SYSRQ=n
VT=n
UNIX98_PTYS=n
LEGACY_PTYS=n
INPUT=n
USB_SUPPORT=n
SYSVIPC=n
POSIX_MQUEUE=n
CROSS_MEMORY_ATTACH=n
X86_X32_ABI=n
IA32_EMULATION=n
MODIFY_LDT_SYSCALL=n
X86_IOPL_IOPERM=n
X86_MSR=n
X86_CPUID=n
IPV6=n
PACKET=n
NETFILTER=n
ETHERNET=n
WLAN=n
FUSE_FS=n
OVERLAY_FS=n
EXT4_FS=n
NETWORK_FILESYSTEMS=n
`;

/** Lines of `.config`. What the sources do not know is not obeyed: see {@link disobeyed}. */
export const KERNEL_CONFIG: readonly string[] = WANTED.split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => `CONFIG_${line}`);

/** @returns The lines that a finished `.config` does not hold to: off what should be on, or on what should be off. */
export function disobeyed(config: string): readonly string[] {
  const lines = new Set(config.split("\n"));
  const names = new Set([...lines].map(nameOf));
  return KERNEL_CONFIG.filter((line) =>
    line.endsWith("=n") ? names.has(nameOf(line)) : !lines.has(line),
  );
}

function nameOf(line: string): string {
  return line.split("=", 1)[0] ?? line;
}
