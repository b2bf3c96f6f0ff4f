/** The gate's laws, on a real policy, registry and contracts; the chain is a list so that its order is visible. */
import { beforeEach, describe, expect, test } from "vitest";
import { builtinProviders, type Capability, createRegistry } from "../capability/index.ts";
import type { ChainRecord, ChainWriter } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import { ok } from "../foundation/result.ts";
import type { EgressRule, Policy } from "../policy/index.ts";
import { createGate, type Gate, type GateEvent, type GateRoom } from "./gate.ts";
import type { Executed, GateGuard } from "./gate-guard.ts";

const RULE: EgressRule = {
  rule: "network.egress.rules[0]",
  host: "api.example.com",
  schemes: ["https"],
  ports: [443],
  methods: ["GET", "POST"],
  paths: [],
  addresses: [],
  tunnel: false,
  requestBytesMax: 1024,
  responseBytesMax: 1024,
};
const POLICY: Policy = {
  level: "controlled",
  allow: [
    { rule: "base", pattern: "ccos.*" },
    { rule: "base", pattern: "test.*" },
  ],
  deny: [{ rule: "capabilities.deny[0]", pattern: "ccos.io.delete-file" }],
  egress: [RULE],
  files: [{ rule: "capabilities.fs.paths[0]", path: "/workspace", mode: "rw" }],
  environment: [],
  secrets: [
    {
      rule: "secrets.TOKEN",
      name: "TOKEN",
      origins: ["https://api.example.com:443"],
      paths: ["/v1/*"],
      headers: ["authorization"],
    },
  ],
  dlp: { enabled: true, level: "strict" },
};
const LIAR: Capability = {
  manifest: {
    id: "test.liar",
    version: "1.0.0",
    summary: "Breaks its own contract",
    effects: ["fs"],
    input: "[:tuple]",
    output: ":string",
  },
  access: () => ok(null),
  invoke: () => Promise.resolve({ ok: true, value: 1, facts: {} }),
};
const REGISTRY = createRegistry([...builtinProviders(), { name: "test", describe: () => [LIAR] }]);

let trace: string[];
let records: { type: string; data: JsonObject; facts: JsonObject }[];
let events: GateEvent[];

/** A chain that notes what happened when; `failAt` makes that commit fail. */
function listChain(failAt = Number.POSITIVE_INFINITY): ChainWriter {
  let commits = 0;
  return {
    head: { seq: 0, hash: "" },
    append(input) {
      trace.push(`append ${input.type}`);
      records.push({ type: input.type, data: input.data, facts: input.facts ?? {} });
      return { body: {}, hash: "" } as unknown as ChainRecord;
    },
    commit() {
      trace.push("commit");
      if (++commits < failAt) return Promise.resolve();
      return Promise.reject(
        new CcosError("CHAIN_UNWRITABLE", {
          what: "Cannot write the chain",
          why: "the disk is full",
        }),
      );
    },
    close: () => Promise.resolve(),
  };
}

function gateWith(part: Partial<GateRoom> = {}): Gate {
  return createGate({
    policy: POLICY,
    registry: REGISTRY,
    chain: listChain(),
    callsMax: 100,
    execute: (call): Promise<Executed> => {
      trace.push(`execute ${call.capability.manifest.id}`);
      return Promise.resolve({ ok: true, value: true as JsonValue, facts: { status: 200 } });
    },
    matchSecrets: () => [],
    placeholders: [{ name: "TOKEN", value: "ccos-secret-token-0123456789abcdef" }],
    keepResult: () => trace.push("keep"),
    observe: (event) => events.push(event),
    ...part,
  });
}

const call = (capability: string, ...args: JsonValue[]) => ({ step: null, capability, args });
const map = (...pairs: [string, JsonValue][]): JsonValue => ({
  $t: "map",
  v: pairs.map(([key, value]) => [{ $t: "kw", v: key }, value]),
});

beforeEach(() => {
  trace = [];
  records = [];
  events = [];
});

describe("createGate", () => {
  test("pass records a durable intent before the effect and a durable outcome before the answer", async () => {
    const gate = gateWith();
    const answer = await gate.pass(call("ccos.io.write-file", "/workspace/a", "text"));
    expect(answer.ok).toBe(true);
    expect(trace).toEqual([
      "append CallIntended",
      "commit",
      "execute ccos.io.write-file",
      "keep",
      "append CallCompleted",
      "commit",
    ]);
    expect(gate.counts).toMatchObject({ intended: 1, settled: 1, files: 1, denied: 0, network: 0 });
  });

  test("pass executes nothing when the intent cannot be made durable", async () => {
    const gate = gateWith({ chain: listChain(1) });
    await expect(gate.pass(call("ccos.io.write-file", "/workspace/a", "text"))).rejects.toThrow(
      "the disk is full",
    );
    expect(trace).toEqual(["append CallIntended", "commit"]);
  });

  test("pass gives no answer when the outcome cannot be made durable", async () => {
    const gate = gateWith({ chain: listChain(2) });
    await expect(gate.pass(call("ccos.io.write-file", "/workspace/a", "text"))).rejects.toThrow(
      "the disk is full",
    );
    expect(trace).toContain("execute ccos.io.write-file");
  });

  test.each<[string, readonly JsonValue[], string, string | null]>([
    ["ccos.io.delete-file", ["/workspace/a"], "CAPABILITY_DENIED", "capabilities.deny[0]"],
    ["ccos.io.write-file", ["/etc/passwd", "x"], "FILE_DENIED", null],
    ["ccos.network.http-fetch", ["https://evil.test/x"], "EGRESS_DENIED", null],
    ["ccos.system.get-env", ["HOME"], "ENVIRONMENT_DENIED", null],
    ["no.such", [], "UNKNOWN_CAPABILITY", null],
    ["__proto__", [], "UNKNOWN_CAPABILITY", null],
  ])(
    "pass denies %s %j with %s, records it and executes nothing",
    async (capability, args, code, rule) => {
      const answer = await gateWith().pass(call(capability, ...args));
      expect(answer).toMatchObject({ ok: false, error: { code } });
      expect(records).toEqual([
        expect.objectContaining({
          type: "CallDenied",
          data: expect.objectContaining({ code, rule }),
        }),
      ]);
      expect(trace.some((line) => line.startsWith("execute"))).toBe(false);
    },
  );

  test("pass refuses arguments that do not fit the contract, naming the place", async () => {
    const answer = await gateWith().pass(call("ccos.math.add", 1, "two"));
    expect(answer).toMatchObject({
      ok: false,
      error: { code: "SCHEMA_INPUT", kind: "TypeValidationError" },
    });
    expect(records[0]).toMatchObject({ type: "CallFailed" });
  });

  test("pass withholds a result that breaks the contract", async () => {
    const gate = gateWith({ execute: () => Promise.resolve({ ok: true, value: 1, facts: {} }) });
    expect(await gate.pass(call("test.liar"))).toMatchObject({
      ok: false,
      error: { code: "SCHEMA_OUTPUT" },
    });
    expect(records.map((record) => record.type)).toEqual(["CallIntended", "CallFailed"]);
  });

  test("pass blocks a placeholder in a body to an allowed host, and lets it through in its bound header", async () => {
    const url = "https://api.example.com/v1/x";
    const token = "ccos-secret-token-0123456789abcdef";
    const body = await gateWith().pass(
      call(
        "ccos.network.http-fetch",
        map(["url", url], ["method", "POST"], ["body", `token=${token}`]),
      ),
    );
    expect(body).toMatchObject({ ok: false, error: { code: "DLP_BLOCKED" } });
    expect(records[0]?.data["rule"]).toBe("secrets.TOKEN");
    const header = await gateWith({
      execute: () =>
        Promise.resolve({ ok: false, code: "NETWORK_ERROR", message: "down", facts: {} }),
    }).pass(
      call(
        "ccos.network.http-fetch",
        map(["url", url], ["headers", map(["authorization", `Bearer ${token}`])]),
      ),
    );
    expect(header).toMatchObject({ ok: false, error: { code: "NETWORK_ERROR", retryable: true } });
  });

  test("pass records which known secrets were found as facts, never their value", async () => {
    const gate = gateWith({
      matchSecrets: () => [{ name: "TOKEN", part: "body", form: "encoded" }],
    });
    await gate.pass(
      call(
        "ccos.network.http-fetch",
        map(["url", "https://api.example.com/v1/x"], ["method", "POST"], ["body", "c2VjcmV0"]),
      ),
    );
    expect(records[0]).toMatchObject({
      type: "CallDenied",
      facts: { knownSecrets: [{ name: "TOKEN", part: "body", form: "encoded" }] },
    });
  });

  test("pass stops at the limit on calls", async () => {
    const gate = gateWith({ callsMax: 1 });
    await gate.pass(call("ccos.echo", 1));
    expect(await gate.pass(call("ccos.echo", 1))).toMatchObject({
      ok: false,
      error: { code: "LIMIT_CALLS" },
    });
  });

  test("pass records no query value and no argument", async () => {
    await gateWith().pass(
      call("ccos.network.http-fetch", "https://api.example.com/v1/x?key=hunter2hunter2&b=1"),
    );
    expect(JSON.stringify(records)).not.toContain("hunter2");
    expect(records[0]?.data["resource"]).toBe("GET https://api.example.com/v1/x?key=…&b=…");
  });

  const refusal = {
    how: "denied",
    code: "EFFECT_DENIED",
    rule: "a.rule",
    reason: "not now",
    fix: "Wait",
    facts: { seen: 1 },
  } as const;

  test("pass asks the guards in order before the intent, and the first refusal is recorded as the answer", async () => {
    const guard = (name: string, said: ReturnType<GateGuard["admit"]>): GateGuard => ({
      admit: ({ digest }) => {
        trace.push(`${name} ${digest.slice(0, 7)}`);
        return said;
      },
      settle: () => trace.push(`${name} settled`),
    });
    const guards = [
      guard("first", null),
      guard("second", Promise.resolve(refusal)),
      guard("third", null),
    ];
    const gate = gateWith({ guards });
    const answer = await gate.pass(call("ccos.io.write-file", "/workspace/a", "text"));
    expect(answer).toMatchObject({
      ok: false,
      error: { code: "EFFECT_DENIED", message: "not now" },
    });
    expect(trace).toEqual(["first sha256:", "second sha256:", "append CallDenied"]);
    expect(records[0]).toMatchObject({ data: { rule: "a.rule" }, facts: { seen: 1 } });
    expect(gate.counts).toMatchObject({ intended: 0, denied: 1 });
  });

  test("pass asks no guard of what the policy denies, and tells each the recorded outcome", async () => {
    const guards: GateGuard[] = [
      {
        admit: ({ step, rule }) => (trace.push(`asked ${step} ${rule}`), null),
        settle: (_call, { ok: went }) => void trace.push(`settled ${went}`),
      },
    ];
    const gate = gateWith({ guards });
    await gate.pass(call("ccos.io.write-file", "/etc/passwd", "x"));
    expect(trace).toEqual(["append CallDenied"]);
    await gate.pass({ ...call("ccos.io.write-file", "/workspace/a", "text"), step: "save" });
    expect(trace[1]).toMatch(/^asked save capabilities\.fs/);
    expect(trace.slice(-3)).toEqual(["append CallCompleted", "settled true", "commit"]);
  });

  test("pass records the intent in the breath of the last guard: a stop that another call meets comes before or after both", async () => {
    let asked = 0;
    const stop: GateGuard = {
      admit() {
        if (++asked === 1) return null;
        trace.push("stopped");
        return refusal;
      },
    };
    const gate = gateWith({ guards: [{ admit: () => null }, stop] });
    await Promise.all([1, 2].map(() => gate.pass(call("ccos.io.write-file", "/workspace/a", "x"))));
    expect(trace.indexOf("append CallIntended")).toBeLessThan(trace.indexOf("stopped"));
  });

  test("pass ends the run when a guard throws: nothing is recorded, nothing executed", async () => {
    const guards: GateGuard[] = [{ admit: () => Promise.reject(new TypeError("broken")) }];
    await expect(
      gateWith({ guards }).pass(call("ccos.io.write-file", "/workspace/a", "text")),
    ).rejects.toThrow("broken");
    expect(trace).toEqual([]);
  });
});
