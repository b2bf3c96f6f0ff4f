/** Attacks G54: a statement that was changed, moved or borrowed is none; whoever proposed it has no voice. */
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import {
  type ApprovalRequest,
  type ApprovalStatement,
  type Approver,
  isCovered,
  judgeApproval,
  requestDigest,
  signStatement,
} from "./approval.ts";
import { requestOf, statementOf } from "./approval-text.ts";
import { isSignedFor, nameOfKey, signFor, type SigningKey, signingKey } from "./keys.ts";

const keyOf = (): SigningKey => signingKey(generateKeyPairSync("ed25519").privateKey);
const KEYS = { ann: keyOf(), bob: keyOf(), eve: keyOf() };
const APPROVERS: readonly Approver[] = [
  { name: "ann", key: KEYS.ann.text, uid: 1001 },
  { name: "bob", key: KEYS.bob.text, uid: null },
];
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const REQUEST: ApprovalRequest = {
  v: 1,
  action: {
    kind: "call",
    agent: "agent.test",
    config: digest("a"),
    plan: digest("b"),
    modules: digest("c"),
    policy: digest("d"),
    step: "send",
    capability: "ccos.network.http-fetch",
    resource: "POST https://api.example.com/v1",
    rule: "network.egress.rules[0]",
    arguments: digest("e"),
  },
  run: "run-01HF7YAT00000000000000000A",
  approvals: 1,
  proposer: { uid: 1000, key: null },
  question: "may it?",
  createdMs: 1_000,
  deadlineMs: 9_000,
  nonce: "0".repeat(32),
};

function said(
  approver: "ann" | "bob" | "eve",
  fields: Partial<ApprovalStatement> = {},
  request = REQUEST,
): ApprovalStatement {
  const statement = {
    decision: "approve",
    scope: "once",
    request: requestDigest(request),
    approver,
    reason: "",
    issuedMs: 2_000,
    expiresMs: 9_000,
    ...fields,
  } as const;
  return signStatement(statement, KEYS[approver]);
}

const judge = (
  statements: readonly ApprovalStatement[],
  request: ApprovalRequest = REQUEST,
  nowMs = 3_000,
) => judgeApproval({ request, statements, approvers: APPROVERS, nowMs });

/** The same value with one leaf changed, for every leaf. */
function* mutants(value: JsonValue): Generator<JsonValue> {
  if (typeof value === "string") {
    for (let at = 0; at < value.length; at++) {
      const other = value[at] === "f" ? "0" : "f";
      yield value.slice(0, at) + other + value.slice(at + 1);
    }
    yield `${value}x`;
  } else if (typeof value === "number") yield* [value + 1, value - 1];
  else if (value === null) yield "x";
  else if (Array.isArray(value)) throw new Error("nothing of these is a list");
  else if (typeof value === "object") {
    for (const [name, field] of Object.entries(value as JsonObject)) {
      for (const changed of mutants(field)) yield { ...(value as JsonObject), [name]: changed };
    }
  }
}

describe("judgeApproval", () => {
  test("a request is granted by one who may, and pending without", () => {
    expect(judge([said("ann")])).toEqual({ kind: "granted", by: ["ann"] });
    expect(judge([])).toMatchObject({ kind: "pending", missing: 1 });
  });

  test("any change of any field of what was approved voids it", () => {
    const statement = said("ann");
    let seen = 0;
    for (const mutant of mutants(REQUEST as unknown as JsonObject)) {
      const request = mutant as unknown as ApprovalRequest;
      const { kind } = judge([statement], request);
      if (kind === "granted") throw new Error(`granted: ${JSON.stringify(request)}`);
      seen++;
    }
    expect(seen).toBeGreaterThan(500);
  });

  test("any change of any field of a statement voids it", () => {
    const statement = said("ann");
    let seen = 0;
    for (const mutant of mutants(statement as unknown as JsonObject)) {
      expect(judge([mutant as unknown as ApprovalStatement]).kind).not.toBe("granted");
      seen++;
    }
    expect(seen).toBeGreaterThan(150);
  });

  test("any flipped bit of a signature voids it", () => {
    const statement = said("ann");
    for (let bit = 0; bit < 512; bit++) {
      const bytes = Buffer.from(statement.signature, "base64");
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const forged = { ...statement, signature: bytes.toString("base64") };
      expect(judge([forged]).kind).toBe("pending");
    }
  });

  test("one approver who says it often is one", () => {
    const two = { ...REQUEST, approvals: 2 };
    const ann = (reason: string) => said("ann", { reason }, two);
    expect(judge([ann("1"), ann("2"), ann("3")], two)).toMatchObject({ missing: 1 });
    expect(judge([ann("1"), said("bob", {}, two)], two)).toEqual({
      kind: "granted",
      by: ["ann", "bob"],
    });
  });

  test("whoever started the run cannot approve it, as user or by key", () => {
    const byUser = { ...REQUEST, proposer: { uid: 1001, key: null } };
    expect(judge([said("ann", {}, byUser)], byUser).kind).toBe("pending");
    const byKey = { ...REQUEST, proposer: { uid: 1000, key: nameOfKey(KEYS.bob.text) } };
    expect(judge([said("bob", {}, byKey)], byKey).kind).toBe("pending");
    expect(judge([said("ann", {}, byKey)], byKey).kind).toBe("granted");
  });

  test("a stranger's key, and a stranger's key under a known name, count for nothing", () => {
    expect(judge([said("eve")]).kind).toBe("pending");
    const { signature: _, ...fields } = said("ann");
    const forged = { ...fields, signature: signFor("approval", { ...fields }, KEYS.eve) };
    expect(judge([forged]).kind).toBe("pending");
  });

  test("one denial outweighs any approvals, and only of one who may", () => {
    const no = { decision: "deny", reason: "not today" } as const;
    expect(judge([said("ann"), said("bob", no)])).toEqual({
      kind: "denied",
      why: "bob said no: not today",
    });
    expect(judge([said("ann"), said("eve", no)]).kind).toBe("granted");
  });

  test.each([
    ["before it was issued", 1_999, "pending"],
    ["in its time", 2_000, "granted"],
    ["just before the deadline", 8_999, "granted"],
    ["at the deadline", 9_000, "denied"],
  ] as const)("a statement counts %s: at %d it is %s", (_when, nowMs, kind) => {
    expect(judge([said("ann", { expiresMs: 20_000 })], REQUEST, nowMs).kind).toBe(kind);
  });

  test("an expired statement counts no more, although the deadline is far", () => {
    expect(judge([said("ann", { expiresMs: 2_500 })]).kind).toBe("pending");
  });

  test("a denial holds for ever: what stands for always is none once somebody said no", () => {
    const always = said("ann", { scope: "always", expiresMs: 90_000 });
    const no = said("bob", { decision: "deny", expiresMs: 9_000 });
    const judged = { request: REQUEST, approvers: APPROVERS, nowMs: 10_000, standing: true };
    expect(judgeApproval({ ...judged, statements: [always] }).kind).toBe("granted");
    expect(judgeApproval({ ...judged, statements: [always, no] }).kind).toBe("denied");
  });

  test("a signature for another purpose is none", () => {
    const { signature: _, ...fields } = said("ann");
    for (const purpose of ["envelope", "policy"] as const) {
      const signature = signFor(purpose, { ...fields }, KEYS.ann);
      expect(judge([{ ...fields, signature }]).kind).toBe("pending");
    }
  });
});

describe("isSignedFor", () => {
  test("verifies what was signed, and no other spelling of the signature", () => {
    const fields = { a: 1 };
    const signature = signFor("approval", fields, KEYS.ann);
    const key = KEYS.ann.text;
    expect(isSignedFor("approval", fields, { key, signature })).toBe(true);
    // The last digit before the padding carries unused bits: four spellings decode to the same bytes.
    const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const last = digits.indexOf(signature[85] ?? "");
    for (const other of [1, 2, 3]) {
      const spelled = `${signature.slice(0, 85)}${digits[(last & ~15) | ((last + other) & 15)]}==`;
      expect(isSignedFor("approval", fields, { key, signature: spelled })).toBe(false);
    }
  });

  test("never throws, whatever text a key and a signature are", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (key, signature) => {
        expect(isSignedFor("approval", {}, { key, signature })).toBe(false);
        expect(isSignedFor("approval", {}, { key: `ed25519:${key}`, signature })).toBe(false);
      }),
    );
  });
});

describe("isCovered", () => {
  const { action } = REQUEST;
  test.each([
    ["agent", { agent: "agent.other" }],
    ["policy", { policy: digest("0") }],
    ["capability", { capability: "ccos.io.write-file" }],
    ["rule", { rule: "network.egress.rules[1]" }],
    ["kind", { kind: "plan" }],
  ] as const)("is not, where the %s differs", (_name, change) => {
    expect(isCovered({ ...action, ...change }, action)).toBe(false);
  });

  test("is, with other arguments, step and target under the same rule", () => {
    const other = { arguments: digest("0"), step: "x", resource: "y", plan: digest("1") };
    expect(isCovered({ ...action, ...other }, action)).toBe(true);
  });

  test("a plan covers itself only", () => {
    const plan = { ...action, kind: "plan", capability: null, rule: null } as const;
    expect(isCovered(plan, plan)).toBe(true);
    for (const change of ["plan", "modules", "config"] as const)
      expect(isCovered({ ...plan, [change]: digest("9") }, plan)).toBe(false);
  });
});

describe("what is read from files", () => {
  test("is a request or a statement with exactly its fields", () => {
    expect(requestOf(JSON.parse(JSON.stringify(REQUEST)))).toEqual(REQUEST);
    const statement = said("ann");
    expect(statementOf(JSON.parse(JSON.stringify(statement)))).toEqual(statement);
    expect(requestOf({ ...REQUEST, more: 1 })).toBeNull();
    expect(statementOf({ ...statement, more: 1 })).toBeNull();
    for (const name of Object.keys(REQUEST)) {
      const { [name]: _, ...rest } = REQUEST as unknown as JsonObject;
      expect(requestOf(rest)).toBeNull();
    }
    for (const name of Object.keys(statement)) {
      const { [name]: _, ...rest } = statement as unknown as JsonObject;
      expect(statementOf(rest)).toBeNull();
    }
  });

  test("is nothing, whatever JSON it is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(requestOf(value)).toBeNull();
        expect(statementOf(value)).toBeNull();
      }),
    );
  });
});
