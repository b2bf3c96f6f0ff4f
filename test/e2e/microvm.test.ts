/**
 * Agents in a real machine: through the gate, through a tunnel, and again. That they answer as behind every other wall is
 * test/acceptance/three-agents.test.ts.
 *
 * The image is the one of CCOS_IMAGE; without it these tests are skipped, unless REQUIRE_ISOLATION names the wall.
 */
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LOCK_FILE, parseLock } from "../../src/isolation/image/lock.ts";
import { certificateFor } from "../adversary/egress-certificate.ts";
import { testImage } from "../contract/image.ts";
import { type Sandbox, sandbox } from "./ccos.ts";

const { imageDir } = testImage();
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes("microvm/qemu");
const RUN_MS_MAX = 120_000;

/** The block of a config that asks for a machine. */
const MACHINE = `:orchestrator {:isolation {:mode :microvm :fs {:ephemeral true :mounts {:capabilities {:mode :ro}}}}
                           :dlp {:enabled true :policy :strict}}
            :microvm {:kernel {:image "${imageDir}/kernel" :cmdline "quiet"} :rootfs {:image "${imageDir}/root" :ro true}
                      :resources {:vcpus 1 :mem_mb 512}
                      :attestation {:enabled true :expect_rootfs_hash :policy-resolved}}
            :marketplace {:readonly true}`;

interface Told {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly facts?: Record<string, unknown>;
}

/** What a program sends through the door that is not its own: three clients that know nothing of us. */
const CLIENTS = {
  curl: "curl -sSk https://localhost:PORT/price",
  python:
    'python3 -c \'import ssl, urllib.request as r; print(r.urlopen("https://localhost:PORT/price", context=ssl._create_unverified_context()).read().decode(), end="")\'',
  node: "NODE_TLS_REJECT_UNAUTHORIZED=0 NODE_NO_WARNINGS=1 /ccos/node -e 'fetch(\"https://localhost:PORT/price\").then((a) => a.text()).then((t) => process.stdout.write(t))'",
} as const;

describe.skipIf(imageDir === undefined && !required)("an agent in a machine", () => {
  let box: Sandbox;
  let servers: readonly Server[];
  let ports: readonly number[];
  beforeAll(async () => {
    box = sandbox();
    const answer = (_: IncomingMessage, response: ServerResponse): void => {
      // Nothing that differs from one answer to the next.
      response.sendDate = false;
      response.end('{"price": 41}');
    };
    servers = [createServer(answer), createTlsServer(certificateFor("localhost"), answer)];
    for (const server of servers)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports = servers.map((server) => (server.address() as AddressInfo).port);
  });
  afterAll(() => {
    for (const server of servers) server.close();
    box.remove();
  });

  /** @param rule - More of the one rule of its network. */
  const write = (name: string, fields: string, port: number | undefined, rule: string): string => {
    const network = `:network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :ports [${port}]
      :methods [:GET] :addresses ["127.0.0.0/8" "::1/128"] ${rule}}]}}
      :capabilities {:http {:enabled true}} :features [:network]`;
    box.write(
      `${name}.rtfs`,
      `(agent.config :version "0.1" :agent-id "agent.${name}" ${fields} ${network} ${MACHINE})`,
    );
    return `${name}.rtfs`;
  };

  const records = async (): Promise<readonly Told[]> => {
    const shown = await box.run(["chain", "show", "last", "--json"]);
    return shown.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { body: Told }).body);
  };

  test(
    "has an effect through the gate, says what it began from, and replays",
    async () => {
      box.write(
        "shop.plan.rtfs",
        '(def shop (call :ccos.system.get-env "SHOP"))\n' +
          '(step "price" (get (parse-json (get (call :ccos.network.http-fetch {:url (str shop "/price")}) :body)) "price"))',
      );
      const env = `:env {:SHOP "http://localhost:${ports[0]}"}`;
      const file = write("shop", `:plan "shop.plan.rtfs" ${env}`, ports[0], ":schemes [:http]");
      const done = await box.run(["run", file], { timeoutMs: RUN_MS_MAX });
      expect(done, done.stderr).toMatchObject({ status: 0, stdout: "41\n" });
      const [first] = await records();
      const digest = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
      expect(first?.facts?.["machine"]).toMatchObject({
        image: { root: digest },
        commandLine: expect.stringContaining("rdinit=/init"),
        template: digest,
      });
      const verified = await box.run(["chain", "verify", "last", "--replay"], {
        timeoutMs: RUN_MS_MAX,
      });
      expect(verified.stderr).toContain("replay IDENTICAL");
    },
    3 * RUN_MS_MAX,
  );

  test(
    "reaches what a rule grants through the tunnel with clients that know nothing of it, and nothing else",
    async () => {
      const known = parseLock(readFileSync(join(imageDir ?? "", LOCK_FILE), "utf8"));
      const programs = known.ok ? known.value.programs : [];
      const clients = Object.entries(CLIENTS).filter(
        ([name]) => name === "node" || programs.some((path) => path.startsWith(`/usr/bin/${name}`)),
      );
      box.write(
        "ask.sh",
        [
          ...clients.map(([, line]) => `${line.replace("PORT", String(ports[1]))}; echo`),
          // The host's own port, past the door; then another name through it.
          `HTTP_PROXY= http_proxy= ${CLIENTS.node.replace("PORT", String(ports[0])).replace("https", "http")} || echo refused`,
          `${CLIENTS.node.replace("localhost:PORT", "evil.test")} || echo refused`,
        ].join("\n"),
      );
      const policy = write("tunnel", "", ports[1], ":schemes [:https] :tunnel true");
      const done = await box.run(["run", "--policy", policy, "ask.sh"], { timeoutMs: RUN_MS_MAX });
      expect(done.stdout, done.stderr).toBe(
        `${'{"price": 41}\n'.repeat(clients.length)}refused\nrefused\n`,
      );
      const types = (await records()).map(({ type }) => type);
      expect(types.filter((type) => type === "EgressConnected")).toHaveLength(clients.length);
      expect(types.filter((type) => type === "EgressDenied").length).toBeGreaterThan(0);
    },
    2 * RUN_MS_MAX,
  );

  test(
    "sees the directories it is shown on a drive that nobody can write, of exactly the recorded content",
    async () => {
      box.write("shown/words.txt", "words of the host\n");
      box.write("shown/deep/run.sh", "echo run\n");
      symlinkSync("/etc/hostname", join(box.dir, "shown", "way-out"));
      const before = readdirSync(join(box.dir, "shown"));
      box.write(
        "look.sh",
        `cat /mnt/data/words.txt; sh /mnt/data/deep/run.sh; cat /mnt/data/way-out && echo got out
         for what in "echo x > /mnt/data/words.txt" "echo x > /mnt/data/new" "echo x > /mnt/new" "echo x > /dev/vdb" "exec /mnt/data/deep/run.sh"
         do (eval "$what") 2>/dev/null && echo "did: $what"; done
         while read -r from place kind how rest; do [ "$place" = /mnt ] && echo "$kind $how"; done < /proc/mounts; exit 0`,
      );
      const mounts = `:mounts {:capabilities {:mode :ro} :data {:mode :ro :source "${join(box.dir, "shown")}"}}`;
      const policy = write("look", "", ports[0], ":schemes [:http]");
      const text = readFileSync(join(box.dir, policy), "utf8");
      box.write(policy, text.replace(":mounts {:capabilities {:mode :ro}}", mounts));
      const done = await box.run(["run", "--policy", policy, "look.sh"], {
        timeoutMs: RUN_MS_MAX,
      });
      expect(done.stdout, done.stderr).toBe(
        "words of the host\nrun\nsquashfs ro,nosuid,nodev,noexec,relatime,errors=continue\n",
      );
      expect(readdirSync(join(box.dir, "shown"))).toEqual(before);
      const [first] = await records();
      expect(first?.facts?.["machine"]).toMatchObject({
        store: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      });
    },
    2 * RUN_MS_MAX,
  );
});
