/** Attacks G45 as a user meets it: a change that widens is shown by a request, a plan's least policy admits it and nothing less does. */
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pureConfig, type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
});
afterAll(() => box.remove());

const egress = (rule: string): string =>
  pureConfig(
    "plan.rtfs",
    `:features [:network] :network {:enabled true :egress {:via :proxy :rules [${rule}]}} :capabilities {:http {:enabled true}}`,
  );

describe("policy prove and diff", () => {
  test("show a request that proves a change wider, and say when none is", async () => {
    box.write("a.rtfs", egress('{:host "api.example.com" :paths ["/v1/*"]}'));
    box.write("b.rtfs", egress('{:host "*.example.com" :paths ["/v1/a"]}'));
    const wider = await box.run(["policy", "prove", "a.rtfs", "b.rtfs"]);
    expect(wider.stdout).toMatch(
      /^wider {2}ccos\.network\.http-fetch (GET|HEAD) https:\/\/other0\.example\.com\/v1\/a: it was denied and is allowed by network\.egress\.rules\[0\]\n$/,
    );
    expect(wider.status).toBe(77);
    const shown = /(GET|HEAD) (\S+):/.exec(wider.stdout);
    const question = `${shown?.[1]} ${shown?.[2]}`;
    expect((await box.run(["why", question, "--config", "a.rtfs"])).status).toBe(77);
    expect((await box.run(["why", question, "--config", "b.rtfs"])).status).toBe(0);
    box.write("c.rtfs", egress('{:host "api.example.com" :paths ["/v1/a"] :methods [:GET]}'));
    const narrower = await box.run(["policy", "prove", "a.rtfs", "c.rtfs"]);
    expect([narrower.stdout, narrower.status]).toEqual([
      "no wider: every request is decided as before, or stricter\n",
      0,
    ]);
    const diff = await box.run(["policy", "diff", "a.rtfs", "b.rtfs"]);
    expect(diff.stdout).toMatch(/^\+ .*other0\.example\.com/m);
    expect(diff.stdout).toMatch(/^- .*api\.example\.com\/v1\//m);
  });
});

describe("policy test", () => {
  test("lists each recorded decision that flips, and refuses a chain that does not verify", async () => {
    box.write("two.rtfs", "(call :ccos.math.add 1 2) (call :ccos.echo 1)");
    box.write("old.rtfs", pureConfig("two.rtfs"));
    const { value } = await box.json(["run", "old.rtfs"]);
    const run = String(value["run"]);
    const same = await box.run(["policy", "test", "old.rtfs", "--against", run]);
    expect([same.stdout, same.status]).toEqual(["no decision flips\n", 0]);
    expect(same.stderr).toContain("2 decisions");
    box.write("new.rtfs", pureConfig("two.rtfs", ':capabilities {:deny ["ccos.echo"]}'));
    const flips = await box.run(["policy", "test", "new.rtfs", "--against", run]);
    expect(flips.stdout).toMatch(
      /^flips {2}run-\S+ record \d+: was allow, is DENIED CAPABILITY_DENIED ccos\.echo/,
    );
    expect(flips.stdout.trim().split("\n").length).toBe(1);
    expect(flips.status).toBe(77);
    const chain = join(box.home, "runs", run, "chain.jsonl");
    writeFileSync(chain, readFileSync(chain, "utf8").replace("ccos.echo", "ccos.ecko"));
    const broken = await box.run(["policy", "test", "new.rtfs", "--against", run]);
    expect(broken.stderr).toContain("CHAIN_INTEGRITY");
    expect(broken.status).toBe(65);
  });
});

describe("policy learn", () => {
  const PLAN = `(step "get" (call :ccos.network.http-fetch "https://api.example.com/v1/a?key=1"))
    (step "keep" (call :ccos.io.write-file "/workspace/out" "text"))
    (step "look" (call :ccos.io.read-file "/workspace/in"))
    (call :ccos.math.add 1 2)`;

  test("proposes what admits the plan, and less of it does not", async () => {
    box.write("plan.rtfs", PLAN);
    box.write("bare.rtfs", pureConfig("plan.rtfs"));
    expect((await box.run(["plan", "bare.rtfs"])).status).toBe(77);
    const { value } = await box.json(["policy", "learn", "bare.rtfs"]);
    const learnt = String(value["config"]);
    box.write("learnt.rtfs", pureConfig("plan.rtfs", learnt));
    expect((await box.run(["plan", "learnt.rtfs"])).status).toBe(0);
    const parts = ['"/v1/a"', "[443]", '"ccos.math.add"', '"/workspace/in"', ":mode :rw"];
    for (const part of parts) {
      expect(learnt).toContain(part);
      const less: Readonly<Record<string, string>> = { "[443]": "[444]", ":mode :rw": ":mode :ro" };
      const without = learnt.replace(part, less[part] ?? `${part.slice(0, -1)}x"`);
      box.write("less.rtfs", pureConfig("plan.rtfs", without));
      expect([part, (await box.run(["plan", "less.rtfs"])).status]).toEqual([part, 77]);
    }
    expect(learnt).not.toContain("key");
  });

  test("says what it cannot name", async () => {
    box.write("plan.rtfs", '(call :ccos.network.http-fetch (str "https://a.example.com/" args))');
    const done = await box.run(["policy", "learn", "bare.rtfs"]);
    expect(done.stderr).toContain(
      "not in it: line 1: ccos.network.http-fetch, a target known at run time",
    );
  });

  test("of a program is what it asked for where everything was denied, and nothing of it happened", async () => {
    const script = `
import os, sys
sys.path.insert(0, "/ccos")
import ccos_client
try:
    with ccos_client.connect() as host:
        print(host.call("ccos.io.write-file", "/workspace/x", "text"))
except Exception as error:
    print("denied", type(error).__name__)
`;
    box.write("wish.py", script);
    const { stdout } = await box.run([
      "policy",
      "learn",
      "bare.rtfs",
      "--json",
      "--",
      "python3",
      "wish.py",
    ]);
    const learnt = JSON.parse(stdout) as { requests: unknown; config: string };
    expect(learnt.requests).toEqual([
      {
        capability: "ccos.io.write-file",
        resource: { kind: "file", operation: "write", path: "/workspace/x" },
      },
    ]);
    expect(learnt.config).toContain('{:path "/workspace/x" :mode :rw}');
  });
});

describe("a policy file", () => {
  const RULES = {
    version: 3,
    rules: [
      {
        name: "plain",
        verdict: "allow",
        effects: ["fs"],
        capabilities: [],
        risk_tier: "low",
        requires_approvals: 0,
        budgets: { max_calls: 1 },
      },
      {
        name: "no-delete",
        verdict: "deny",
        effects: [],
        capabilities: ["ccos.io.delete-file"],
        risk_tier: "high",
        requires_approvals: 0,
      },
    ],
  };
  let key = "";
  const config = (version: number): string =>
    pureConfig(
      "file.rtfs",
      `:governance {:policy_file "policy.json" :policy_version ${version} :keys {:policy "${key}"}}
       :features [:fs] :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}}`,
    );
  const why = (question: string) => box.run(["why", question, "--config", "filed.rtfs"]);

  beforeAll(async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(join(box.dir, "gov.pem"), pem, { mode: 0o600 });
    const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
    key = `ed25519:${raw.toString("base64")}`;
    box.write("rules.json", JSON.stringify(RULES));
    box.write("file.rtfs", '(call :ccos.io.write-file "/workspace/a" "x")');
    box.write("filed.rtfs", config(3));
    const signed = await box.run([
      "policy",
      "sign",
      "rules.json",
      "--key",
      "gov.pem",
      "--out",
      "policy.json",
    ]);
    expect(signed.stderr).toContain("version 3");
  });

  test("denies what no rule of it allows, and what one denies; its budgets hold; the run replays", async () => {
    expect((await why("write /workspace/a")).status).toBe(0);
    expect((await why("delete /workspace/a")).stdout).toContain("governance.policy_file no-delete");
    const clock = await why("call ccos.system.current-time");
    expect(clock.stdout).toContain("governance.policy_file (no rule allows it)");
    expect((await why("call ccos.math.add")).status).toBe(0);
    const done = await box.run(["run", "filed.rtfs"]);
    expect(done.stderr).toContain(
      "governance.policies.policy_file plain.budgets.max_calls: 80 % of 1",
    );
    expect(done.status).toBe(0);
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toContain("replay IDENTICAL");
    const bare = config(3).replace(':policy_file "policy.json"', "");
    box.write("unfiled.rtfs", bare);
    expect((await box.run(["policy", "prove", "unfiled.rtfs", "filed.rtfs"])).status).toBe(0);
    expect((await box.run(["policy", "prove", "filed.rtfs", "unfiled.rtfs"])).status).toBe(77);
  });

  test("that was changed, is older, is not there or is of another key starts nothing", async () => {
    const path = join(box.dir, "policy.json");
    const text = readFileSync(path, "utf8");
    const refused = async (reason: string): Promise<void> => {
      const done = await box.run(["run", "filed.rtfs"]);
      expect(done.stderr).toContain(reason);
      expect(done.status).not.toBe(0);
    };
    for (const [from, to] of [
      ['"deny"', '"allow"'],
      ['"max_calls":1', '"max_calls":2'],
      ['"version":3', '"version":4'],
    ] as const) {
      writeFileSync(path, text.replace(from, to));
      await refused("its signature does not verify");
    }
    writeFileSync(path, text.replace('"v":1', '"v":1,"more":1'));
    await refused("POLICY_FILE_REFUSED");
    writeFileSync(path, text);
    box.write("filed.rtfs", config(4));
    await refused("it is version 3, and the config takes 4");
    box.write("filed.rtfs", config(3).replace(key, `ed25519:${"A".repeat(43)}=`));
    await refused("it is signed with");
    box.write("filed.rtfs", config(3).replace("policy.json", "none.json"));
    await refused("INPUT_NOT_FOUND");
  });
});
