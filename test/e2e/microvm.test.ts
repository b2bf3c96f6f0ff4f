/**
 * The same agents behind a process wall and in a real machine: the same answers, and chains that differ in the wall alone.
 *
 * The image is the one of CCOS_IMAGE; without it these tests are skipped, unless REQUIRE_ISOLATION names the wall.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testImage } from "../contract/image.ts";
import { type Sandbox, sandbox } from "./ccos.ts";

const { imageDir } = testImage();
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes("microvm/qemu");
const RUN_MS_MAX = 120_000;

/** One agent twice: behind the strongest process wall, and in a machine. */
const MODES = {
  process:
    ":orchestrator {:isolation {:mode :process :fs {:ephemeral true}} :dlp {:enabled true :policy :strict}}",
  microvm: `:orchestrator {:isolation {:mode :microvm :fs {:ephemeral true :mounts {:capabilities {:mode :ro}}}}
                           :dlp {:enabled true :policy :strict}}
            :microvm {:kernel {:image "${imageDir}/kernel" :cmdline "quiet"} :rootfs {:image "${imageDir}/root" :ro true}
                      :resources {:vcpus 1 :mem_mb 512}
                      :attestation {:enabled true :expect_rootfs_hash :policy-resolved}}`,
} as const;
type Mode = keyof typeof MODES;

interface Told {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly facts?: Record<string, unknown>;
}

describe.skipIf(imageDir === undefined && !required)("the same agent in a machine", () => {
  let box: Sandbox;
  let server: Server;
  let rule: string;
  beforeAll(async () => {
    box = sandbox();
    server = createServer((_, response) => {
      // Nothing that differs from one answer to the next.
      response.sendDate = false;
      response.end('{"price": 41}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    rule = `:network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :schemes [:http]
      :ports [${port}] :methods [:GET] :paths ["/price"] :addresses ["127.0.0.0/8" "::1/128"]}]}}
      :capabilities {:http {:enabled true}} :features [:network]
      :env {:SHOP "http://localhost:${port}"}`;
  });
  afterAll(() => {
    server.close();
    box.remove();
  });

  const write = (mode: Mode, name: string, fields: string): string => {
    const marketplace = ":marketplace {:readonly true}";
    box.write(
      `${name}.${mode}.rtfs`,
      `(agent.config :version "0.1" :agent-id "agent.${name}" ${fields} ${MODES[mode]} ${marketplace})`,
    );
    return `${name}.${mode}.rtfs`;
  };

  const records = async (): Promise<readonly Told[]> => {
    const shown = await box.run(["chain", "show", "last", "--json"]);
    return shown.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { body: Told }).body);
  };

  /** What a run was, without what names its wall. */
  const comparable = (told: readonly Told[]): readonly unknown[] =>
    told.map(({ type, data }) => [type, { ...data, config: null, isolation: null }]);

  async function both(name: string, fields: string): Promise<string> {
    const seen: { out: string; chain: readonly unknown[] }[] = [];
    for (const mode of ["process", "microvm"] as const) {
      const file = write(mode, name, fields);
      const done = await box.run(["run", file], { timeoutMs: RUN_MS_MAX });
      expect(done, done.stderr).toMatchObject({ status: 0 });
      const told = await records();
      expect(told[0]?.facts?.["wall"]).toMatch(mode === "process" ? /^process\// : /^microvm\//);
      seen.push({ out: done.stdout, chain: comparable(told) });
    }
    expect(seen[1]).toEqual(seen[0]);
    return seen[1]?.out ?? "";
  }

  test(
    "a pure plan",
    async () => {
      box.write("sum.plan.rtfs", '(step "sum" (reduce + 0 (map (fn [n] (* n n)) [1 2 3 4])))');
      expect(await both("sum", ':plan "sum.plan.rtfs"')).toBe("30\n");
      const [first] = await records();
      expect(first?.facts?.["machine"]).toMatchObject({
        image: { root: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
        commandLine: expect.stringContaining("rdinit=/init"),
      });
    },
    2 * RUN_MS_MAX,
  );

  test(
    "a plan with an effect through the gate, which replays",
    async () => {
      box.write(
        "shop.plan.rtfs",
        '(def shop (call :ccos.system.get-env "SHOP"))\n' +
          '(step "price" (get (parse-json (get (call :ccos.network.http-fetch {:url (str shop "/price")}) :body)) "price"))',
      );
      expect(await both("shop", `:plan "shop.plan.rtfs" ${rule}`)).toBe("41\n");
      const verified = await box.run(["chain", "verify", "last", "--replay"], {
        timeoutMs: RUN_MS_MAX,
      });
      expect(verified.stderr).toContain("replay IDENTICAL");
    },
    3 * RUN_MS_MAX,
  );

  test(
    "a Python script",
    async () => {
      box.write(
        "script.py",
        'import json, os, sys\nprint(json.dumps({"sum": sum(range(10)), "uid": os.getuid(), "in": sys.stdin.read()}))\n',
      );
      const outs: string[] = [];
      for (const mode of ["process", "microvm"] as const) {
        const policy = write(mode, "script", "");
        const done = await box.run(["run", "--policy", policy, "--", "python3", "script.py"], {
          input: "words",
          timeoutMs: RUN_MS_MAX,
        });
        expect(done, done.stderr).toMatchObject({ status: 0 });
        outs.push(done.stdout);
      }
      expect(outs[1]).toBe(outs[0]);
      expect(outs[1]).toBe('{"sum": 45, "uid": 1000, "in": "words"}\n');
    },
    2 * RUN_MS_MAX,
  );

  test("a program that is granted effects is refused, because a machine has no sockets out", async () => {
    const policy = write("microvm", "effects", rule);
    const refused = await box.run(["run", "--policy", policy, "--", "python3", "-c", "1"], {
      timeoutMs: RUN_MS_MAX,
    });
    expect(refused.stderr).toContain("ISOLATION_UNAVAILABLE");
    expect(refused.status).toBe(69);
  });
});
