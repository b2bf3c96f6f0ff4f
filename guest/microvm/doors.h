/*
 * The doors of a microVM: Unix sockets inside, each of whose connections is a stream over the port "ccos.doors" to a
 * socket of the host. A process of its own user, which holds nothing but them.
 *
 * Read in this order: struct stream, keep_doors, doors, from_host, flush. The other end is src/isolation/vm/stream-mux.ts, which says what a
 * frame is. Only this end opens streams. Each direction has credit, so that one stream that nobody reads stops no other;
 * what is owed to the host (credit, end, close) is kept in the stream until there is room, so nothing grows.
 *
 * Included by init.c, whose calls it uses.
 */
enum { DOORS_MAX = 4, STREAMS_MAX = 64, WINDOW = 65536, FRAME_MAX = 16384, HEAD = 8 };
enum { F_OPEN = 1, F_DATA, F_CREDIT, F_END, F_CLOSE };

/* `credit`: bytes that the host takes. `held`: of the host's, in `ring` from `start` on, for the program. */
struct stream {
  int fd;
  u8 used, sent_end, got_end, owes_close, sent_close, got_close;
  u32 credit, start, held, owed;
};
static struct stream streams[STREAMS_MAX];
static u8 rings[STREAMS_MAX][WINDOW];
static u8 out[4 * (FRAME_MAX + HEAD)], in[2 * (FRAME_MAX + HEAD)];
static u32 out_start, out_held, in_held;
static int door_sockets[DOORS_MAX], door_count;

/* A socket that anyone inside may connect to, before its directory can no longer be written. */
static void make_door(char *path) {
  struct { unsigned short family; char path[108]; } at = { 1, { 0 } };
  if (door_count == DOORS_MAX || length(path) >= sizeof at.path) fail("doors", 0);
  memcpy(at.path, path, length(path));
  make_way(path);
  long fd = must(path, call3(SYS_socket, 1, 1 | O_CLOEXEC | O_NONBLOCK, 0));
  must(path, call3(SYS_bind, fd, &at, sizeof at));
  must(path, call2(SYS_listen, fd, STREAMS_MAX));
  door_sockets[door_count++] = fd;
}

/* Where the payload of a new frame goes, or 0 where there is no room for so many bytes. */
static u8 *room_for(u32 count) {
  if (out_start && out_start == out_held) out_start = out_held = 0;
  return out_held + HEAD + count > sizeof out ? 0 : out + out_held + HEAD;
}
static void put_frame(u32 stream, u32 type, u32 door, u32 count) {
  u8 *head = out + out_held;
  head[0] = stream; head[1] = stream >> 8; head[2] = type; head[3] = door;
  memcpy(head + 4, &count, 4);
  out_held += HEAD + count;
}

static void shut(struct stream *s) {
  if (s->fd >= 0) call1(SYS_close, s->fd);
  s->fd = -1;
  s->held = 0;
  s->owes_close = 1;
}

/* What the stream owes the host, as far as there is room; then it may be over. */
static void flush(u32 id) {
  struct stream *s = &streams[id];
  u8 *at;
  if (!s->held && !s->owes_close && ((s->sent_end && s->got_end) || s->got_close)) shut(s);
  if (s->owed >= WINDOW / 4 && !s->got_close && !s->owes_close && (at = room_for(4))) {
    memcpy(at, &s->owed, 4);
    put_frame(id, F_CREDIT, 0, 4);
    s->owed = 0;
  }
  if (s->owes_close && !s->sent_close && room_for(0)) { put_frame(id, F_CLOSE, 0, 0); s->sent_close = 1; }
  if (s->sent_close && s->got_close) s->used = 0;
}

/* From the program to the host. */
static void take(u32 id) {
  struct stream *s = &streams[id];
  u32 most = s->credit < FRAME_MAX ? s->credit : FRAME_MAX;
  u8 *at = room_for(most);
  if (!at || !most) return;
  long n = call3(SYS_read, s->fd, at, most);
  if (n == -EAGAIN || n == -EINTR) return;
  if (n < 0) { shut(s); return; }
  if (n == 0) { s->sent_end = 1; put_frame(id, F_END, 0, 0); return; }
  s->credit -= n;
  put_frame(id, F_DATA, 0, n);
}

/* From the host to the program. */
static void give(struct stream *s) {
  u32 part = s->start + s->held > WINDOW ? WINDOW - s->start : s->held;
  u8 *ring = rings[s - streams];
  long n = call(SYS_sendto, s->fd, (long)(ring + s->start), part, 0x4000 /* MSG_NOSIGNAL */, 0);
  if (n == -EAGAIN || n == -EINTR) return;
  if (n < 0) { shut(s); return; }
  s->start = (s->start + n) % WINDOW;
  s->held -= n; s->owed += n;
  if (!s->held && s->got_end) call2(SYS_shutdown, s->fd, 1);
}

/* @returns 0 when the host says what it may not say. */
static int obey_frame(u32 id, u32 type, u8 *payload, u32 count) {
  struct stream *s = &streams[id];
  u32 credit;
  if (id >= STREAMS_MAX || !s->used || s->got_close) return 0;
  switch (type) {
    case F_DATA:
      if (s->got_end || count > WINDOW - s->held) return 0;
      if (s->fd < 0) return 1;
      for (u32 i = 0; i < count; i++) rings[id][(s->start + s->held + i) % WINDOW] = payload[i];
      s->held += count;
      return 1;
    case F_CREDIT:
      if (count != 4) return 0;
      memcpy(&credit, payload, 4);
      if (credit > WINDOW - s->credit) return 0;
      s->credit += credit;
      return 1;
    case F_END:
      if (s->got_end) return 0;
      s->got_end = 1;
      if (!s->held && s->fd >= 0) call2(SYS_shutdown, s->fd, 1);
      return 1;
    case F_CLOSE:
      s->got_close = 1;
      if (!s->got_end || !s->held) shut(s);
      return 1;
    default: return 0;
  }
}

/* @returns 0 when the host is gone or cannot be understood. */
static int from_host(int port) {
  long n = call3(SYS_read, port, in + in_held, sizeof in - in_held);
  if (n == -EAGAIN || n == -EINTR) return 1;
  if (n <= 0) return 0;
  in_held += n;
  u32 at = 0, count;
  while (in_held - at >= HEAD) {
    memcpy(&count, in + at + 4, 4);
    if (count > FRAME_MAX) return 0;
    if (in_held - at - HEAD < count) break;
    if (!obey_frame(in[at] | in[at + 1] << 8, in[at + 2], in + at + HEAD, count)) return 0;
    at += HEAD + count;
  }
  for (u32 i = at; i < in_held; i++) in[i - at] = in[i];
  in_held -= at;
  return 1;
}

static int to_host(int port) {
  long n = call3(SYS_write, port, out + out_start, out_held - out_start);
  if (n == -EAGAIN || n == -EINTR) return 1;
  if (n <= 0) return 0;
  out_start += n;
  return 1;
}

/* @returns The first stream that is free, or STREAMS_MAX. */
static u32 free_stream(void) {
  u32 id = 0;
  while (id < STREAMS_MAX && streams[id].used) id++;
  return id;
}

/* @returns Whether somebody was waiting. */
static int accept_at(u32 door) {
  u32 id = free_stream();
  if (id == STREAMS_MAX || !room_for(0)) return 1;
  long fd = call(SYS_accept4, door_sockets[door], 0, 0, O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0) return 0;
  struct stream *s = &streams[id];
  memset(s, 0, sizeof *s);
  s->fd = fd; s->used = 1; s->credit = WINDOW;
  put_frame(id, F_OPEN, door, 0);
  return 1;
}

/* Nothing is left to be said to the host: every stream has ended on this side. */
static int is_quiet(void) {
  for (int id = 0; id < STREAMS_MAX; id++)
    if (streams[id].used && !streams[id].sent_end && !streams[id].sent_close) return 0;
  return out_start == out_held;
}

/* Until `life` ends; then what the dead program left to be sent. */
static void doors(int port, int life) {
  static struct { int fd; short events, seen; } watched[2 + DOORS_MAX + STREAMS_MAX];
  int ending = 0;
  for (;;) {
    int waiting = 0;
    watched[0].fd = port; watched[0].events = POLLIN | (out_start < out_held ? POLLOUT : 0);
    watched[1].fd = ending ? -1 : life; watched[1].events = POLLIN;
    for (int i = 0; i < door_count; i++) {
      watched[2 + i].fd = free_stream() < STREAMS_MAX && room_for(0) ? door_sockets[i] : -1;
      watched[2 + i].events = POLLIN;
    }
    for (int i = 0; i < STREAMS_MAX; i++) {
      struct stream *s = &streams[i];
      short events = (s->held ? POLLOUT : 0) |
        (!s->sent_end && !s->got_close && s->credit && room_for(s->credit < FRAME_MAX ? s->credit : FRAME_MAX) ? POLLIN : 0);
      watched[2 + door_count + i].fd = s->used && events ? s->fd : -1;
      watched[2 + door_count + i].events = events;
    }
    call3(SYS_poll, watched, 2 + door_count + STREAMS_MAX, ending ? 20 : -1);
    if (watched[1].fd >= 0 && watched[1].seen) ending = 1;
    if (watched[0].seen & ~POLLOUT && !from_host(port)) return;
    for (int i = 0; i < STREAMS_MAX; i++) {
      short seen = watched[2 + door_count + i].seen;
      struct stream *s = &streams[i];
      if (!s->used) continue;
      if (s->fd >= 0 && s->held && seen & (POLLOUT | POLLERR | POLLHUP)) give(s);
      if (s->fd >= 0 && !s->sent_end && seen & (POLLIN | POLLERR | POLLHUP)) take(i);
      flush(i);
    }
    for (int i = 0; i < door_count; i++)
      if (watched[2 + i].fd >= 0 && (ending || watched[2 + i].seen)) waiting |= accept_at(i);
    if (out_start < out_held && !to_host(port)) return;
    if (ending && !waiting && is_quiet()) return;
  }
}

/* @returns 0, or what went wrong. */
static long become_nobody(long user) {
  for (int capability = 0; call(SYS_prctl, 24, capability, 0, 0, 0) >= 0;) capability++;
  long failed = call2(SYS_setgroups, 0, 0);
  if (failed >= 0) failed = call3(SYS_setresgid, user, user, user);
  if (failed >= 0) failed = call3(SYS_setresuid, user, user, user);
  return failed < 0 ? failed : call(SYS_prctl, 38, 1, 0, 0, 0);
}

/* @returns Its process, or -1: there are no doors. */
static long keep_doors(int port, int life[2]) {
  if (!door_count) return -1;
  long keeper = must("doors", call1(SYS_fork, 0));
  if (keeper) return keeper;
  for (int fd = 0; fd < 64; fd++) {
    int needed = fd == port || fd == life[0];
    for (int i = 0; i < door_count; i++) needed |= fd == door_sockets[i];
    if (!needed) call1(SYS_close, fd);
  }
  if (become_nobody(65533) >= 0) doors(port, life[0]);
  call1(SYS_exit, 0);
  return -1;
}
