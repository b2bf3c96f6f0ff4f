/**
 * Attacks the emergency stop: nothing begins after its record, whatever the agent does meanwhile.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Finished, type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
let server: Server;
let requests: number;
let heard: () => void;

beforeEach(async () => {
  box = sandbox();
  requests = 0;
  heard = () => undefined;
  server = createServer((request, response) => {
    requests++;
    heard();
    // Slow, so that an effect is under way at any time.
    setTimeout(() => response.end("ok"), request.url === "/slow" ? 60_000 : 20);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  for (const plan of ["loop", "slow", "pure"])
    box.write(`${plan}.agent.rtfs`, config("agent.loop", plan, port));
  box.write("pure.rtfs", "(+ 1 2)");
  box.write(
    "loop.rtfs",
    `(dotimes [n 100000]
       (try (call :ccos.network.http-fetch "http://127.0.0.1:${port}/") (catch _ e nil)))`,
  );
  box.write("slow.rtfs", `(call :ccos.network.http-fetch "http://127.0.0.1:${port}/slow")`);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  box.remove();
});

function config(agent: string, plan: string, port: number, more = ""): string {
  return `(agent.config :version "0.1" :agent-id "${agent}" :plan "${plan}.rtfs" :features [:network] ${more}
    :limits {:calls 100000}
    :network {:enabled true :egress {:via :proxy :rules
      [{:host "127.0.0.1" :schemes [:http] :ports [${port}] :addresses ["127.0.0.0/8"]}]}}
    :capabilities {:http {:enabled true}})`;
}

function requested(count: number): Promise<void> {
  return new Promise((resolve) => {
    heard = () => requests >= count && resolve();
    heard();
  });
}

interface Line {
  readonly body: { readonly type: string; readonly ts: number; readonly facts: object };
}

function records(): readonly Line["body"][] {
  const runs = join(box.home, "runs");
  const [run] = readdirSync(runs).toSorted().toReversed();
  const text = readFileSync(join(runs, run!, "chain.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as Line).body);
}

async function startAndHalt(
  plan: string,
  halt: readonly string[],
): Promise<{ run: Finished; order: Finished }> {
  const running = box.run(["run", `${plan}.agent.rtfs`]);
  await requested(plan === "slow" ? 1 : 5);
  const order = await box.run(["halt", ...halt, "--reason", "it writes to strangers"]);
  return { run: await running, order };
}

describe("an emergency stop", () => {
  test.each([
    ["of the agent", ["agent.loop"], "loop"],
    ["of every agent", ["--all"], "loop"],
    ["while an effect is under way", ["agent.loop"], "slow"],
  ])(
    "%s ends the run; no effect begins after its record, and the chain verifies",
    async (...row) => {
      const [, halt, plan] = row;
      const { run, order } = await startAndHalt(plan, halt);
      expect([order.status, run.status]).toEqual([0, 77]);
      expect(run.stderr).toContain("AGENT_HALTED");
      const types = records().map(({ type }) => type);
      const at = types.indexOf("EmergencyStopped");
      expect(at).toBeGreaterThan(0);
      expect(types.slice(at)).not.toContain("CallIntended");
      expect(records()[at]?.facts).toMatchObject({ reason: "it writes to strangers" });
      const before = requests;
      const verified = await box.run(["chain", "verify", "last"]);
      expect(verified.status).toBe(0);
      expect(requests).toBe(before);
      const intended = types.filter((type) => type === "CallIntended").length;
      expect(requests).toBeLessThanOrEqual(intended);
    },
  );

  test("holds the start of that agent until it is lifted, and of no other", async () => {
    const { port } = server.address() as AddressInfo;
    box.write("other.rtfs", config("agent.other", "pure", port));
    await box.run(["halt", "agent.loop", "--reason", "audit"]);
    const held = await box.run(["run", "pure.agent.rtfs"]);
    expect(held.status).toBe(77);
    expect(held.stderr).toMatch(/AGENT_HALTED[^]*audit/);
    expect((await box.run(["run", "other.rtfs"])).status).toBe(0);
    const list = await box.json(["halt", "list"]);
    expect(list.value["orders"]).toMatchObject([{ agent: "agent.loop", reason: "audit" }]);
    expect((await box.run(["halt", "lift", "agent.loop"])).status).toBe(0);
    expect((await box.run(["run", "pure.agent.rtfs"])).status).toBe(0);
    expect((await box.run(["halt", "lift", "agent.loop"])).status).toBe(65);
  });

  test.each([
    ["cannot be read", "not json"],
    ["says nothing", ""],
    ["is of another shape", '{"agent":"agent.loop"}'],
  ])("that %s is in force all the same", async (_title, text) => {
    mkdirSync(join(box.home, "halt"), { recursive: true, mode: 0o700 });
    writeFileSync(join(box.home, "halt", "agent-agent.loop.json"), text);
    const held = await box.run(["run", "pure.agent.rtfs"]);
    expect(held.status).toBe(77);
    expect(held.stderr).toContain("cannot be read as an order");
  });

  test("is what the end of its validity is too: a run under way ends, none begins", async () => {
    const { port } = server.address() as AddressInfo;
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 4000).toISOString();
    const validity = `:validity {:until "${until.replace(".000", "")}"}`;
    box.write("loop.agent.rtfs", config("agent.loop", "loop", port, validity));
    const run = await box.run(["run", "loop.agent.rtfs"]);
    expect(run.status).toBe(77);
    expect(run.stderr).toContain("OUTSIDE_VALIDITY");
    const types = records().map(({ type }) => type);
    expect(types.slice(types.indexOf("LimitReached"))).not.toContain("CallIntended");
    const before = requests;
    const later = await box.run(["run", "loop.agent.rtfs"]);
    expect(later.stderr).toMatch(/OUTSIDE_VALIDITY[^]*its validity ended/);
    expect(requests).toBe(before);
  });

  test("asks for one agent and a reason", async () => {
    for (const words of [["halt"], ["halt", "a", "--all", "--reason", "x"], ["halt", "a"]])
      expect((await box.run(words)).status).toBe(64);
    expect((await box.run(["halt", "../../etc", "--reason", "x"])).status).toBe(64);
  });
});
