import type { WallAttack } from "./attack.ts";

/** Keys of the host's user that outlive namespaces. */
export const keyrings: WallAttack = {
  name: "keyrings",
  perl: String.raw`
    attempt "session keyring", sub { "id " . call("keyctl", 0, -3, 1) };
    attempt "user keyring", sub { "id " . call("keyctl", 0, -4, 1) };
    attempt "add_key", sub { "id " . call("add_key", \"user", \"ccos", \"x", 1, -4) };
    attempt "request_key", sub { "id " . call("request_key", \"user", \"ccos", 0, 0) };
    twin sub { my $pid = getppid; defined $pid ? "own parent" : die "none" };`,
};
