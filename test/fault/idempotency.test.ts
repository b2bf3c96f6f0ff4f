/**
 * Effects with a key, on a real server: taken once, however often they are asked for, by whom, and whoever dies between.
 */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Finished, type Sandbox, sandbox } from "../e2e/ccos.ts";
import { until } from "../e2e/supervisor.ts";
import { ccosKilled, intentsOfAll, recordsOf, startCcos } from "./resume-world.ts";

interface Taken {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

let server: Server;
let port = 0;
let box: Sandbox;
/** Every request the server had, and what it answers next; 200 when nothing is left. */
let taken: Taken[] = [];
let statuses: number[] = [];
let whenTaken: (() => Promise<void>) | null = null;

beforeAll(async () => {
  server = createServer((request, response) => {
    taken.push({ path: request.url ?? "", headers: request.headers });
    request.resume().on("end", () => {
      const answer = (): void => {
        response.statusCode = statuses.shift() ?? 200;
        response.end(`answer ${taken.length}`);
      };
      if (whenTaken === null) answer();
      else void whenTaken().then(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  taken = [];
  statuses = [];
  whenTaken = null;
  box = sandbox();
});
afterEach(() => box.remove());

function writePlan(plan: string, fields = ""): void {
  box.write(
    "agent.rtfs",
    `(agent.config :version "0.1" :agent-id "agent.keyed" :plan "p.rtfs" :profile :networked :features [:network :fs]
       :network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :schemes [:http] :ports [${port}]
         :methods [:GET :POST] :paths ["/*"] :addresses ["127.0.0.0/8" "::1/128"]}]}}
       :capabilities {:http {:enabled true} :fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}} ${fields})`,
  );
  box.write("p.rtfs", plan);
}

const post = (body: string): string =>
  `(call :ccos.network.http-fetch {:url "http://localhost:${port}/orders" :method "POST" :body ${body}})`;
const keyed = (key: string, body: string, scope = "intent"): string =>
  `(:body ^{:idempotency {:key ${key} :scope :${scope}}} ${post(body)})`;

async function ran(): Promise<Finished> {
  const done = await box.run(["run", "agent.rtfs"]);
  expect(done, done.stderr).toMatchObject({ status: 0 });
  await expectSound();
  return done;
}

async function expectSound(): Promise<void> {
  const verified = await box.run(["chain", "verify", "last", "--replay"]);
  expect(verified.stderr).toContain("replay IDENTICAL");
  expect(verified.status).toBe(0);
}

describe("an effect with a key", () => {
  test("is made once in a run; who asks again has the first answer", async () => {
    writePlan(`[${keyed('"a"', '"x"')} ${keyed('"a"', '"x"')} ${keyed('"b"', '"x"')}]`);
    expect((await ran()).stdout).toBe('["answer 1" "answer 1" "answer 2"]\n');
    const keys = taken.map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(2);
    expect(keys.every((key) => /^[0-9a-f]{64}$/.test(String(key)))).toBe(true);
    const facts = recordsOf(box).filter(({ type }) => type === "CallCompleted");
    expect(facts.map((each) => "madeBy" in each.facts)).toEqual([false, true, false]);
  });

  test("with other arguments is a conflict, and nothing is made", async () => {
    writePlan(`[${keyed('"a"', '"x"')} (try ${keyed('"a"', '"y"')} (catch e (:code e)))]`);
    expect((await ran()).stdout).toBe('["answer 1" "IDEMPOTENCY_CONFLICT"]\n');
    expect(taken).toHaveLength(1);
  });

  test.each([
    ["intent", 2],
    ["plan", 1],
    ["global", 1],
  ])("of the scope %s is made %i times by two runs of a plan", async (scope, times) => {
    writePlan(keyed('(str "order-" 7)', '"x"', scope));
    expect((await ran()).stdout).toBe('"answer 1"\n');
    expect((await ran()).stdout).toBe(`"answer ${times}"\n`);
    expect(taken).toHaveLength(times);
  });

  test("of another plan of the agent is its own, but for the scope global", async () => {
    for (const scope of ["plan", "global"]) {
      writePlan(keyed('"k"', '"x"', scope));
      await ran();
      writePlan(`(do ${keyed('"k"', '"x"', scope)})`);
      await ran();
    }
    expect(taken).toHaveLength(3);
  });

  test("keeps its secret's name, not the run's placeholder: the next run is no conflict", async () => {
    const call = `(call :ccos.network.http-fetch {:url "http://localhost:${port}/orders" :method "POST" :headers {"authorization" (call :ccos.system.get-env "TOKEN")}})`;
    const secrets = `:secrets {:TOKEN {:source "env:REAL_TOKEN" :origins ["http://localhost:${port}"] :paths ["/*"] :headers ["authorization"]}}`;
    writePlan(`(:body ^{:idempotency {:key "s" :scope :plan}} ${call})`, secrets);
    for (let turn = 0; turn < 2; turn++) {
      const done = await box.run(["run", "agent.rtfs"], { env: { REAL_TOKEN: "real-token-1" } });
      expect(done, done.stderr).toMatchObject({ status: 0, stdout: '"answer 1"\n' });
    }
    expect(taken.map(({ headers }) => headers.authorization)).toEqual(["real-token-1"]);
  });

  test("that two processes ask for at once is made once, and both have its answer", async () => {
    writePlan(keyed('"k"', '"x"', "plan"));
    const first = Promise.withResolvers<void>();
    whenTaken = () => first.promise;
    const both = [1, 2].map(() => box.run(["run", "agent.rtfs"]));
    // Both are past their intent before the one that asks is answered.
    await until(() => intentsOfAll(box) === 2 && taken.length > 0);
    first.resolve();
    const done = await Promise.all(both);
    expect(done.map(({ stdout }) => stdout)).toEqual(['"answer 1"\n', '"answer 1"\n']);
    expect(taken).toHaveLength(1);
  });

  test("whose answer was refused is not kept: it is made again under its key", async () => {
    statuses = [500];
    writePlan(`[(:status ^{:idempotency {:key "a"}} ${post('"x"')}) ${keyed('"a"', '"x"')}]`);
    expect((await ran()).stdout).toBe('[500 "answer 2"]\n');
    expect(new Set(taken.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  test("that was made and not recorded is not made again when its run goes on", async () => {
    writePlan(`[${keyed('"a"', '"x"')} ${keyed('"b"', '"x"')}]`);
    const killed = await ccosKilled(box, ["run", "agent.rtfs"], "before CallCompleted");
    expect(killed).toMatchObject({ signal: "SIGKILL" });
    expect(taken).toHaveLength(1);
    const resumed = await box.run(["resume", "last"]);
    expect(resumed, resumed.stderr).toMatchObject({
      status: 0,
      stdout: '["answer 1" "answer 2"]\n',
    });
    expect(taken).toHaveLength(2);
    await expectSound();
  });

  test("that was cut in the middle is asked for again under the same key, and charged again", async () => {
    writePlan(keyed('"a"', '"x"'), ":governance {:budgets {:max_calls 10}}");
    const never = Promise.withResolvers<void>();
    whenTaken = () => never.promise;
    const running = startCcos(box, ["run", "agent.rtfs"]);
    await until(() => taken.length === 1);
    running.kill("SIGKILL");
    await once(running, "close");
    whenTaken = null;
    const resumed = await box.run(["resume", "last"]);
    expect(resumed, resumed.stderr).toMatchObject({ status: 0, stdout: '"answer 2"\n' });
    expect(new Set(taken.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    const spent = readFileSync(join(box.home, "budgets", "agent.keyed", "spent.json"), "utf8");
    expect(JSON.parse(spent)).toMatchObject({ calls: 2 });
    await expectSound();
  });

  test("whose result was erased is not made again, and says so", async () => {
    writePlan(`(try ${keyed('"a"', '"x"', "plan")} (catch e (:code e)))`);
    await ran();
    rmSync(join(box.home, "idempotency", "key"));
    expect((await ran()).stdout).toBe('"IDEMPOTENCY_UNAVAILABLE"\n');
    expect(taken).toHaveLength(1);
  });

  test.each([
    ['{:key ""}', /:key is a string/],
    ["{:key 7}", /:key is a string/],
    ['{:key "k" :scope :world}', /:scope is :plan, :intent or :global/],
    ['{:key "k" :ttl 1}', /there is no :ttl/],
    ["[]", /:idempotency is a map/],
  ])("with the terms %s is refused before it is intended", async (terms, why) => {
    writePlan(`^{:idempotency ${terms}} ${post('"x"')}`);
    const done = await box.run(["run", "agent.rtfs"]);
    expect(done.stderr).toMatch(why);
    expect(recordsOf(box).map(({ type }) => type)).not.toContain("CallIntended");
    expect(taken).toHaveLength(0);
  });
});

describe("a call that may be tried again", () => {
  const get = `(call :ccos.network.http-fetch {:url "http://localhost:${"PORT"}/read" :method "GET"})`;
  const reading = (terms: string): string =>
    `(:status ^{:retry ${terms}} ${get.replace("PORT", String(port))})`;
  const retried = (): readonly Record<string, unknown>[] =>
    recordsOf(box)
      .filter(({ type }) => type === "CallRetried")
      .map(({ facts }) => facts);

  test("is tried until it is answered, each attempt recorded with its reason", async () => {
    statuses = [503, 429, 200];
    writePlan(reading("{:max 3 :backoff_ms [1 2]}"));
    expect((await ran()).stdout).toBe("200\n");
    expect(taken).toHaveLength(3);
    expect(retried().map(({ attempt, failure }) => [attempt, failure])).toEqual([
      [1, "status-503"],
      [2, "status-429"],
    ]);
  });

  test("ends with its last answer, after as many attempts as it was given", async () => {
    statuses = [503, 503, 503, 503];
    writePlan(reading("{:max 2 :backoff_ms 1}"));
    expect((await ran()).stdout).toBe("503\n");
    expect(taken).toHaveLength(3);
  });

  test("is not tried again for what is not named, is no failure for a time, or has no time left", async () => {
    statuses = [503];
    writePlan(reading("{:max 2 :backoff_ms 1 :retry_on [:status-429]}"));
    expect((await ran()).stdout).toBe("503\n");
    statuses = [404];
    writePlan(reading("{:max 2 :backoff_ms 1}"));
    expect((await ran()).stdout).toBe("404\n");
    statuses = [503];
    writePlan(reading("{:max 2 :backoff_ms 60000}"));
    expect((await ran()).stdout).toBe("503\n");
    expect(taken).toHaveLength(3);
  });

  test("that changes something needs a key; with it each attempt has the same", async () => {
    writePlan(`^{:retry {:max 2}} ${post('"x"')}`);
    const refused = await box.run(["run", "agent.rtfs"]);
    expect(refused.stderr).toContain("say :idempotency");
    expect(taken).toHaveLength(0);
    statuses = [502, 200];
    writePlan(`(:status ^{:retry {:backoff_ms 1} :idempotency {:key "k"}} ${post('"x"')})`);
    expect((await ran()).stdout).toBe("200\n");
    expect(taken).toHaveLength(2);
    expect(new Set(taken.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  test("and is killed between two attempts goes on with the next", async () => {
    statuses = [503, 200];
    writePlan(reading("{:max 3 :backoff_ms 1}"));
    const killed = await ccosKilled(box, ["run", "agent.rtfs"], "after CallRetried");
    expect(killed).toMatchObject({ signal: "SIGKILL" });
    expect(await box.run(["resume", "last"])).toMatchObject({ status: 0, stdout: "200\n" });
    await expectSound();
  });
});
