/**
 * The same three agents behind every kind of wall: a pure plan, one that fetches through the gate, and a script in
 * Python. The same answers, and chains that differ in nothing but the wall. The engine of the wasm wall has no Python and says so.
 *
 * A wall whose tools are missing is left out, unless REQUIRE_ISOLATION names it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProviders } from "../../src/isolation/index.ts";
import { testImage } from "../contract/image.ts";
import { type Sandbox, sandbox } from "../e2e/ccos.ts";

const KINDS = ["wasm/bubblewrap", "process/bubblewrap", "gvisor/runsc", "microvm/qemu"] as const;
type Wall = (typeof KINDS)[number];
const { imageDir } = testImage();
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
const stateDir = mkdtempSync(join(tmpdir(), "ccos-agents-"));
const places = { nodePath: process.execPath, stateDir, ...testImage() };
const walls: Wall[] = [];
for (const name of KINDS) {
  const [provider] = createProviders({ ...places, only: [name] });
  if (required.includes(name) || (await provider?.probe())?.kind === "ready") walls.push(name);
}
/** The first run behind a wall may measure it. */
const RUN_MS_MAX = 180_000;

/** The block of a config that names the kind of wall. */
function modeOf(wall: Wall): string {
  const dlp = ":dlp {:enabled true :policy :strict}";
  if (wall !== "microvm/qemu") return `:orchestrator {:isolation {:mode :wasm} ${dlp}}`;
  return `:orchestrator {:isolation {:mode :microvm :fs {:ephemeral true :mounts {:capabilities {:mode :ro}}}}
                         ${dlp}}
          :microvm {:kernel {:image "${imageDir}/kernel" :cmdline "quiet"} :rootfs {:image "${imageDir}/root" :ro true}
                    :resources {:vcpus 1 :mem_mb 512}}
          :marketplace {:readonly true}`;
}

let box: Sandbox;
let server: Server;
let fields: string;

beforeAll(async () => {
  box = sandbox();
  server = createServer((_, response) => {
    // Nothing that differs from one answer to the next.
    response.sendDate = false;
    response.end('{"price": 41}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  fields = `:profile :networked :features [:network] :capabilities {:http {:enabled true}}
    :env {:SHOP "http://localhost:${port}/price"}
    :network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :schemes [:http] :ports [${port}]
      :methods [:GET] :paths ["/price"] :addresses ["127.0.0.0/8" "::1/128"]}]}}`;
  box.write("pure.plan.rtfs", '(step "sum" (reduce + 0 (map (fn [n] (* n n)) (range 100))))');
  box.write(
    "shop.plan.rtfs",
    `(step "price" (get (parse-json (get (call :ccos.network.http-fetch
       {:url (call :ccos.system.get-env "SHOP") :method "GET"}) :body)) "price"))`,
  );
  box.write(
    "agent.py",
    `import json, os, sys
from ccos_client import CapabilityError, connect
with connect() as ccos:
    page = ccos.call("ccos.network.http-fetch", {"url": ccos.call("ccos.system.get-env", "SHOP"), "method": "GET"})
    try:
        ccos.call("ccos.network.http-fetch", {"url": "http://evil.test/", "method": "GET"})
    except CapabilityError as refusal:
        print(refusal.code)
    print(json.loads(page["body"])["price"], sum(range(10)), os.getuid(), sys.argv[1:], sys.stdin.read())
`,
  );
});
afterAll(() => {
  server.close();
  box.remove();
  rmSync(stateDir, { recursive: true, force: true });
});

interface Lived {
  readonly status: number | null;
  readonly stdout: string;
  readonly chain: readonly unknown[];
}

/** One run, without what names its wall. */
async function behind(wall: Wall, name: string, args: readonly string[]): Promise<Lived> {
  const plan = args.length === 0 ? `:plan "${name}.plan.rtfs"` : "";
  const config = `${name}.${wall.replace("/", "-")}.rtfs`;
  box.write(
    config,
    `(agent.config :version "0.1" :agent-id "agent.${name}" ${plan} ${fields} ${modeOf(wall)})`,
  );
  const line = args.length === 0 ? ["run", config] : ["run", "--policy", config, ...args];
  const env = { CCOS_WALLS: wall };
  const done = await box.run(line, { env, input: "words", timeoutMs: RUN_MS_MAX });
  if (done.status === 69) return { status: 69, stdout: done.stderr, chain: [] };
  const shown = await box.run(["chain", "show", "last", "--json"]);
  const told = shown.stdout
    .trim()
    .split("\n")
    .map((row) => (JSON.parse(row) as { body: Told }).body);
  expect(told[0]?.facts?.["wall"], done.stderr).toBe(wall);
  // A step's profile names the kind of wall that the config asks for; an envelope, the config.
  const unnamed = { config: null, isolation: null, profile: null, envelope: null };
  const chain = told.map(({ type, data }) => [type, { ...data, ...unnamed }]);
  return { status: done.status, stdout: done.stdout, chain };
}

interface Told {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly facts?: Record<string, unknown>;
}

describe(`the same agents behind ${walls.join(", ")}`, () => {
  test.each([
    ["pure", [], "328350\n"],
    ["shop", [], "41\n"],
    ["script", ["agent.py", "a"], "EGRESS_DENIED\n41 45 1000 ['a'] words\n"],
  ])(
    "%s",
    async (name, args, stdout) => {
      const lived = new Map<Wall, Lived>();
      for (const wall of walls) lived.set(wall, await behind(wall, name, args));
      if (name === "script" && walls.includes("wasm/bubblewrap")) {
        const refused = lived.get("wasm/bubblewrap");
        expect(refused).toMatchObject({ status: 69 });
        expect(refused?.stdout).toContain("does not run scripts in python");
        lived.delete("wasm/bubblewrap");
      }
      const [first] = lived.values();
      expect(first).toMatchObject({ status: 0, stdout });
      expect(first?.chain.length).toBeGreaterThan(name === "pure" ? 2 : 4);
      for (const each of lived.values()) expect(each).toEqual(first);
    },
    KINDS.length * RUN_MS_MAX,
  );
});
