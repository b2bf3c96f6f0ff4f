/**
 * The same agents behind gVisor and behind processes: the same answers, the same chains but for the wall.
 *
 * A plan without effects, a plan that fetches through the gate, Python through the capability socket and Node
 * through a tunnel. Skipped, visibly, where runsc is missing; REQUIRE_ISOLATION makes that a failure.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProviders } from "../../src/isolation/index.ts";
import { pureConfig, type Finished, type Sandbox, sandbox } from "./ccos.ts";

const WALLS = ["gvisor/runsc", "process/bubblewrap"] as const;
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
const providers = createProviders({ nodePath: process.execPath, stateDir: "/tmp", only: WALLS });
const probes = await Promise.all(providers.map((provider) => provider.probe()));
const missing = probes.some((probe) => probe.kind === "missing");
const isSkipped = missing && !WALLS.every((wall) => required.includes(wall));
const hasPython = existsSync("/usr/bin/python3");
/** The first run behind a wall measures it. */
const SLOW = 90_000;

let box: Sandbox;
let server: Server;
let port = 0;

beforeAll(async () => {
  box = sandbox();
  server = createServer((request, response) => {
    response.setHeader("date", "Thu, 01 Jan 1970 00:00:00 GMT");
    response.end(`${request.method} ${request.url}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  box.remove();
});

const granted = (tunnel: string): string =>
  `:profile :networked :features [:network]
   :network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :schemes [:http] ${tunnel}
     :ports [${port}] :methods [:GET] :addresses ["127.0.0.0/8" "::1/128"]}]}}
   :capabilities {:http {:enabled true}}`;

interface Lived {
  readonly status: number | null;
  readonly stdout: string;
  /** Every record's type and data: all that a chain says but the facts of its host. */
  readonly chain: readonly unknown[];
  readonly wall: unknown;
}

async function behind(wall: string, args: readonly string[]): Promise<Lived> {
  const done: Finished = await box.run(["run", ...args], {
    env: { CCOS_WALLS: wall },
    timeoutMs: SLOW,
  });
  const path = /^\s+(\/.*chain\.jsonl)$/m.exec(done.stderr)?.[1];
  if (path === undefined) throw new Error(done.stderr);
  const records = readFileSync(join(path), "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { body: Body }).body);
  return {
    status: done.status,
    stdout: done.stdout,
    chain: records.map(({ type, data }) => ({ type, data })),
    wall: records[0]?.facts["wall"],
  };
}

interface Body {
  readonly type: string;
  readonly data: unknown;
  readonly facts: Readonly<Record<string, unknown>>;
}

async function same(args: readonly string[]): Promise<Lived> {
  const [first, second] = [await behind(WALLS[0], args), await behind(WALLS[1], args)];
  expect([first.wall, second.wall]).toEqual(WALLS);
  expect({ ...first, wall: null }).toEqual({ ...second, wall: null });
  const verified = await box.json(["chain", "verify", "last"]);
  expect(verified.value["ok"]).toBe(true);
  return first;
}

describe.skipIf(isSkipped)(`behind gVisor${missing ? " (missing)" : ""}`, () => {
  test(
    "a plan without effects gives the same value and the same chain",
    async () => {
      box.write(
        "pure.plan.rtfs",
        '(step "sum" {:total (reduce + 0 (range 0 1000)) :half (/ 3 2)})',
      );
      box.write("pure.rtfs", pureConfig("pure.plan.rtfs"));
      const lived = await same(["pure.rtfs"]);
      expect([lived.status, lived.stdout]).toEqual([0, "{:total 499500 :half 1.5}\n"]);
    },
    SLOW,
  );

  test(
    "a plan that fetches through the gate gives the same answer and the same chain",
    async () => {
      box.write(
        "fetch.plan.rtfs",
        `(step "get" (get (call :ccos.network.http-fetch {:url "http://localhost:${port}/a" :method "GET"}) :body))`,
      );
      box.write("fetch.rtfs", pureConfig("fetch.plan.rtfs", granted("")));
      const lived = await same(["fetch.rtfs"]);
      expect([lived.status, lived.stdout]).toEqual([0, '"GET /a"\n']);
      expect(lived.chain.length).toBeGreaterThan(4);
    },
    SLOW,
  );

  test.skipIf(!hasPython)(
    "a Python program gives the same output and the same chain, its calls included",
    async () => {
      box.write("policy.rtfs", pureConfig("pure.plan.rtfs", granted("")));
      box.write(
        "x.py",
        `from ccos_client import connect\nprint(connect().call("ccos.network.http-fetch", {"url": "http://localhost:${port}/p", "method": "GET"})["body"], sum(range(10)))`,
      );
      const lived = await same(["--policy", "policy.rtfs", "--", "python3", "x.py"]);
      expect([lived.status, lived.stdout]).toEqual([0, "GET /p 45\n"]);
    },
    SLOW,
  );

  test(
    "a program reaches what a rule grants it through the tunnel, and nothing else",
    async () => {
      box.write("tunnel.rtfs", pureConfig("pure.plan.rtfs", granted(":tunnel true")));
      box.write(
        "x.pl",
        `use IO::Socket::INET; for my $host ("localhost:${port}", "evil.test:${port}") {
           my $s = IO::Socket::INET->new("127.0.0.1:3128") or die "no door: $!";
           print $s "CONNECT $host HTTP/1.1\\r\\nHost: $host\\r\\n\\r\\n"; $s->flush;
           my $line = <$s>; print $line =~ / (\\d+) / ? "$1\\n" : "none\\n"; next unless $1 == 200;
           1 while defined($line = <$s>) && $line ne "\\r\\n";
           print $s "GET /t HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n"; $s->flush;
           local $/; print((split /\\r\\n\\r\\n/, <$s>)[1], "\\n"); }`,
      );
      const lived = await same(["--policy", "tunnel.rtfs", "--", "perl", "x.pl"]);
      expect([lived.status, lived.stdout]).toEqual([0, "200\nGET /t\n403\n"]);
    },
    SLOW,
  );

  test(
    "a config that asks for :gvisor gets it where only processes stand beside it, and is refused without",
    async () => {
      box.write(
        "strong.rtfs",
        pureConfig("pure.plan.rtfs", ":orchestrator {:isolation {:mode :gvisor}}"),
      );
      const first = await behind(WALLS.join(), ["strong.rtfs"]);
      expect([first.status, first.wall]).toEqual([0, "gvisor/runsc"]);
      const light = await behind(WALLS.join(), ["pure.rtfs"]);
      expect(light.wall).toBe("process/bubblewrap");
      const refused = await box.run(["run", "strong.rtfs"], {
        env: { CCOS_WALLS: "process/bubblewrap" },
      });
      expect(refused.status).toBe(69);
      expect(refused.stderr).toContain('process/bubblewrap: is weaker than "gvisor"');
    },
    SLOW,
  );
});
