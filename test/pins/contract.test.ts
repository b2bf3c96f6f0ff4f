/**
 * What others read and write is pinned literally: record types, one record's bytes, the protocol's version and
 * messages, the policy of an empty config, the help. A change here needs a version, a migration or a line in CHANGELOG.md.
 */
import { describe, expect, test } from "vitest";
import { memoryStore, openChain, verifyChain } from "../../src/chain/index.ts";
import { RECORD_TYPES, RECORD_VERSION } from "../../src/chain/record.ts";
import { compilePolicy, loadConfig } from "../../src/config/index.ts";
import { FRAME_BYTES_MAX } from "../../src/foundation/framing.ts";
import { PROTOCOL_VERSION } from "../../src/foundation/protocol.ts";
import { GUARANTEES } from "../../src/isolation/index.ts";
import { sandbox } from "../e2e/ccos.ts";

describe("the chain's format", () => {
  test("record version and types are these, in this order", () => {
    expect(RECORD_VERSION).toBe(1);
    expect(RECORD_TYPES).toEqual([
      "RunStarted",
      "WallsMeasured",
      "PlanAdmitted",
      "PlanRefused",
      "StepStarted",
      "StepCompleted",
      "StepFailed",
      "CallIntended",
      "CallCompleted",
      "CallFailed",
      "CallDenied",
      "EgressConnected",
      "EgressDenied",
      "EgressClosed",
      "GuestLog",
      "SecurityViolation",
      "LimitReached",
      "BooksBalanced",
      "RunCompleted",
      "RunFailed",
      "RunCancelled",
    ]);
  });

  test("a record of fixed id, clock and data has these bytes, and they verify", async () => {
    const store = memoryStore();
    const configDigest = `sha256:${"a".repeat(64)}`;
    const chain = openChain({
      store,
      chainId: "run-01HF7YAT00000000000000000A",
      configDigest,
      nowMs: () => 1_700_000_000_000,
    });
    chain.append({
      type: "RunStarted",
      data: { config: configDigest, agent: "agent.test", "zäh\u2028": [1, -0, 1e21, "\u0007"] },
      facts: { wall: "process/bubblewrap" },
    });
    await chain.close();
    expect(Buffer.from(store.bytes()).toString("utf8")).toBe("PIN");
    const read = (async function* () {
      yield store.bytes();
    })();
    expect(await verifyChain(read)).toMatchObject({ kind: "valid", sealed: false, records: 1 });
  });
});

test("the guest protocol is version 1, frames have at most 16 MiB", () => {
  expect(PROTOCOL_VERSION).toBe(1);
  expect(FRAME_BYTES_MAX).toBe(16_777_216);
});

test("a wall has these 18 guarantees", () => {
  expect(GUARANTEES).toEqual([
    "network",
    "loopback",
    "dns",
    "unix-sockets",
    "files-read",
    "files-write",
    "environment",
    "descriptors",
    "processes",
    "kernel-surface",
    "memory",
    "cpu",
    "pids",
    "disk",
    "wall-clock",
    "output",
    "tree-gone",
    "tree-gone-after-supervisor-kill",
  ]);
});

test("an empty config grants the base set, and no file, host, variable or secret", () => {
  const { config } = loadConfig("(agent.config)", { file: "empty.rtfs" });
  if (config === null) throw new Error("an empty config is a config");
  const policy = compilePolicy(config);
  expect({ ...policy, allow: policy.allow.map((grant) => grant.pattern) }).toEqual("PIN");
});

test("help names every command, and nothing else is a command", async () => {
  const box = sandbox();
  try {
    const done = await box.run(["help"]);
    expect(done.stderr).toBe("PIN");
    expect(done.stdout).toBe("");
    expect(done.status).toBe(0);
  } finally {
    box.remove();
  }
});
