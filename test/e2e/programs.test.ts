/** Any program behind the walls: what it sees, what it may ask, how it ends. Uses sh and perl: a bare Debian has both. */
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
const POLICY = (fields: string): string =>
  `(agent.config :version "0.1" :agent-id "agent.program" ${fields})`;

beforeAll(() => {
  box = sandbox();
  box.write(
    "policy.rtfs",
    POLICY(
      ':env {:GREETING "hello"} :limits {:wall-ms 8000 :memory-mb 256 :pids 32 :output-bytes 100000}',
    ),
  );
});
afterAll(() => box.remove());

const shell = (
  script: string,
  options: { env?: Record<string, string>; input?: string; policy?: string } = {},
) =>
  box.run(["run", "--policy", options.policy ?? "policy.rtfs", "--", "sh", "-c", script], options);

describe("ccos run -- PROGRAM", () => {
  test("passes stdin, stdout and the declared environment, and nothing else of the host's", async () => {
    const done = await shell('read line; echo "$GREETING $line"; env | grep -c CANARY', {
      input: "there\n",
      env: { CANARY: "host-secret" },
    });
    expect(done.stdout).toBe("hello there\n0\n");
  });

  test("a program sees the files its command names, and not the directory they came from", async () => {
    box.write("agent.sh", "cat agent.sh | head -c 3; ls");
    box.write("secret.txt", "not named");
    const done = await box.run(["run", "--policy", "policy.rtfs", "--", "sh", "agent.sh"]);
    expect(done.stdout).toBe("catagent.sh\n");
    expect(done.status).toBe(0);
  });

  test("a status other than 0 is 1, a signal is 128+n", async () => {
    expect((await shell("exit 3")).status).toBe(1);
    expect((await shell("kill -TERM $$")).status).toBe(143);
  });

  test("the wall clock ends it with 124 and leaves no process", async () => {
    const marker = `ccos-marker-${process.pid}`;
    box.write("short.rtfs", POLICY(":limits {:wall-ms 600}"));
    const ended = await shell(
      `trap "" TERM HUP; setsid sh -c "sleep 300; : ${marker}" & sleep 300; : ${marker}`,
      { policy: "short.rtfs" },
    );
    expect(ended.status).toBe(124);
    expect(processesWith(marker)).toEqual([]);
  });

  test("a fork bomb, a memory bomb and an output flood are ended by their limits", async () => {
    const bomb = await shell(
      "perl -e 'my $n=0; while ($n < 200) { my $p = fork; last unless defined $p; if (!$p) { sleep 5; exit } $n++ } print \"$n\\n\"'",
    );
    expect(Number(bomb.stdout)).toBeLessThan(64);
    const memory = await shell("perl -e 'my @a; push @a, \"x\" x 1e7 while 1'");
    expect(memory.status).not.toBe(0);
    const flood = await shell("yes");
    expect(flood.stderr).toContain("LIMIT_OUTPUT");
    expect(flood.stdout.length).toBeLessThan(200_000);
    expect(flood.status).toBe(1);
  });

  test("a mount is visible and read-only, a secret is a placeholder and its file counts from the config's directory", async () => {
    const note = box.write("sub/data/note.txt", "mounted");
    for (const path of [box.dir, join(box.dir, "sub"), join(box.dir, "sub/data")])
      chmodSync(path, 0o755);
    box.write("sub/token", "token-of-the-file-0123");
    box.write(
      "sub/agent.rtfs",
      POLICY(
        `:secrets {:TOKEN {:source "file:token" :origins ["https://a.example"] :headers ["x-t"]}} :orchestrator {:isolation {:fs {:mounts {:data {:mode :ro :source "${join(box.dir, "sub/data")}"}}}}}`,
      ),
    );
    const script =
      'cat /mnt/data/note.txt; echo x 2>/dev/null > /mnt/data/note.txt || echo " $TOKEN"';
    const done = await shell(script, { policy: "sub/agent.rtfs" });
    expect(done.stdout, done.stderr).toMatch(/^mounted ccos-secret-token-[0-9a-f]{16}\n$/);
    expect(readFileSync(note, "utf8")).toBe("mounted");
  });

  test("fake protocol frames on stdout are output, nothing more", async () => {
    const frame = JSON.stringify({
      type: "call",
      id: 1,
      capability: "ccos.io.write-file",
      args: ["/etc/x", "y"],
    });
    const done = await shell(`printf '\\000\\000\\000\\144%s' '${frame}'`);
    expect(done.stdout).toContain("ccos.io.write-file");
    const { value } = await box.json(["chain", "verify", "last"]);
    expect(value["ok"]).toBe(true);
    expect((await box.run(["chain", "show", "last"])).stdout).not.toContain("CallIntended");
  });

  test("the program has no route to a server of this host", async () => {
    const server = createServer((_request, response) => response.end("reached"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const tried = await shell(
      `perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(PeerAddr=>"127.0.0.1:${port}",Timeout=>2) ? "reached" : "refused"'`,
    );
    server.close();
    expect(tried.stdout).toBe("refused");
  });
});

describe("a killed supervisor", () => {
  test("leaves no process of the program", async () => {
    const marker = `ccos-orphan-${process.pid}`;
    const running = box.run(
      [
        "run",
        "--policy",
        "policy.rtfs",
        "--",
        "sh",
        "-c",
        `setsid sh -c 'sleep 60; : ${marker}' & sleep 60; : ${marker}`,
      ],
      { timeoutMs: 2_500 },
    );
    const killed = await running;
    expect(killed.signal).toBe("SIGKILL");
    await expect.poll(() => processesWith(marker), { timeout: 5_000 }).toEqual([]);
    const verified = await box.run(["chain", "verify", "last"]);
    expect(verified.stderr).toContain("UNSEALED");
    expect(verified.status).toBe(65);
  });
});

/** Pids whose command line has the marker; this test's own processes do not. */
function processesWith(marker: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || !existsSync(join("/proc", pid, "cmdline"))) return false;
    try {
      return readFileSync(join("/proc", pid, "cmdline"), "utf8").includes(marker);
    } catch {
      return false;
    }
  });
}
