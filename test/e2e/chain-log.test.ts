/** The host log as a user sees it: `ccos chain verify`, `checkpoint`, `prove`, `check-proof`, `anchor`, `anchors`. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
let runs: string[];
const at = (...names: string[]): string => join(box.home, ...names);
const run = (number: number): string => at("runs", runs[number]!);

function agent(rest: string): string {
  box.write("plan.rtfs", "(call :ccos.math.add 20 22)");
  return box.write("agent.rtfs", `(agent.config :agent-id "agent.log" :plan "plan.rtfs" ${rest})`);
}

beforeAll(async () => {
  box = sandbox();
  for (let each = 0; each < 3; each++) {
    const done = await box.run(["run", agent("")]);
    if (done.status !== 0) throw new Error(done.stderr);
  }
  runs = (await box.run(["chain", "list"])).stdout.trim().split("\n");
  const checkpoint = await box.run(["chain", "checkpoint"]);
  box.write("witnessed", checkpoint.stdout);
}, 60_000);
afterAll(() => box.remove());

describe("the host log", () => {
  test("has every run's head, and a checkpoint that was kept agrees", async () => {
    const verified = await box.run(["chain", "verify", runs[1]!, "--checkpoint", "witnessed"]);
    expect(verified.stderr).toMatch(/head LOGGED +number 1 of 3 .* goes on from the given/);
    expect(verified.status).toBe(0);
    const since = await box.json(["chain", "checkpoint", "--since", "witnessed"]);
    expect(since.value).toMatchObject({ checkpoint: { size: 3 }, consistency: { path: [] } });
  });

  test("proves a run and a record of it to somebody who has the key only", async () => {
    const proof = await box.run(["chain", "prove", runs[0]!, "2"]);
    expect(proof.stdout).toMatch(/^c2sp\.org\/tlog-proof@v1\nextra .*\nindex 0\n/);
    box.write("a.tlog-proof", proof.stdout);
    cpSync(at("keys", "host.pub.pem"), join(box.dir, "key.pem"));
    const elsewhere = { env: { CCOS_HOME: join(box.dir, "elsewhere") } };
    const check = ["chain", "check-proof", "a.tlog-proof"];
    const checked = await box.run([...check, "--key", "key.pem"], elsewhere);
    expect(checked.stderr).toContain(`head LOGGED      ${runs[0]!}`);
    expect(checked.stdout).toMatch(/^2 {2}20/);
    expect(checked.status).toBe(0);
    expect((await box.run(check, elsewhere)).stderr).toContain("INPUT_NOT_FOUND");
    box.write("a.tlog-proof", proof.stdout.replace("index 0", "index 1"));
    const refused = await box.run([...check, "--key", "key.pem"], elsewhere);
    expect(refused.stderr).toContain("PROOF_INVALID");
    expect(refused.status).toBe(65);
    const absent = await box.run(["chain", "prove", runs[0]!, "4000"]);
    expect(absent.status).toBe(64);
  });

  test("names what was done to a run", async () => {
    const [verify, head] = [["chain", "verify", runs[2]!], join(run(2), "head.json")] as const;
    const kept = readFileSync(head);
    rmSync(head);
    const stripped = await box.run(verify);
    expect(stripped.stderr).toContain("stripped");
    expect(stripped.status).toBe(65);
    const repaired = await box.run([...verify, "--repair"]);
    expect(repaired.stderr).toContain("the head that the host log has is back");
    expect(repaired.status).toBe(0);
    expect(readFileSync(head)).toEqual(kept);
    cpSync(at("log"), join(box.dir, "log"), { recursive: true });
    rmSync(at("log"), { recursive: true });
    const unlogged = await box.json([...verify, "--checkpoint", "witnessed"]);
    expect(unlogged.value).toMatchObject({ ok: false, code: "CHAIN_ROLLBACK" });
    expect((await box.json(verify)).value).toMatchObject({ code: "CHAIN_ROLLBACK" });
    cpSync(join(box.dir, "log"), at("log"), { recursive: true });
    expect((await box.run(verify)).status).toBe(0);
    box.write("forged", readFileSync(join(box.dir, "witnessed"), "utf8").replace("\n3\n", "\n4\n"));
    const forged = await box.run([...verify, "--checkpoint", "forged"]);
    expect(forged.stderr).toContain("CHAIN_SIGNATURE");
  });
});

describe("an anchor", () => {
  const asking = (rest: string): string => `:causal_chain {:anchor {:enabled true ${rest}}}`;

  test("that a config asks for is there when the run has its head", async () => {
    mkdirSync(join(box.dir, "disk"));
    const place = `:target :file :path "${join(box.dir, "disk")}"`;
    expect((await box.run(["run", agent(asking(place))])).status).toBe(0);
    const listed = await box.run(["chain", "anchors"]);
    expect(listed.stdout).toMatch(/ 4 heads {2}holds .* file /);
    const byHand = await box.run(["chain", "anchor", "file", "disk"]);
    expect(byHand.status).toBe(0);
    rmSync(join(box.dir, "disk"), { recursive: true });
    const gone = await box.run(["chain", "anchors"]);
    expect(gone.stdout).toMatch(/ 4 heads {2}gone /);
    expect(gone.status).toBe(65);
  });

  test("that cannot be is a warning, or leaves the run without a head until it is mended", async () => {
    const place = `:target :file :path "${join(box.dir, "nowhere")}"`;
    const warned = await box.run(["run", agent(asking(place))]);
    expect(warned.status).toBe(0);
    expect(warned.stderr).toContain("was not anchored (:file)");
    const failed = await box.run(["run", agent(asking(`${place} :required true`))]);
    expect(failed.stderr).toContain("CHAIN_UNWRITABLE");
    expect(failed.status).toBe(69);
    const last = (await box.run(["chain", "list"])).stdout.trim().split("\n").at(-1)!;
    expect(existsSync(at("runs", last, "head.json"))).toBe(false);
    expect((await box.run(["chain", "verify", "last"])).stderr).toContain("stripped");
    expect((await box.run(["chain", "verify", "last", "--repair"])).status).toBe(0);
    writeFileSync(join(box.dir, "x"), "");
    expect((await box.run(["chain", "anchor", "file", "x"])).status).toBe(69);
  });
});

describe("a chain", () => {
  test("is shown whole or in part, and given to others in four forms", async () => {
    const shown = await box.run(["chain", "show", runs[0]!, "--json", "--type", "CallIntended"]);
    const types = shown.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).body.type as string);
    expect(types).toEqual(["CallIntended"]);
    const none = await box.run(["chain", "show", runs[0]!, "--json", "--capability", "ccos.echo"]);
    expect(none.stdout).toBe("");
    expect((await box.run(["chain", "show", runs[0]!, "--type", "Nothing"])).status).toBe(64);
    const forms = ["jsonl", "html", "otlp", "ocsf"].map((form) =>
      box.run(["chain", "export", runs[0]!, "--format", form]),
    );
    const [lines, page, trace, events] = (await Promise.all(forms)).map(({ stdout }) => stdout);
    expect(lines).toBe(readFileSync(join(run(0), "chain.jsonl"), "utf8"));
    expect(page).toContain("head number 0 of ");
    expect(JSON.parse(trace!)).toHaveProperty("resourceSpans");
    expect(JSON.parse(events!)).toMatchObject({
      class_uid: 6003,
      api: { operation: "ccos.math.add" },
    });
    expect((await box.run(["chain", "export", runs[0]!, "--format", "pdf"])).status).toBe(64);
  });

  test("verifies when its results are erased, which cannot be read any more", async () => {
    const key = join(run(1), "payload.key");
    expect(existsSync(key)).toBe(true);
    expect((await box.json(["chain", "erase", runs[1]!])).value).toMatchObject({ erased: true });
    expect(existsSync(key)).toBe(false);
    expect((await box.run(["chain", "verify", runs[1]!, "--links"])).stderr).toContain(
      "head LOGGED",
    );
    const replayed = await box.run(["chain", "verify", runs[1]!, "--replay"]);
    expect(replayed.stderr).toContain("replay UNAVAILABLE");
    expect((await box.json(["chain", "erase", runs[1]!])).value).toMatchObject({ erased: false });
  });
});

test("a run whose config wants SQLite has its chain there, and everything else is as ever", async () => {
  const storage = ':causal_chain {:storage {:mode :sqlite :path "chain.db"}}';
  expect((await box.run(["run", agent(storage)])).status).toBe(0);
  const last = (await box.run(["chain", "list"])).stdout.trim().split("\n").at(-1)!;
  expect(existsSync(at("runs", last, "chain.db"))).toBe(true);
  expect(existsSync(at("runs", last, "chain.jsonl"))).toBe(false);
  const verified = await box.run(["chain", "verify", last, "--replay"]);
  expect(verified.stderr).toMatch(/chain VALID .*\n.*head LOGGED .*\n.*replay IDENTICAL/);
  const shown = await box.run(["chain", "show", last, "--json", "--capability", "ccos.math.add"]);
  expect(shown.stdout.trim().split("\n")).toHaveLength(1);
  box.write("b.tlog-proof", (await box.run(["chain", "prove", last, "3"])).stdout);
  expect((await box.run(["chain", "check-proof", "b.tlog-proof"])).status).toBe(0);
  const lines = await box.run(["chain", "export", last, "--format", "jsonl"]);
  expect(JSON.parse(lines.stdout.split("\n")[0]!)).toMatchObject({ body: { type: "RunStarted" } });
});
