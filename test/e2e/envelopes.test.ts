/** Attacks G57 and G58 as a user meets them: what a key signed starts, and nothing that differs from it in any way. */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pureConfig, type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
let key: string;
beforeAll(() => {
  box = sandbox();
  key = newKey("gov");
  newKey("eve");
  box.write("plan.rtfs", '(step "add" (call :ccos.math.add 1 2))');
  box.write("agent.rtfs", config());
});
afterAll(() => box.remove());

function newKey(name: string): string {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(join(box.dir, `${name}.pem`), pem, { mode: 0o600 });
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return `ed25519:${raw.toString("base64")}`;
}

const config = (more = "", verify = key): string =>
  pureConfig("plan.rtfs", `:governance {:keys {:verify "${verify}"} ${more}}`);
const runs = (): number =>
  existsSync(join(box.home, "runs")) ? readdirSync(join(box.home, "runs")).length : 0;
const sign = (name: string, ...more: string[]) =>
  box.run(["plan", "agent.rtfs", "--sign", `${name}.pem`, "--out", `${name}.json`, ...more]);
const start = (envelope: string, file = "agent.rtfs") =>
  box.run(["run", file, "--envelope", envelope]);

async function refused(envelope: string, why: string, file?: string): Promise<void> {
  const before = runs();
  const done = await start(envelope, file);
  expect(done.stderr).toContain("ENVELOPE_REFUSED");
  expect(done.stderr).toContain(why);
  expect(done.status).toBe(77);
  expect(runs()).toBe(before);
}

describe("a config with a key", () => {
  test("starts what its key signed; the run names the envelope and replays to the same head", async () => {
    const signed = await sign("gov");
    expect(signed.stderr).toContain(`signed ${join(box.dir, "gov.json")} with ${key}`);
    const done = await start("gov.json");
    expect(done.stderr).toContain("1 effects");
    expect(done.status).toBe(0);
    const { stdout } = await box.run(["chain", "show", "last", "--json"]);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { body?: unknown });
    const text = JSON.stringify(records);
    expect(text).toMatch(/"PlanAdmitted"/);
    expect(text).toMatch(/"envelope":"sha256:[0-9a-f]{64}"/);
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toContain("replay IDENTICAL");
  });

  test("starts nothing without an envelope, no other program, and nothing that another key signed", async () => {
    const before = runs();
    const without = await box.run(["run", "agent.rtfs"]);
    expect(without.stderr).toContain("there is no envelope");
    expect(without.status).toBe(77);
    const other = await box.run(["run", "--policy", "agent.rtfs", "--", "true"]);
    expect(other.status).toBe(77);
    expect(runs()).toBe(before);
    await sign("eve");
    await refused("eve.json", "it is signed with");
  });

  test("starts nothing once its envelope has expired", async () => {
    await sign("gov", "--for", "1ms");
    await refused("gov.json", "it has expired");
    await sign("gov");
  });

  test.each([
    ["plan", "plan.rtfs", '(step "add" (call :ccos.math.add 1 3))', "another plan"],
    ["config", "agent.rtfs", "more", "another config"],
  ])("starts nothing once the %s differs by a character", async (_what, file, text, why) => {
    const path = join(box.dir, file);
    const original = readFileSync(path, "utf8");
    writeFileSync(path, text === "more" ? config(":approval_ms 1000") : text);
    await refused("gov.json", why);
    writeFileSync(path, original);
    expect((await start("gov.json")).status).toBe(0);
  });

  test("starts nothing from an envelope with any one field changed, or one more or less", async () => {
    const text = readFileSync(join(box.dir, "gov.json"), "utf8");
    const changes: readonly (readonly [RegExp, string])[] = [
      [/"expiresMs":\d/, '"expiresMs":9'],
      [/"guest":"sha256:./, '"guest":"sha256:x'],
      [/"riskTier":"low"/, '"riskTier":"high"'],
      [/"approvals":0/, '"approvals":1'],
      [/"v":1/, '"v":2'],
      [/^\{/, '{"more":1,'],
      [/"calls":1/, '"calls":2'],
    ];
    for (const [pattern, into] of changes) {
      expect(text).toMatch(pattern);
      box.write("changed.json", text.replace(pattern, into));
      await refused("changed.json", "envelope");
    }
  });

  test("that lies elsewhere does not start", async () => {
    box.write("elsewhere.rtfs", config("", "keys/gov.pub"));
    const done = await box.run(["run", "elsewhere.rtfs"]);
    expect(done.stderr).toContain("UNENFORCEABLE");
    expect(done.stderr).toContain("governance.keys.verify");
  });
});

describe("governance.admission", () => {
  /** Certain to fail where it is reached, and in a loop whose turns nobody can count. */
  const PLAN = "(loop [n 0] (if (< n 3) (do (call :ccos.math.add n 1) (recur (+ n 1))) n))";
  const modes = (mode: string, plan: string): string =>
    pureConfig(plan, `:governance {:admission :${mode}}`);

  test(":warn records advice and goes on, :strict takes it for a no; both replay", async () => {
    box.write("loop.rtfs", PLAN);
    box.write("warn.rtfs", modes("warn", "loop.rtfs"));
    const warned = await box.run(["run", "warn.rtfs"]);
    expect(warned.status).toBe(0);
    expect(
      (await box.run(["chain", "show", "last"])).stderr +
        (await box.run(["chain", "show", "last"])).stdout,
    ).toContain("no bound is known");
    expect((await box.run(["chain", "verify", "last", "--replay"])).stderr).toContain("IDENTICAL");
    box.write("strict.rtfs", modes("strict", "loop.rtfs"));
    const strict = await box.run(["run", "strict.rtfs"]);
    expect(strict.stderr).toContain("ADMISSION_REFUSED");
    expect(strict.stderr).toContain("no bound is known");
    expect(strict.status).toBe(77);
    expect((await box.run(["chain", "verify", "last", "--replay"])).stderr).toContain("IDENTICAL");
  });

  test(":enforce stops at an error, and no mode lets a denied call through", async () => {
    box.write("wrong.rtfs", '(+ 1 "a")');
    box.write("enforce.rtfs", modes("enforce", "wrong.rtfs"));
    const enforced = await box.run(["run", "enforce.rtfs"]);
    expect(enforced.stderr).toContain("ADMISSION_REFUSED");
    expect(enforced.status).toBe(77);
    box.write("denied.rtfs", '(call :ccos.io.read-file "/etc/passwd")');
    box.write("lax.rtfs", modes("warn", "denied.rtfs"));
    const lax = await box.run(["run", "lax.rtfs"]);
    expect(lax.stderr).toContain("ADMISSION_REFUSED");
    expect(lax.status).toBe(77);
  });

  test("ccos plan shows every stage, and what it says is in its JSON", async () => {
    const shown = await box.run(["plan", "agent.rtfs"]);
    for (const name of [
      "parse",
      "types",
      "effects",
      "contracts",
      "concurrency",
      "resources",
      "policy",
      "approvals",
    ])
      expect(shown.stderr).toMatch(new RegExp(`ok ${name}`));
    const { value } = await box.json(["plan", "lax.rtfs"]);
    const { stages } = value as unknown as { stages: readonly { name: string; ok: boolean }[] };
    expect(stages.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["policy"]);
  });
});
