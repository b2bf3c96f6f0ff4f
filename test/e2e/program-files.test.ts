/** Programs given as files, and one program behind several walls: the same answer, the same chain but for the walls. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProviders } from "../../src/isolation/index.ts";
import { assemble, call, constant } from "../wasm/assemble.ts";
import { type Sandbox, sandbox } from "./ccos.ts";

const WALLS = ["process/bubblewrap", "wasm/bubblewrap", "wasm/node-permission"];
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
const options = { nodePath: process.execPath, stateDir: tmpdir(), only: WALLS };
const walls: string[] = [];
for (const provider of createProviders(options)) {
  const isReady = (await provider.probe()).kind === "ready";
  if (isReady || required.includes(provider.name)) walls.push(provider.name);
}
/** A run may measure its wall first. */
const RUN_MS_MAX = 120_000;

let box: Sandbox;
let server: Server;

beforeAll(async () => {
  box = sandbox();
  server = createServer((request, response) => {
    // The time of day would be another result each run.
    response.sendDate = false;
    response.setHeader("content-type", "text/plain");
    response.end(`you asked for ${request.url}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  box.write("policy.rtfs", policy("", port));
  box.write("plan-agent.rtfs", policy(':plan "plan.rtfs"', port));
  box.write("plan.rtfs", plan(port));
  box.write("agent.js", scriptFor(port));
  for (const wall of walls) await measured(wall);
}, 600_000);
afterAll(() => {
  server.close();
  box.remove();
});

/** What a busy machine kept from being measured stays so until it is measured afresh. */
async function measured(wall: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const env = { CCOS_WALLS: wall };
    const done = await box.run(["run", "--policy", "policy.rtfs", "agent.js"], {
      env,
      timeoutMs: RUN_MS_MAX,
    });
    if (!done.stderr.includes("measured not to hold")) return;
    await box.run(["doctor"], { env, timeoutMs: RUN_MS_MAX });
  }
}

const policy = (fields: string, port: number): string => `(agent.config
  :version "0.1" :agent-id "agent.files" :profile :networked :features [:network] ${fields}
  :orchestrator {:isolation {:mode :wasm}}
  :network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :schemes [:http] :ports [${port}]
    :methods [:GET] :paths ["/ok/*"] :addresses ["127.0.0.0/8" "::1/128"]}]}}
  :capabilities {:http {:enabled true}})`;

const plan = (port: number): string => `
  (defn depth [n] (if (= n 0) 0 (+ 1 (depth (- n 1)))))
  (step "fetch"
    (let [page (call :ccos.network.http-fetch {:url "http://localhost:${port}/ok/1" :method "GET"})]
      {:status (:status page) :text (:body page) :depth (depth 4000)
       :sum (reduce + 0 (map (fn [x] (* x x)) (range 100))) :half (/ 1 2)}))`;

const scriptFor = (port: number): string => `
  const get = (path) => ccos.call("ccos.network.http-fetch", { url: "http://localhost:${port}" + path, method: "GET" });
  const page = get("/ok/1");
  console.log(page.status, page.body, ccos.args.join("+"));
  try { get("/forbidden"); } catch (error) { console.log(error.code); }
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log(ccos.call("ccos.math.add", 40, 2));`;

interface Row {
  readonly type: string;
  readonly data: unknown;
  readonly wall: unknown;
}

/** The last run's records without what only the outside says. */
async function lastChain(): Promise<readonly Row[]> {
  const shown = await box.run(["chain", "show", "last", "--json"]);
  return shown.stdout
    .trim()
    .split("\n")
    .map((line) => {
      const { body } = JSON.parse(line) as {
        body: { type: string; data: unknown; facts: { wall?: unknown } };
      };
      return { type: body.type, data: body.data, wall: body.facts.wall };
    });
}

interface Behind {
  readonly status: number | null;
  readonly stdout: string;
  readonly rows: readonly { readonly type: string; readonly data: unknown }[];
}

async function behind(wall: string, args: readonly string[]): Promise<Behind> {
  const done = await box.run(["run", ...args], {
    env: { CCOS_WALLS: wall },
    timeoutMs: RUN_MS_MAX,
  });
  const rows = await lastChain();
  expect(rows[0]?.wall, done.stderr).toBe(wall);
  const { status, stdout } = done;
  return { status, stdout, rows: rows.map(({ type, data }) => ({ type, data })) };
}

async function everywhere(args: readonly string[]): Promise<Behind> {
  const runs: Behind[] = [];
  for (const wall of walls) runs.push(await behind(wall, args));
  for (const run of runs) expect(run).toEqual(runs[0]);
  const [first] = runs;
  if (first === undefined) throw new Error("no wall stands here");
  return first;
}

describe("one program behind every wall", () => {
  test("a plan that fetches and nests 4 000 calls gives the same answer and the same chain", async () => {
    const { stdout, status, rows } = await everywhere(["plan-agent.rtfs"]);
    expect(stdout).toContain(
      ':status 200 :text "you asked for /ok/1" :depth 4000 :sum 328350 :half 0.5',
    );
    expect(status).toBe(0);
    expect(rows.map(({ type }) => type)).toContain("CallIntended");
  }, 300_000);

  test("a script in JavaScript that fetches, is refused and goes on does the same", async () => {
    const { stdout, status } = await everywhere(["--policy", "policy.rtfs", "agent.js", "a", "b"]);
    expect(stdout).toBe("200 you asked for /ok/1 a+b\nEGRESS_DENIED\n42\n");
    expect(status).toBe(0);
  }, 300_000);
});

describe("ccos run, a program file", () => {
  const engine = walls.find((wall) => wall.startsWith("wasm/")) ?? "wasm";

  test("a module gets its arguments, makes its calls and gives a value; its digest is in the first record", async () => {
    const request = '{"capability":"ccos.math.add","args":[40,2]}';
    const bytes = assemble({
      imports: [
        { name: "call", parameters: ["i32", "i32"], results: ["i32"] },
        { name: "log", parameters: ["i32", "i32"], results: [] },
      ],
      memory: [1],
      data: request,
      parameters: ["i64"],
      results: ["i64"],
      code: [...constant(0), ...constant(request.length), ...call(0), 0x1a, 0x20, 0],
    });
    box.write("agent.wasm", bytes);
    const args = ["--policy", "policy.rtfs", "agent.wasm", "--", "-9007199254740993"];
    const { stdout, status, rows } = await behind(engine, args);
    expect([stdout, status]).toEqual(["-9007199254740993\n", 0]);
    const file = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    expect(rows[0]?.data).toMatchObject({ program: "bytecode", file });
    expect(rows.map(({ type }) => type)).toContain("CallCompleted");
    const verified = await box.run(["chain", "verify", "last"]);
    expect(verified.stderr).toContain("chain VALID");
  }, 300_000);

  test("five bytes are no module: the failure says so", async () => {
    box.write("five.wasm", Uint8Array.of(1, 2, 3, 4, 5));
    const done = await box.run(["run", "--policy", "policy.rtfs", "five.wasm"], {
      env: { CCOS_WALLS: engine },
      timeoutMs: RUN_MS_MAX,
    });
    expect(done.stderr).toContain("WASM load failure");
    expect(done.status).toBe(1);
  }, 300_000);

  test("a Python script runs behind a process wall, and no engine takes it: 69, with the reason", async () => {
    box.write("agent.py", "import sys\nprint('python', sys.argv[1:], __name__)\n");
    const args = ["run", "--policy", "policy.rtfs", "agent.py", "x"];
    const refused = await box.run(args, { env: { CCOS_WALLS: "wasm" } });
    expect(refused.status).toBe(69);
    expect(refused.stderr).toContain("does not run scripts in python: no CPython for WebAssembly");
    if (!walls.includes("process/bubblewrap")) return;
    const done = await box.run(args, {
      env: { CCOS_WALLS: "process/bubblewrap" },
      timeoutMs: RUN_MS_MAX,
    });
    expect([done.stdout, done.status], done.stderr).toEqual(["python ['x'] __main__\n", 0]);
  }, 300_000);

  test("a script that forges frames on its channel is recorded, and its status is its own", async () => {
    const forge = (frames: string): string =>
      `const text = ${frames}; const body = new TextEncoder().encode(text); const frame = new Uint8Array(4 + body.length);
       new DataView(frame.buffer).setUint32(0, body.length); frame.set(body, 4); require("node:fs").writeSync(3, frame);
       setTimeout(() => { process.exitCode = 5 }, 50);`;
    const ready = '{ type: "ready", version: 1, session: "00".repeat(32), image: "" }';
    const cases: readonly (readonly [string, string])[] = [
      [forge(`JSON.stringify(${ready})`), "the session key is wrong"],
      [
        forge('JSON.stringify({ type: "result", ok: true, value: 1 })'),
        "the first message is ready",
      ],
      [
        `ccos.call("ccos.math.add", 1, 2); ${forge('JSON.stringify({ type: "result", ok: true, value: 1 })')}`,
        "a program sends calls, not result",
      ],
      [
        'require("node:fs").writeSync(3, new Uint8Array([255, 255, 255, 255])); process.exitCode = 5',
        "is over",
      ],
    ];
    for (const [source, reason] of cases) {
      box.write("forge.js", source);
      const { status, rows } = await behind(engine, ["--policy", "policy.rtfs", "forge.js"]);
      const violation = rows.find(({ type }) => type === "SecurityViolation");
      expect((violation?.data as { reason?: string } | undefined)?.reason).toContain(reason);
      expect(status).toBe(1);
    }
  }, 300_000);

  test("a file that no extension tells of, an absent one, and a program without --policy are usage errors", async () => {
    box.write("agent.rb", "puts 1");
    const unknown = await box.run(["run", "--policy", "policy.rtfs", "agent.rb"]);
    expect([unknown.status, unknown.stderr]).toEqual([64, expect.stringContaining("no extension")]);
    const absent = await box.run(["run", "--policy", "policy.rtfs", "absent.js"]);
    expect(absent.status).toBe(65);
    expect(absent.stderr).toContain("INPUT_NOT_FOUND");
    expect(readFileSync(`${box.dir}/agent.js`, "utf8")).toContain("ccos.call");
  });
});
