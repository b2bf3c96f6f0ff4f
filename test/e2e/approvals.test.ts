/** Attacks G54 and G55 as a user meets them: runs that wait, people who answer, files that somebody changed. */
import { execFileSync, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pureConfig, ROOT, type Sandbox, sandbox } from "./ccos.ts";

const CLI = join(ROOT, "bin", "ccos.cjs");
const PLAN = '(call :ccos.io.println "one") (call :ccos.io.println "two")';
let box: Sandbox;
let keys: Readonly<Record<"ann" | "bob" | "eve", string>>;

beforeAll(() => {
  box = sandbox();
  box.write("plan.rtfs", PLAN);
  box.write("once.rtfs", '(call :ccos.io.println "one")');
  keys = { ann: newKey("ann"), bob: newKey("bob"), eve: newKey("eve") };
});
afterAll(() => box.remove());

/** A key pair: the private half in `NAME.pem`, the public one as a config writes it. */
function newKey(name: string): string {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  writeFileSync(join(box.dir, `${name}.pem`), privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return `ed25519:${raw.toString("base64")}`;
}

interface Agent {
  readonly plan?: string;
  readonly ms?: number;
  readonly policies?: string;
  readonly ask?: string;
  readonly approvers?: string;
}

let agents = 0;
/** A config of its own for each test, so that no request is another's. */
function agent({ plan = "plan.rtfs", ms = 60_000, policies = "{}", ask = "[]", approvers }: Agent) {
  const name = `agent-${++agents}.rtfs`;
  const named = approvers ?? `[{:name "ann" :key "${keys.ann}"} {:name "bob" :key "${keys.bob}"}]`;
  const governance = `:governance {:approval_ms ${ms} :policies ${policies} :approvers ${named}}`;
  box.write(
    name,
    pureConfig(plan, `${governance} :capabilities {:ask ${ask}}`).replace(
      "agent.test",
      `agent.t${agents}`,
    ),
  );
  return { file: name, id: `agent.t${agents}` };
}

interface Listed {
  readonly id: string;
  readonly state: string;
  readonly request: { readonly action: { readonly agent: string }; readonly run: string };
}

async function listed(agentId: string): Promise<readonly Listed[]> {
  const { stdout } = await box.run(["approvals", "list", "--all", "--json"]);
  const all = JSON.parse(stdout) as readonly Listed[];
  return all.filter(({ request }) => request.action.agent === agentId);
}

/** The request of this agent that waits, once it does. */
async function pending(agentId: string): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const waiting = (await listed(agentId)).find(({ state }) => state === "pending");
    if (waiting !== undefined) return waiting.id;
  }
  throw new Error("no request came to wait");
}

const say = (verb: "approve" | "deny", id: string, who: string, ...more: string[]) =>
  box.run(["approvals", verb, id, "--key", `${who}.pem`, ...more]);

async function replayed(): Promise<string> {
  const done = await box.run(["chain", "verify", "last", "--replay"]);
  return `${done.status} ${/replay [A-Z]+/.exec(done.stderr)?.[0] ?? done.stderr}`;
}

describe("a rule that asks", () => {
  test("lets a call happen once somebody agreed for the run, and the run replays to the same head", async () => {
    const { file, id } = agent({ ask: '["ccos.io.println"]' });
    const running = box.run(["run", file]);
    const request = await pending(id);
    expect((await say("approve", request, "eve")).stderr).toContain("APPROVAL_REFUSED");
    expect((await say("approve", request, "ann", "--scope", "run")).status).toBe(0);
    const done = await running;
    expect(done.stderr).toContain("granted   ccos.io.println  ann");
    expect(done.status).toBe(0);
    expect(await replayed()).toBe("0 replay IDENTICAL");
    expect((await say("deny", request, "bob")).stderr).toContain("APPROVAL_REFUSED");
  });

  test("denies when somebody says no, whatever others said, and the run replays", async () => {
    const policies = "{:two {:requires_approvals 2 :approve :call}}";
    const { file, id } = agent({ policies });
    const running = box.run(["run", file]);
    const request = await pending(id);
    expect((await say("approve", request, "ann")).status).toBe(0);
    expect((await say("approve", request, "ann")).stderr).toContain("answered already");
    expect((await say("deny", request, "bob", "--reason", "not today")).status).toBe(0);
    const done = await running;
    expect(done.stderr).toContain("APPROVAL_DENIED");
    expect(done.stderr).toContain("bob said no: not today");
    expect(done.status).toBe(77);
    expect(await replayed()).toBe("0 replay IDENTICAL");
  });

  test("denies at its deadline, and the run replays", async () => {
    const { file } = agent({ ask: '["ccos.io.*"]', ms: 300 });
    const done = await box.run(["run", file]);
    expect(done.stderr).toContain("nobody answered in time");
    expect(done.status).toBe(77);
    expect(await replayed()).toBe("0 replay IDENTICAL");
  });

  test("denies when the request's file was changed by one byte meanwhile", async () => {
    const { file, id } = agent({ ask: '["ccos.io.println"]' });
    const running = box.run(["run", file]);
    const request = await pending(id);
    const path = join(box.home, "approvals", request, "request.json");
    writeFileSync(path, readFileSync(path, "utf8").replace('"approvals":1', '"approvals":2'));
    const done = await running;
    expect(done.stderr).toContain("the request is gone");
    expect(done.status).toBe(77);
    expect((await say("approve", request, "ann")).stderr).toContain("APPROVAL_NOT_FOUND");
  });

  test("with an approval for always runs without asking, until it is revoked", async () => {
    const { file, id } = agent({ ask: '["ccos.io.println"]' });
    const running = box.run(["run", file]);
    const request = await pending(id);
    await say("approve", request, "ann", "--scope", "always", "--for", "1h");
    expect((await running).status).toBe(0);
    const again = await box.run(["run", file]);
    expect(again.stderr).not.toContain("asks ");
    expect(again.status).toBe(0);
    expect(await replayed()).toBe("0 replay IDENTICAL");
    await box.run(["approvals", "revoke", request]);
    const third = box.run(["run", file]);
    const other = await pending(id);
    expect(other).not.toBe(request);
    await say("deny", other, "ann");
    expect((await third).status).toBe(77);
  });
});

describe("a policy that asks before a plan", () => {
  test("starts it after as many as it says, none of them who started it", async () => {
    const policies = "{:default {:requires_approvals 2}}";
    const uid = process.getuid?.() ?? 0;
    const approvers = `[{:name "ann" :key "${keys.ann}"} {:name "bob" :key "${keys.bob}"} {:name "eve" :key "${keys.eve}" :uid ${uid}}]`;
    const { file, id } = agent({ policies, approvers });
    const running = box.run(["run", file]);
    const request = await pending(id);
    expect((await say("approve", request, "eve")).stderr).toContain("cannot approve it");
    await say("approve", request, "ann");
    await say("approve", request, "bob");
    const done = await running;
    expect(done.stderr).toContain("granted   the plan  ann, bob");
    expect(done.status).toBe(0);
    expect(await replayed()).toBe("0 replay IDENTICAL");
  });

  test("is about each external program too, and nothing of it starts without", async () => {
    const { file } = agent({ policies: "{:default {:requires_approvals 1}}", ms: 300 });
    const done = await box.run(["run", "--policy", file, "--", "echo", "it ran"]);
    expect(done.stderr).toContain("APPROVAL_DENIED");
    expect(done.stdout).not.toContain("it ran");
    expect(done.status).toBe(77);
  });

  test("goes on waiting after a kill: the same start takes up the same request, and uses it once", async () => {
    const { file, id } = agent({
      plan: "once.rtfs",
      policies: "{:default {:requires_approvals 1}}",
    });
    const env = { PATH: process.env["PATH"] ?? "", HOME: box.dir, CCOS_HOME: box.home };
    const killed = spawn(process.execPath, [CLI, "run", file], { cwd: box.dir, env });
    const request = await pending(id);
    killed.kill("SIGKILL");
    await new Promise((resolve) => killed.once("close", resolve));
    await say("approve", request, "ann");
    const second = await box.run(["run", file]);
    expect(second.stderr).toContain("granted   the plan  ann");
    expect(second.status).toBe(0);
    const third = box.run(["run", file]);
    const other = await pending(id);
    expect(other).not.toBe(request);
    await say("deny", other, "ann");
    expect((await third).status).toBe(77);
  });
});

describe("ccos approvals serve", () => {
  function ask(
    port: number,
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string },
  ) {
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const { method = "GET", headers = {}, body } = options;
      const outgoing = httpRequest({ host: "127.0.0.1", port, path, method, headers }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  test("answers who has the token and is no browser, and takes only what is signed", async () => {
    const { file, id } = agent({ ask: '["ccos.io.println"]' });
    const env = { PATH: process.env["PATH"] ?? "", HOME: box.dir, CCOS_HOME: box.home };
    const server = spawn(process.execPath, [CLI, "approvals", "serve", "--json"], {
      cwd: box.dir,
      env,
    });
    const first = await new Promise<string>((resolve) =>
      server.stdout.once("data", (chunk: Buffer) => resolve(String(chunk))),
    );
    const { url, token: path } = JSON.parse(first) as { url: string; token: string };
    const port = Number(new URL(url).port);
    const token = readFileSync(path, "utf8");
    const bearer = { authorization: `Bearer ${token}` };
    const running = box.run(["run", file]);
    try {
      const request = await pending(id);
      const at = `/approvals/${request}`;
      expect((await ask(port, "/approvals", {})).status).toBe(401);
      const wrong = { authorization: `Bearer ${token.slice(0, -1)}~` };
      expect((await ask(port, "/approvals", { headers: wrong })).status).toBe(401);
      const page = { ...bearer, origin: "http://127.0.0.1" };
      expect((await ask(port, "/approvals", { headers: page })).status).toBe(403);
      const rebound = { ...bearer, host: "evil.example" };
      expect((await ask(port, "/approvals", { headers: rebound })).status).toBe(421);
      const large = { method: "POST", headers: bearer, body: "x".repeat(70_000) };
      expect((await ask(port, at, large)).status).toBe(413);
      expect((await ask(port, at, { method: "POST", headers: bearer, body: "{}" })).status).toBe(
        400,
      );
      expect((await ask(port, "/approvals/../keys", { headers: bearer })).status).toBe(404);

      const signed = (await say("approve", request, "ann", "--scope", "run", "--print")).stdout;
      const forged = JSON.stringify({ ...(JSON.parse(signed) as object), scope: "always" });
      expect((await ask(port, at, { method: "POST", headers: bearer, body: forged })).status).toBe(
        403,
      );
      expect((await ask(port, at, { method: "POST", headers: bearer, body: signed })).status).toBe(
        200,
      );
      expect((await running).status).toBe(0);
      expect((await ask(port, at, { headers: bearer })).text).toContain('"used"');
    } finally {
      server.kill("SIGTERM");
      await running;
    }
  });

  test("keeps its token and every request to this user", () => {
    const modes = execFileSync("find", [box.home, "-path", "*approvals*", "-perm", "/077"]);
    expect(String(modes)).toBe("");
    expect(readdirSync(join(box.home, "approvals")).length).toBeGreaterThan(3);
  });
});
