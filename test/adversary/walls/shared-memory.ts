import type { WallAttack } from "./attack.ts";

/** Memory that belongs to no process and stays: System V segments, message queues, secret memory. */
export const sharedMemory: WallAttack = {
  name: "shared-memory",
  perl: String.raw`
    attempt "secret memory", sub { call("memfd_secret", 0); "opened" };
    attempt "another's segment", sub { my $id = call("shmget", 0x43434f53, 4096, 0); "id $id" };
    attempt "another's queue", sub { my $id = call("msgget", 0x43434f53, 0); "id $id" };
    attempt "huge pages", sub { call("mmap", 0, 2097152, 3, 0x40022, -1, 0); "mapped" };
    twin sub { call("mmap", 0, 4096, 3, 0x22, -1, 0); "its own page" };`,
  answeredInside: {
    gvisor: {
      attempts: ["huge pages"],
      why: "the sentry gives ordinary pages of its memory file, within the limit on memory",
    },
  },
};
