/*
 * Process 1 of the microVM: raises the inside of the wall, runs one program, says how it ended, powers off.
 *
 * Read in this order: begin, obey (what the host tells it), run, turn. Freestanding: no C library, no allocation, no
 * shell. The host is behind virtio-serial ports, or behind vsock streams where the kernel's line says
 * "ccos.control=vsock"; the rest is the same. It speaks first, on the port "ccos.init": records of a type byte, a length (32 bits, little endian) and
 * that many bytes, in which words end with NUL. Types: m tmpfs, d drive, f file, s symlink, l limit, g group, e
 * entropy, t time, w door, c the program has the channel, k system call filter, v variable, a argument, x go. Answers are lines: `up`, then
 * `end STATUS OOM OUT ERR CHANNEL` (wait status, kills for memory, bytes written to each port), or `fail WHY ERRNO`.
 * After go the host says `i COUNT` or `o`
 * (nine bytes); process 1 ends the machine at o, or when the host is gone, as "ccos.end" on the kernel's line says. The program never holds a port: it gets pipes and a socket pair.
 *
 * Built by scripts/microvm-programs.mjs; the same compiler gives the same bytes.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { SYS_sendto = 44, SYS_shutdown = 48, SYS_bind = 49, SYS_listen = 50, SYS_accept4 = 288, SYS_clock_settime = 227,
  SYS_read = 0, SYS_write, SYS_open, SYS_close, SYS_poll = 7, SYS_rt_sigprocmask = 14, SYS_ioctl = 16,
  SYS_dup2 = 33, SYS_socketpair = 53, SYS_socket = 41, SYS_connect = 42, SYS_fork = 57, SYS_execve = 59, SYS_exit = 60,
  SYS_wait4 = 61, SYS_kill = 62, SYS_fcntl = 72, SYS_chdir = 80, SYS_mkdir = 83, SYS_symlink = 88, SYS_umask = 95, SYS_setgroups = 116, SYS_setresuid = 117, SYS_setresgid = 119, SYS_mknod = 133, SYS_prctl = 157,
  SYS_chroot = 161, SYS_mount = 165, SYS_reboot = 169, SYS_signalfd4 = 289, SYS_pipe2 = 293, SYS_prlimit64 = 302,
  SYS_finit_module = 313, SYS_setsid = 112 };
enum { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_NONBLOCK = 04000, O_CLOEXEC = 02000000 };
enum { MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_REMOUNT = 32, MS_BIND = 4096, MS_MOVE = 8192 };
enum { POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16 };
enum { EAGAIN = 11, EINTR = 4 };
enum { F_SETFL = 4 };

static long call(long n, long a, long b, long c, long d, long e) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
    : "rcx", "r11", "memory");
  return result;
}
#define call3(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0, 0)
#define call2(n, a, b) call3(n, a, b, 0)
#define call1(n, a) call3(n, a, 0, 0)

void *memset(void *to, int byte, u64 count) { u8 *p = to; while (count--) *p++ = byte; return to; }
void *memcpy(void *to, const void *from, u64 count) { u8 *p = to; const u8 *q = from; while (count--) *p++ = *q++; return to; }
static u64 length(const char *text) { u64 n = 0; while (text[n]) n++; return n; }
static int same(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return *a == *b; }
static int starts(const char *a, const char *b) { while (*b && *a == *b) a++, b++; return !*b; }
static u64 number(const char *text, u32 base) { u64 n = 0; while (*text >= '0' && *text < '0' + (int)base) n = n * base + *text++ - '0'; return n; }
static char *digits(u64 n, char *end) { *--end = 0; do *--end = '0' + n % 10; while (n /= 10); return end; }

static int host = -1; /* the port "ccos.init" */

static void write_all(int fd, const void *bytes, u64 count) {
  const u8 *at = bytes;
  while (count) {
    long n = call3(SYS_write, fd, at, count > 32768 ? 32768 : count);
    if (n == -EAGAIN || n == -EINTR) { struct { int fd; short events, seen; } one = { fd, POLLOUT, 0 }; call3(SYS_poll, &one, 1, 1000); continue; }
    if (n <= 0) return;
    at += n; count -= n;
  }
}
static void say(const char *text) { write_all(host, text, length(text)); }
static void say_number(u64 n) { char room[24]; say(" "); say(digits(n, room + 24)); }

/* ` NUMBER` at the end of a line. @returns The new end. */
static char *join(char *end, u64 n) {
  char room[24], *text = digits(n, room + 24);
  *end = ' ';
  memcpy(end + 1, text, length(text) + 1);
  return end + 1 + length(text);
}

/* A reset ends some machines and boots others again. */
static enum { RESET = 0x01234567, POWER_OFF = 0x4321fedc } ending = RESET;
static void off(void) {
  call3(SYS_reboot, 0xfee1deadu, 672274793, ending);
  for (;;) call3(SYS_poll, 0, 0, 1000);
}
/* The host reads the last words, then ends us; what is under way over vsock is lost when the machine ends, so there it
   is the host that closes. */
static void hang_up(void) {
  static u8 unread[4096];
  struct { int fd; short events, seen; } one = { host, POLLIN, 0 };
  if (call2(SYS_shutdown, host, 1) < 0) { call3(SYS_poll, 0, 0, 2000); return; }
  for (int idle = 0; idle < 20;) {
    call3(SYS_poll, &one, 1, 100);
    long n = call3(SYS_read, host, unread, sizeof unread);
    if (n == -EAGAIN || n == -EINTR) idle++;
    else if (n <= 0) return;
  }
}
static void fail(const char *why, long error) {
  if (host < 0) host = call2(SYS_open, "/dev/console", O_WRONLY);
  say("fail "); say(why); say_number(error < 0 ? -error : 0); say("\n");
  hang_up();
  off();
}
static long must(const char *what, long result) { if (result < 0) fail(what, result); return result; }

static long read_file(const char *path, char *to, u64 room) {
  long fd = call3(SYS_open, path, O_RDONLY | O_CLOEXEC, 0), n;
  if (fd < 0) return fd;
  n = call3(SYS_read, fd, to, room - 1);
  call1(SYS_close, fd);
  to[n > 0 ? n : 0] = 0;
  return n;
}
static long write_file(const char *path, const char *text) {
  long fd = call3(SYS_open, path, O_WRONLY | O_CLOEXEC, 0), n;
  if (fd < 0) return fd;
  n = call3(SYS_write, fd, text, length(text));
  call1(SYS_close, fd);
  return n;
}
static long mount(const char *from, const char *at, const char *type, u64 flags, const char *options) {
  return call(SYS_mount, (long)from, (long)at, (long)type, flags, (long)options);
}

/* What follows `key` on the kernel's line, to be changed at will, or 0. A key begins with a space. */
static char *boot_word(const char *key) {
  static char line[4096];
  must("/proc/cmdline", read_file("/proc/cmdline", line, sizeof line));
  for (char *at = line; *at; at++) if (starts(at, key)) return at + length(key);
  return 0;
}

/* The list names one file a line, in the order of their needs. Absent: the kernel has all it needs. */
static void load_modules(const char *names) {
  static char list[8192], path[512];
  if (read_file(names, list, sizeof list) <= 0) return;
  for (char *name = list; *name;) {
    char *end = name;
    while (*end && *end != '\n') end++;
    char last = *end;
    *end = 0;
    memcpy(path, "/lib/", 5);
    memcpy(path + 5, name, end - name + 1);
    long fd = must(name, call3(SYS_open, path, O_RDONLY | O_CLOEXEC, 0));
    must(name, call3(SYS_finit_module, fd, "", 0));
    call1(SYS_close, fd);
    name = last ? end + 1 : end;
  }
}

/* How the host is reached; the names of its ports, whose numbers on vsock follow each other (src/isolation/vm/machine-image.ts). */
static int by_vsock;
enum { INIT, IN, OUT, ERR, CHANNEL, DOORS, FIRST_PORT = 1024, HOST_CID = 2, AF_VSOCK = 40 };
static const char *const port_names[] = { "ccos.init", "ccos.in", "ccos.out", "ccos.err", "ccos.channel", "ccos.doors" };

static long call_host(u32 number) {
  struct { unsigned short family, zero; u32 port, cid, flags; } at = { AF_VSOCK, 0, number, HOST_CID, 0 };
  long fd = call3(SYS_socket, AF_VSOCK, 1 | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  long failed = call3(SYS_connect, fd, &at, sizeof at);
  if (failed < 0) { call1(SYS_close, fd); return failed; }
  call3(SYS_fcntl, fd, F_SETFL, O_NONBLOCK);
  return fd;
}

/* The port of that name, or -1. Each is opened once: one that is opened again goes silent. */
static long port(const char *name) {
  char path[] = "/sys/class/virtio-ports/vport0p0/name", device[] = "/dev/vport0p0", found[64];
  for (int bus = 0; bus < 8; bus++) {
    for (int index = 1; index < 10; index++) {
      path[29] = device[10] = '0' + bus;
      path[31] = device[12] = '0' + index;
      long n = read_file(path, found, sizeof found);
      if (n <= 0) continue;
      if (found[n - 1] == '\n') found[n - 1] = 0;
      if (same(found, name)) return call3(SYS_open, device, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    }
  }
  return -1;
}
static long await_port(int which) {
  long fd = -1;
  for (int turn = 0; turn < 1000; turn++) {
    fd = by_vsock ? call_host(FIRST_PORT + which) : port(port_names[which]);
    if (fd >= 0) return fd;
    call3(SYS_poll, 0, 0, 5);
  }
  fail(port_names[which], fd);
  return -1;
}

/* One order to the device mapper (linux/dm-ioctl.h); words are what a table's target reads. */
static struct {
  u32 version[3], data_size, data_start, target_count; int open_count; u32 flags, event_nr, padding;
  u64 device; char name[128], uuid[136];
  u64 first, sectors; int status; u32 next; char type[16], words[512];
} mapper;
enum { DM_HEAD = 312, DM_READONLY = 1, DM_DEV_CREATE = 0xc138fd03, DM_DEV_SUSPEND = 0xc138fd06, DM_TABLE_LOAD = 0xc138fd09 };
static void order(int control, u32 what, const char *name) {
  mapper.version[0] = 4; mapper.version[1] = mapper.version[2] = 0;
  mapper.data_size = sizeof mapper; mapper.data_start = DM_HEAD; mapper.flags = DM_READONLY; mapper.device = 0;
  memcpy(mapper.name, name, length(name) + 1);
  must(name, call3(SYS_ioctl, control, what, &mapper));
}
static char *add(char *end, const char *text) { memcpy(end, text, length(text) + 1); return end + length(text); }

/* "/dev/vda" is checked against the tree behind its data as it is read, where the kernel's line has
   " ccos.vda=BLOCKS:ROOT:SALT" (docs/adr/0019-verity-and-kernel.md). @returns The device to mount. */
static const char *behind_tree(const char *device) {
  static char key[] = " ccos.vd?=", target[] = "/dev/dm-?";
  char *at, *part[3], *end;
  key[8] = device[7];
  at = boot_word(key);
  if (!at) return device;
  for (int i = 0; i < 3; i++) {
    part[i] = at;
    while (*at > ' ' && *at != ':') at++;
    if (*at == ':' ? i == 2 : i < 2) fail("the name of a tree", 0);
    *at++ = 0;
  }
  u64 blocks = number(part[0], 10);
  if (at - part[0] > 160 || !blocks) fail("the name of a tree", 0);
  int control = must("/dev/mapper/control", call3(SYS_open, "/dev/mapper/control", O_RDWR | O_CLOEXEC, 0));
  memset(&mapper, 0, sizeof mapper);
  order(control, DM_DEV_CREATE, device + 5);
  target[8] = '0' + (mapper.device & 7);
  end = add(mapper.words, "1 "); end = add(end, device); end = add(end, " "); end = add(end, device);
  end = add(end, " 4096 4096"); end = join(end, blocks); end = join(end, blocks + 1); end = add(end, " sha256 ");
  end = add(end, part[1]); end = add(end, " "); end = add(end, part[2]); add(end, " 1 panic_on_corruption");
  mapper.target_count = 1; mapper.sectors = blocks * 8;
  memcpy(mapper.type, "verity", 7);
  order(control, DM_TABLE_LOAD, device + 5);
  order(control, DM_DEV_SUSPEND, device + 5);
  call1(SYS_close, control);
  return target;
}

/* A block device may show a moment after its driver. */
static void mount_drive(const char *device, const char *at, u64 flags) {
  long fd = -1;
  for (int turn = 0; turn < 400 && fd < 0; turn++) {
    fd = call2(SYS_open, device, O_RDONLY | O_CLOEXEC);
    if (fd < 0) call3(SYS_poll, 0, 0, 5);
  }
  call1(SYS_close, must(device, fd));
  device = behind_tree(device);
  must(device, mount(device, at, "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID | flags, ""));
}

/* Relative to the root that the program gets. */
static void make_devices(void) {
  static const struct { const char *path; u32 major, minor; } devices[] = { { "dev/null", 1, 3 }, { "dev/zero", 1, 5 },
    { "dev/full", 1, 7 }, { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };
  must("/root", call1(SYS_chdir, "/root"));
  must("dev", mount("dev", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=0755"));
  for (int i = 0; i < COUNT(devices); i++)
    must(devices[i].path, call3(SYS_mknod, devices[i].path, 0020666, devices[i].major << 8 | devices[i].minor));
  call2(SYS_symlink, "/proc/self/fd", "dev/fd");
  call2(SYS_symlink, "/proc/self/fd/0", "dev/stdin");
  call2(SYS_symlink, "/proc/self/fd/1", "dev/stdout");
  call2(SYS_symlink, "/proc/self/fd/2", "dev/stderr");
  must("dev/shm", call2(SYS_mkdir, "dev/shm", 0777));
}

static void raise_loopback(void) {
  char request[40];
  long s = call3(SYS_socket, 2, 2, 0);
  if (s < 0) return;
  memset(request, 0, sizeof request);
  request[0] = 'l'; request[1] = 'o'; request[16] = 0x41;
  call3(SYS_ioctl, s, 0x8914, request);
  call1(SYS_close, s);
}

/* What the host told. */
static char pool[512 * 1024];
static u64 pool_used;
static char *argv[1024], *envp[512];
static int argc, envc;
static struct { u32 resource; u64 both[2]; } limits[16];
static int limit_count;
static u8 *filter;
static u64 filter_bytes;
static long group_procs = -1, group_events = -1, group_kill = -1;
static int has_channel;

static void read_exactly(void *to, u64 count) {
  u8 *at = to;
  while (count) {
    struct { int fd; short events, seen; } one = { host, POLLIN, 0 };
    call3(SYS_poll, &one, 1, -1);
    long n = call3(SYS_read, host, at, count > 32768 ? 32768 : count);
    if (n == -EAGAIN || n == -EINTR) continue;
    if (n <= 0) off();
    at += n; count -= n;
  }
}
static char *keep(u64 count) {
  char *at = pool + pool_used;
  if (pool_used >= sizeof pool || count >= sizeof pool - pool_used) fail("too much was told", 0);
  read_exactly(at, count);
  at[count] = 0;
  pool_used = (pool_used + count + 8) & ~7ul;
  return at;
}
static char *word(char **at) { char *start = *at; *at += length(start) + 1; return start; }

/* Directories on the way to a file. */
static void make_way(char *path) {
  for (char *at = path + 1; *at; at++) {
    if (*at != '/') continue;
    *at = 0; call2(SYS_mkdir, path, 0755); *at = '/';
  }
}
/* Mode and path are words; what follows them is the content. */
static void obey_file(u64 count) {
  static u8 block[32768];
  char *words, *at;
  u64 kept = pool_used;
  u8 head[4];
  read_exactly(head, 4);
  u64 name_bytes = head[0] | head[1] << 8 | head[2] << 16;
  if (count < 4) fail("a file's name", 0);
  count -= 4;
  if (name_bytes > count || name_bytes > 8192) fail("a file's name", 0);
  at = words = keep(name_bytes);
  count -= name_bytes;
  u32 mode = number(word(&at), 8);
  char *path = word(&at);
  make_way(path);
  long fd = must(path, call3(SYS_open, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  while (count) {
    u64 part = count > sizeof block ? sizeof block : count;
    read_exactly(block, part);
    for (u64 done = 0; done < part;) done += must(path, call3(SYS_write, fd, block + done, part - done));
    count -= part;
  }
  call1(SYS_close, fd);
  /* Bound over itself, read-only: whoever owns the directory cannot replace it. */
  must(path, mount(path, path, "", MS_BIND, 0));
  must(path, mount("", path, "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, 0));
  pool_used = kept;
}
static void obey_entropy(char *bytes, u64 count) {
  struct { int bits, bytes; u8 content[64]; } pour;
  long fd = call3(SYS_open, "/dev/urandom", O_RDWR | O_CLOEXEC, 0);
  if (count != sizeof pour.content) fail("entropy", 0);
  pour.bits = 512; pour.bytes = 64;
  memcpy(pour.content, bytes, 64);
  must("entropy", call3(SYS_ioctl, fd, 0x40085203, &pour));
  must("entropy", call3(SYS_ioctl, fd, 0x5207, 0));
  memset(&pour, 0, sizeof pour);
  memset(bytes, 0, count);
  call1(SYS_close, fd);
}
/* Seconds and nanoseconds of the host's clock: a machine that was restored has the one of its template. */
static void obey_time(char *seconds, char *nanoseconds) {
  u64 now[2] = { number(seconds, 10), number(nanoseconds, 10) };
  must("time", call2(SYS_clock_settime, 0, now));
}
static void obey_group(char *name, char *value) {
  static char path[256];
  memcpy(path, "/sys/fs/cgroup/program/", 23);
  if (length(name) > 200) fail("group", 0);
  memcpy(path + 23, name, length(name) + 1);
  must(name, write_file(path, value));
}

#include "doors.h"

/* @returns 0 when the program is to start. */
static int obey(void) {
  u8 head[5];
  read_exactly(head, 5);
  u64 count = head[1] | head[2] << 8 | head[3] << 16 | (u64)head[4] << 24;
  if (head[0] == 'f') { obey_file(count); return 1; }
  char *at = keep(count), *first;
  switch (head[0]) {
    case 'm': first = word(&at); must(first, mount("tmpfs", first, "tmpfs", MS_NOSUID | MS_NODEV, word(&at))); break;
    case 'r': /* of /dev, whose devices stay usable, or of files */
      first = word(&at);
      must(first, mount("", first, "", MS_REMOUNT | MS_RDONLY | MS_NOSUID | (same(first, "/root/dev") ? MS_NOEXEC : MS_NODEV), 0));
      break;
    case 'd': first = word(&at); call2(SYS_mkdir, at, 0755); mount_drive(first, at, MS_NOEXEC); break;
    case 's': first = word(&at); make_way(at); must(at, call2(SYS_symlink, first, at)); break;
    case 'g': first = word(&at); obey_group(first, word(&at)); break;
    case 'e': obey_entropy(at, count); break;
    case 't': first = word(&at); obey_time(first, word(&at)); break;
    case 'w': make_door(at); break;
    case 'c': has_channel = 1; break;
    case 'k': filter = (u8 *)at; filter_bytes = count; break;
    case 'l':
      if (limit_count == COUNT(limits)) fail("limits", 0);
      limits[limit_count].resource = number(word(&at), 10);
      limits[limit_count].both[0] = number(word(&at), 10);
      limits[limit_count++].both[1] = number(word(&at), 10);
      break;
    case 'v': if (envc == COUNT(envp) - 1) fail("variables", 0); envp[envc++] = at; break;
    case 'a': if (argc == COUNT(argv) - 1) fail("arguments", 0); argv[argc++] = at; break;
    case 'x': return 0;
    default: fail("an unknown record", 0);
  }
  return 1;
}

/* In the child, after fork. */
static void become_program(int in, int out, int error, int channel, int verdict) {
  char self[24] = "0";
  call3(SYS_write, group_procs, self, 1);
  u64 none = 0;
  call(SYS_rt_sigprocmask, 2, (long)&none, 0, 8, 0);
  call1(SYS_setsid, 0);
  call2(SYS_dup2, in, 0); call2(SYS_dup2, out, 1); call2(SYS_dup2, error, 2);
  if (channel >= 0) { call2(SYS_dup2, channel, 3); call3(SYS_fcntl, 3, 2 /* F_SETFD */, 0); }
  long failed = call1(SYS_chdir, "/work");
  for (int i = 0; i < limit_count && failed >= 0; i++)
    failed = call(SYS_prlimit64, 0, limits[i].resource, (long)limits[i].both, 0, 0);
  call1(SYS_umask, 022);
  if (failed >= 0) failed = become_nobody(1000);
  if (failed >= 0 && filter_bytes) {
    struct { unsigned short count; u8 *code; } program = { filter_bytes / 8, filter };
    failed = call(SYS_prctl, 22, 2, (long)&program, 0, 0);
  }
  if (failed >= 0) failed = call3(SYS_execve, argv[0], argv, envp);
  int error_number = -failed;
  call3(SYS_write, verdict, &error_number, sizeof error_number);
  call1(SYS_exit, 127);
}

/* `most`: bytes after which it is over, once that is known. */
struct pump { int from, to, over; u32 start, held; u64 total, most; u8 *block; };
static u8 blocks[5][32768];

/* One turn of a copy; both ends are non-blocking. */
static void turn(struct pump *p) {
  if (p->over) return;
  if (!p->held) {
    long n = call3(SYS_read, p->from, p->block, sizeof blocks[0]);
    if (n == -EAGAIN || n == -EINTR) return;
    if (n <= 0) { p->over = 1; return; }
    p->start = 0; p->held = n;
  }
  long n = call3(SYS_write, p->to, p->block + p->start, p->held);
  if (n == -EAGAIN || n == -EINTR) return;
  if (n <= 0) { p->over = 1; return; }
  p->start += n; p->held -= n; p->total += n;
  if (p->total >= p->most) p->over = 1;
}

/* After go: `o` power off, `i COUNT` the program's input ends after so many bytes. */
static void hear(struct pump *input) {
  u8 told[9];
  read_exactly(told, sizeof told);
  if (told[0] != 'i') off();
  memcpy(&input->most, told + 1, 8);
  if (input->total >= input->most) input->over = 1;
}

/* Reap all that ended. @returns 1 when `program` was among them. */
static int reap(long program, int *status) {
  int seen = 0, each;
  for (;;) {
    long pid = call(SYS_wait4, -1, (long)&each, 1 /* WNOHANG */, 0, 0);
    if (pid <= 0) return seen;
    if (pid == program) { *status = each; seen = 1; }
  }
}
/* The process of the doors ends by itself, once it has sent what the program left. */
static void end_all(long door_keeper, int life) {
  call3(SYS_write, group_kill, "1", 1);
  call1(SYS_close, life);
  for (int turn = 0; door_keeper > 0 && turn < 250; turn++) {
    if (call(SYS_wait4, door_keeper, 0, 1 /* WNOHANG */, 0, 0) != 0) break;
    call3(SYS_poll, 0, 0, 4);
  }
  for (;;) {
    call2(SYS_kill, -1, 9);
    if (call(SYS_wait4, -1, 0, 0, 0, 0) < 0) return;
  }
}
static u64 kills_for_memory(void) {
  static char text[512];
  long n = call3(SYS_read, group_events, text, sizeof text - 1);
  for (char *at = text; n > 0 && *at; at++)
    if (at[0] == '\n' && at[1] == 'o' && at[5] == 'k') return number(at + 10, 10);
  return 0;
}

static void run(int port_in, int port_out, int port_error, int port_channel, int port_doors) {
  int in[2], out[2], error[2], pair[2], verdict[2], life[2], status = 0, dead = 0;
  must("pipe", call2(SYS_pipe2, in, O_CLOEXEC));
  must("pipe", call2(SYS_pipe2, out, O_CLOEXEC));
  must("pipe", call2(SYS_pipe2, error, O_CLOEXEC));
  must("pipe", call2(SYS_pipe2, verdict, O_CLOEXEC));
  must("socketpair", call(SYS_socketpair, 1, 1 | O_CLOEXEC, 0, (long)pair, 0));
  must("pipe", call2(SYS_pipe2, life, O_CLOEXEC));
  long door_keeper = keep_doors(port_doors, life);
  u64 child_ended = 1ul << 16;
  must("mask", call(SYS_rt_sigprocmask, 0, (long)&child_ended, 0, 8, 0));
  long ended = must("signalfd", call(SYS_signalfd4, -1, (long)&child_ended, 8, O_CLOEXEC | O_NONBLOCK, 0));
  long program = must("fork", call1(SYS_fork, 0));
  if (!program) become_program(in[0], out[1], error[1], port_channel < 0 ? -1 : pair[1], verdict[1]);
  call1(SYS_close, in[0]); call1(SYS_close, out[1]); call1(SYS_close, error[1]); call1(SYS_close, verdict[1]);
  call1(SYS_close, pair[1]);
  int refused = 0;
  if (call3(SYS_read, verdict[0], &refused, sizeof refused) > 0) fail("the program cannot start", -refused);
  say("up\n");
  int ours[] = { in[1], out[0], error[0], pair[0] };
  for (int i = 0; i < COUNT(ours); i++) call3(SYS_fcntl, ours[i], F_SETFL, O_NONBLOCK);
  struct pump pumps[5] = { { port_in, in[1] }, { out[0], port_out }, { error[0], port_error },
    { port_channel, pair[0] }, { pair[0], port_channel } };
  for (int i = 0; i < 5; i++) { pumps[i].block = blocks[i]; pumps[i].most = ~0ul; }
  if (port_channel < 0) pumps[3].over = pumps[4].over = 1;
  int closed_in = 0, closed_channel = 0;
  while (!dead || !(pumps[1].over && pumps[2].over && pumps[4].over)) {
    struct { int fd; short events, seen; } watched[7] = { { ended, POLLIN, 0 }, { host, POLLIN, 0 } };
    for (int i = 0; i < 5; i++) {
      watched[i + 2].fd = pumps[i].over ? -1 : pumps[i].held ? pumps[i].to : pumps[i].from;
      watched[i + 2].events = pumps[i].held ? POLLOUT : POLLIN;
    }
    call3(SYS_poll, watched, 7, -1);
    if (watched[1].seen) hear(&pumps[0]);
    if (watched[0].seen) {
      u8 news[128];
      call3(SYS_read, ended, news, sizeof news);
      if (reap(program, &status)) { dead = 1; end_all(door_keeper, life[1]); }
    }
    for (int i = 0; i < 5; i++) if (watched[i + 2].seen) turn(&pumps[i]);
    if (pumps[0].over && !closed_in) { closed_in = 1; call1(SYS_close, in[1]); }
    if (pumps[3].over && !closed_channel) { closed_channel = 1; call2(48 /* shutdown */, pair[0], 1); }
  }
  char line[128] = "end", *end = line + 3;
  u64 told[] = { status, kills_for_memory(), pumps[1].total, pumps[2].total, pumps[4].total };
  for (int i = 0; i < COUNT(told); i++) end = join(end, told[i]);
  memcpy(end, "\n", 2);
  say(line);
  for (;;) hear(&pumps[0]);
}

static void enter_root(void) {
  /* What says more of the machine than a program needs; where the kernel has no such file, nothing says it. */
  static const char *const masked[] = { "proc/cmdline", "proc/config.gz", "proc/keys", "proc/kallsyms", "proc/modules" };
  must("proc", mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible"));
  for (int i = 0; i < COUNT(masked); i++) mount("dev/null", masked[i], "", MS_BIND, 0);
  must("proc", mount("", "proc", "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 0));
  must("/root", mount(".", "/", "", MS_MOVE, 0));
  must("/root", call1(SYS_chroot, "."));
  must("/", call1(SYS_chdir, "/"));
}

__attribute__((used)) static void begin(void) {
  call1(SYS_umask, 0);
  mount("dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "");
  mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  if (boot_word(" ccos.end=poweroff")) ending = POWER_OFF;
  by_vsock = boot_word(" ccos.control=vsock") != 0;
  load_modules("/modules");
  if (by_vsock) load_modules("/modules.vsock");
  write_file("/proc/sys/kernel/modules_disabled", "1");
  host = await_port(INIT);
  int in = await_port(IN), out = await_port(OUT), error = await_port(ERR);
  int channel = await_port(CHANNEL), door_port = await_port(DOORS);
  must("cgroup", mount("group", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""));
  must("cgroup", write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids"));
  must("cgroup", call2(SYS_mkdir, "/sys/fs/cgroup/program", 0755));
  group_procs = must("cgroup", call2(SYS_open, "/sys/fs/cgroup/program/cgroup.procs", O_WRONLY | O_CLOEXEC));
  group_events = must("cgroup", call2(SYS_open, "/sys/fs/cgroup/program/memory.events", O_RDONLY | O_CLOEXEC));
  group_kill = must("cgroup", call2(SYS_open, "/sys/fs/cgroup/program/cgroup.kill", O_WRONLY | O_CLOEXEC));
  mount_drive("/dev/vda", "/root", 0);
  make_devices();
  raise_loopback();
  say("ready\n");
  while (obey()) { }
  enter_root();
  if (argc == 0) fail("no program was told", 0);
  run(in, out, error, has_channel ? channel : -1, door_port);
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call begin\n");
