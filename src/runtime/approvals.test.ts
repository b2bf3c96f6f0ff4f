/** Attacks G53 in a run: what was taken back or has expired lets nothing more happen, also in a run that used it. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Capability } from "../capability/index.ts";
import type { ChainRecord, RecordInput } from "../chain/index.ts";
import { ok } from "../foundation/result.ts";
import {
  type ApprovalAnswer,
  type ApprovalDesk,
  type ApprovalScope,
  type ApprovalWish,
  requestDigest,
} from "../governance/index.ts";
import { signStatement } from "../governance/approval.ts";
import { signingKey } from "../governance/keys.ts";
import { createApprovals } from "./approvals.ts";
import type { AdmittedCall } from "./gate-guard.ts";
import { prepareRun } from "./prepare.ts";

const ANN = signingKey(generateKeyPairSync("ed25519").privateKey);
const CAPABILITY: Capability = {
  manifest: {
    id: "test.send",
    version: "1.0.0",
    summary: "Sends",
    effects: ["network"],
    input: "[:tuple]",
    output: ":string",
  },
  access: () => ok(null),
  invoke: () => Promise.reject(new Error("nobody invokes it")),
};

const call = (number: number): AdmittedCall => ({
  number,
  step: null,
  capability: CAPABILITY,
  request: { capability: "test.send", resource: null },
  rule: "capabilities.ask[0]",
  question: "it asks",
  args: [],
  digest: `sha256:${"a".repeat(64)}`,
});

/** A desk where ann says yes, and what stands holds until `over`. */
function deskWith(scope: ApprovalScope, standing: boolean) {
  const state = { over: false };
  const requestOf = ({ action, approvals, question }: ApprovalWish): ApprovalAnswer["request"] => ({
    v: 1,
    action,
    approvals,
    question,
    run: "run-1",
    proposer: { uid: -7, key: null },
    createdMs: 1_000,
    deadlineMs: 9_000,
    nonce: "0".repeat(32),
  });
  const answer = (request: ApprovalAnswer["request"], isStanding: boolean): ApprovalAnswer => ({
    request,
    statements: state.over
      ? []
      : [
          signStatement(
            {
              decision: "approve",
              scope,
              request: requestDigest(request),
              approver: "ann",
              reason: "",
              issuedMs: 1_000,
              expiresMs: 9_000,
            },
            ANN,
          ),
        ],
    nowMs: 2_000,
    standing: isStanding,
    unusable: state.over ? "it was taken back" : null,
  });
  const desk: ApprovalDesk = {
    open: (wish) => Promise.resolve(answer(requestOf(wish), standing && !state.over)),
    wait: (request) => Promise.resolve(answer(request, false)),
    stands: () => Promise.resolve(!state.over),
  };
  return { desk, state };
}

function guardOver(desk: ApprovalDesk, records: RecordInput[]) {
  const prepared = prepareRun({
    configFile: "a.rtfs",
    configSource: `(agent.config :agent-id "a" :capabilities {:allow ["test.*"] :ask ["test.send"]}
      :governance {:approvers [{:name "ann" :key "${ANN.text}"}]})`,
    planFile: null,
    planSource: null,
    modules: [],
    command: [],
    staged: [],
    production: false,
  });
  const chain = {
    head: { seq: 0, hash: "" },
    append: (input: RecordInput) => (records.push(input), {} as ChainRecord),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const room = { prepared, chain, desk, run: "run-1", observe: () => undefined };
  return createApprovals(room).guard;
}

describe("createApprovals", () => {
  test.each([
    ["always, given before the run", "always", true],
    ["always, given to this run", "always", false],
    ["this run", "run", false],
  ] as const)(
    "an approval for %s is used no more once it is over",
    async (_what, scope, standing) => {
      const records: RecordInput[] = [];
      const { desk, state } = deskWith(scope, standing);
      const guard = guardOver(desk, records);
      expect(await guard.admit(call(1))).toBeNull();
      expect(await guard.admit(call(2))).toBeNull();
      state.over = true;
      expect(await guard.admit(call(3))).toMatchObject({ code: "APPROVAL_DENIED" });
      expect(records.at(-1)).toMatchObject({ type: "ApprovalDenied", data: { call: 3 } });
    },
  );
});
