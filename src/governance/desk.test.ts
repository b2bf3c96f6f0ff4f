/** Attacks G53 at the desk: one request is one call's, however many ask and whoever dies between. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Approver, requestDigest, signStatement } from "./approval.ts";
import { type ApprovalStore, approvalStore, idOf } from "./approval-store.ts";
import { type ApprovalAnswer, type ApprovalDesk, liveDesk } from "./desk.ts";
import { signingKey } from "./keys.ts";

const ANN = signingKey(generateKeyPairSync("ed25519").privateKey);
const approver: Approver = { name: "ann", key: ANN.text, uid: null };
const digest = `sha256:${"a".repeat(64)}`;
const WISH = {
  action: {
    kind: "call",
    agent: "agent.test",
    config: digest,
    plan: digest,
    modules: digest,
    policy: digest,
    step: null,
    capability: "ccos.io.println",
    resource: null,
    rule: "r",
    arguments: digest,
  },
  approvals: 1,
  question: "may it?",
} as const;

let home: string;
let store: ApprovalStore;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ccos-desk-"));
  store = approvalStore(home);
});
afterEach(() => rmSync(home, { recursive: true }));

const deskOf = (run: string): ApprovalDesk =>
  liveDesk({
    store,
    approvers: [approver],
    proposer: { uid: -7, key: null },
    run,
    approvalMs: 600_000,
    nowMs: () => 10_000,
    signal: new AbortController().signal,
  });

async function approve({ request }: ApprovalAnswer): Promise<void> {
  const statement = signStatement(
    {
      decision: "approve",
      scope: "once",
      request: requestDigest(request),
      approver: "ann",
      reason: "",
      issuedMs: 9_000,
      expiresMs: request.deadlineMs,
    },
    ANN,
  );
  await store.answer(idOf(request), statement, approver);
}

describe("liveDesk", () => {
  test("gives the same wish of one run, asked twice at once, two requests", async () => {
    const desk = deskOf("run-1");
    const [one, other] = await Promise.all([desk.open(WISH), desk.open(WISH)]);
    const third = await desk.open(WISH);
    expect(new Set([one, other, third].map(({ request }) => idOf(request))).size).toBe(3);
  });

  test("lets a run that used its request and was killed before its record go on with it, and no other run", async () => {
    const opened = await deskOf("run-1").open(WISH);
    await approve(opened);
    expect((await deskOf("run-1").wait(opened.request)).unusable).toBeNull();
    expect((await deskOf("run-1").wait(opened.request)).unusable).toBeNull();
    expect((await deskOf("run-2").wait(opened.request)).unusable).toBe("another run used it");
  });

  test("takes a request with an answer that cannot be read for none: it may have been a no", async () => {
    const { request } = await deskOf("run-1").open(WISH);
    await approve({ request } as ApprovalAnswer);
    writeFileSync(join(home, "approvals", idOf(request), "by-0123456789abcdef.json"), "{");
    expect((await deskOf("run-1").wait(request)).unusable).toBe("the request is gone");
  });

  test("says that a request stands until it is revoked", async () => {
    const { request } = await deskOf("run-1").open(WISH);
    expect(await deskOf("run-1").stands(request)).toBe(true);
    await store.revoke(idOf(request), "no more");
    expect(await deskOf("run-1").stands(request)).toBe(false);
  });
});
