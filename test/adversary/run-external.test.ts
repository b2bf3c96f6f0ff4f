/** Attacks from inside as any program: its socket, its streams, its children. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Sandbox, sandbox } from "../e2e/ccos.ts";

let box: Sandbox;

beforeAll(() => {
  box = sandbox();
  box.write(
    "policy.rtfs",
    '(agent.config :agent-id "agent.program" :limits {:wall-ms 15000 :calls 20})',
  );
});
afterAll(() => box.remove());

const shell = (script: string, ...rest: readonly string[]) =>
  box.run(["run", "--policy", "policy.rtfs", ...rest, "--", "sh", "-c", script]);

const verified = async (): Promise<unknown> =>
  (await box.json(["chain", "verify", "last"])).value["ok"];

/** Perl that speaks the guest protocol: `say_(JSON)` writes a frame, `hear()` reads one. */
const CLIENT = `
use IO::Socket::UNIX; $SIG{PIPE}="IGNORE";
sub open_ { IO::Socket::UNIX->new(Peer=>"/ccos/capability.sock") }
sub say_ { my ($s,$j)=@_; print $s pack("N",length $j).$j; $s->flush }
sub hear { my ($s)=@_; my $h; return "" unless read($s,$h,4)==4; my $b; read($s,$b,unpack("N",$h)); $b }
sub ready { my ($s,$k)=@_; hear($s)=~/"image":"([^"]*)"/; say_($s,qq({"type":"ready","version":1,"session":"$k","image":"$1"})) }
sub call { my ($i,$c,$a)=@_; qq({"type":"call","id":$i,"capability":"$c","args":$a}) }
`;
function perl(body: string): ReturnType<typeof shell> {
  box.write("client.pl", `${CLIENT}\n${body}`);
  return box.run(["run", "--policy", "policy.rtfs", "--", "perl", "client.pl"]);
}

describe("the capability socket", () => {
  test("serves who knows the session, so the refusals below are the attack's", async () => {
    const done = await perl(
      'my $s=open_(); ready($s,$ENV{CCOS_SESSION}); say_($s,call(1,"ccos.echo","[7]")); print hear($s)',
    );
    expect(done.stdout).toBe('{"type":"result","id":1,"ok":true,"value":7}');
  });

  test.each<[string, string]>([
    ["no session", 'ready($s,"")'],
    ["another session", 'ready($s,"0"x64)'],
    ["no greeting", ""],
    ["half a frame", 'print $s pack("N",100)."{"; $s->flush; shutdown($s,1)'],
    ["a header of 4 GiB", 'print $s "\\xff\\xff\\xff\\xff"; $s->flush'],
  ])("answers nothing with %s", async (_title, greeting) => {
    const done = await perl(
      `my $s=open_(); ${greeting}; say_($s,call(1,"ccos.echo","[7]")); my $all=""; $all.=$_ while <$s>; print $all=~/result/ ? "served" : "silent"`,
    );
    expect(done.stdout).toBe("silent");
    expect(await verified()).toBe(true);
  });

  test("hundreds of connections and thousands of calls leave a bounded, sealed chain", async () => {
    const done = await perl(`
      my @all=map { open_() } 1..300;
      undef @all; select(undef,undef,undef,0.3);
      for (1..3) { my $s=open_(); next unless $s; ready($s,$ENV{CCOS_SESSION}); for (1..1500) { say_($s,call($_,"ccos.echo","[7]")); last if hear($s) eq "" } }
      print "end";`);
    expect(done.stdout).toBe("end");
    expect(await verified()).toBe(true);
    const { records } = (await box.json(["chain", "verify", "last"])).value[
      "verification"
    ] as unknown as {
      records: number;
    };
    expect(records).toBeLessThan(1_200);
  });

  test("a program that ends with a call in flight has its call's outcome in the chain", async () => {
    const done = await perl(
      'my $s=open_(); ready($s,$ENV{CCOS_SESSION}); say_($s,call(1,"ccos.time.sleep-ms","[30000]")); select(undef,undef,undef,0.3); exit 0',
    );
    expect(done.status).toBe(0);
    expect(await verified()).toBe(true);
  });
});

describe("streams and children", () => {
  test("binary output passes as it is; nothing is added to it", async () => {
    const done = await shell("printf '\\001\\033[2J\\000x'");
    expect(done.stdout).toBe("\u0001\u001b[2J\u0000x");
  });

  test("with --json an output flood is one document of bounded size", async () => {
    const { stdout } = await shell("yes", "--json");
    const value = JSON.parse(stdout) as { outcome: { code: string } };
    expect(value.outcome.code).toBe("LIMIT_OUTPUT");
    expect(stdout.length).toBeLessThan(64 << 20);
  });

  test("stdin that is not read does not hold the run", async () => {
    const done = await box.run(["run", "--policy", "policy.rtfs", "--", "true"], {
      input: "x".repeat(4 << 20),
    });
    expect(done.status).toBe(0);
  });

  test("a daemon that left its session is gone when the run is", async () => {
    const marker = `ccos-daemon-${process.pid}`;
    const done = await shell(
      `(setsid sh -c 'trap "" HUP TERM; exec >/dev/null 2>&1 </dev/null; sleep 301; : ${marker}' &) ; exit 0`,
    );
    expect(done.status).toBe(0);
    const left = readdirSync("/proc").filter(
      (pid) => /^\d+$/.test(pid) && cmdline(pid).includes(marker),
    );
    expect(left).toEqual([]);
  });

  test("what it sees of /ccos, /proc and the mounts names no host path", async () => {
    const done = await shell(
      "ls /ccos; cat /proc/1/environ /proc/self/environ | tr '\\0' '\\n'; cat /proc/mounts; ls /proc | grep -c '^[0-9]'",
    );
    expect(done.stdout).not.toContain(box.dir);
    expect(done.stdout).not.toContain(process.cwd());
    expect(Number(done.stdout.trim().split("\n").at(-1))).toBeLessThan(10);
  });
});

function cmdline(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (cause) {
    if (cause instanceof Error) return "";
    throw cause;
  }
}
