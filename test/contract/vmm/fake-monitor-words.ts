/** What the tests and the guest of fake-monitor.ts say to each other. */

/** The host's ports, to which process 1 connects. */
export const PORTS = { init: 1024, in: 1025, out: 1026, error: 1027, channel: 1028 } as const;

export interface Told {
  readonly does: "exit" | "hang" | "panic" | "flood" | "echo" | "relay" | "silent";
  readonly status: number;
}
