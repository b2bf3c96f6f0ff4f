/**
 * The egress proxy beside squid, srt and no proxy: `node bench/egress.ts [ROUNDS] [--json FILE]`.
 *
 * Load, proxy and origin are processes of one machine, as in every figure that this is held against. Forwarded
 * requests have the policy and the chain on: each intent is synced before it is sent, which group commit shares
 * among those that wait. squid is Debian's (`apt-get install squid-openssl`) with its log off; without it its
 * marks are left out, and said so.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { compileDecide, type EgressRule, levelDefaults, parseTarget } from "../src/policy/index.ts";
import {
  type Contender,
  interleaved,
  type Mark,
  markLine,
  median,
  shown,
  table,
  writeResults,
} from "./lib/stats.ts";

const rounds = Number(process.argv[2]) || 5;
const ROUND_MS = 1500;
const CALLERS = 16;
const SQUID = "/usr/sbin/squid";
const directory = mkdtempSync(
  join(process.env["CCOS_BENCH_DIR"] ?? process.cwd(), ".bench-egress-"),
);
const children: ChildProcess[] = [];
process.once("exit", () => {
  for (const child of children) child.kill();
  rmSync(directory, { recursive: true, force: true });
});

async function role(...args: readonly string[]): Promise<{ child: ChildProcess; said: string }> {
  const script = join(import.meta.dirname, "lib", "egress-role.ts");
  const child = spawn(process.execPath, [script, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, said: String(line).trim() };
}

async function squidPort(): Promise<number | null> {
  if (!existsSync(SQUID)) return null;
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const home = join(directory, "squid");
  mkdirSync(home, { mode: 0o777 });
  const lines = [
    `http_port 127.0.0.1:${port}`,
    "acl all_ports port 1-65535",
    "acl granted dstdomain localhost",
    "http_access allow granted all_ports",
    "http_access deny all",
    "access_log none",
    `cache_log ${join(home, "cache.log")}`,
    "cache deny all",
    "cache_mem 0 MB",
    `pid_filename ${join(home, "pid")}`,
    `coredump_dir ${home}`,
    "shutdown_lifetime 1 seconds",
  ];
  writeFileSync(join(home, "squid.conf"), `${lines.join("\n")}\n`);
  children.push(spawn(SQUID, ["-N", "-f", join(home, "squid.conf")], { stdio: "ignore" }));
  for (let tries = 0; tries < 100; tries++) {
    const socket = connect({ host: "127.0.0.1", port });
    const up = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (up) return port;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return null;
}

type Dial = () => Promise<Socket>;

const tcp =
  (port: number): Dial =>
  async () => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return socket;
  };
const unix =
  (path: string): Dial =>
  async () => {
    const socket = connect({ path });
    await once(socket, "connect");
    return socket;
  };
const through =
  (dial: Dial, port: number): Dial =>
  async () => {
    const socket = await dial();
    socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nhost: localhost:${port}\r\n\r\n`);
    const [head] = (await once(socket, "data")) as [Buffer];
    if (!String(head).includes(" 200 ")) throw new Error(String(head));
    return socket;
  };

/** Reads whole answers off one connection. A body of `bytes` stands behind each head. */
class Answers {
  #left = 0;
  #head = "";
  #done: (() => void) | null = null;
  readonly #socket: Socket;

  constructor(socket: Socket, bytes: number) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      let length = chunk.length;
      if (this.#left === 0) {
        this.#head += chunk.toString("latin1");
        const end = this.#head.indexOf("\r\n\r\n");
        if (end === -1) return;
        if (!this.#head.includes(" 200 ")) throw new Error(this.#head.slice(0, 200));
        length = this.#head.length - end - 4;
        this.#left = bytes;
        this.#head = "";
      }
      this.#left -= length;
      if (this.#left === 0) this.#done?.();
    });
  }

  async ask(head: string): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#done = resolve;
      this.#socket.write(head);
    });
  }
}

/** Requests per second of `callers` connections that are kept. */
async function perSecond(dial: Dial, head: string, callers: number): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: callers }, dial));
  const until = performance.now() + ROUND_MS;
  let count = 0;
  const caller = async (socket: Socket): Promise<void> => {
    const answers = new Answers(socket, 1024);
    for (; performance.now() < until; count++) await answers.ask(head);
  };
  const started = performance.now();
  await Promise.all(sockets.map(caller));
  for (const socket of sockets) socket.destroy();
  return count / ((performance.now() - started) / 1000);
}

async function bulkMbPerSecond(dial: Dial, head: string): Promise<number> {
  const socket = await dial();
  const bytes = 64 * 2 ** 20;
  const started = performance.now();
  await new Answers(socket, bytes).ask(head);
  socket.destroy();
  return bytes / 1e6 / ((performance.now() - started) / 1000);
}

const URL_TEXT = "https://api.example.com/v1/items?limit=10";
const COUNT = 200_000;

/** Nanoseconds of each of `COUNT` turns; `turn` says whether it went right. */
function nsOf(turn: () => boolean): number {
  let right = 0;
  const started = performance.now();
  for (let index = 0; index < COUNT; index++) if (turn()) right++;
  if (right !== COUNT) throw new Error("a turn went wrong");
  return ((performance.now() - started) * 1e6) / COUNT;
}

function decisionNs(): number {
  const rule: EgressRule = {
    rule: "network.egress.rules[0]",
    host: "api.example.com",
    schemes: ["https"],
    ports: [443],
    methods: ["GET"],
    paths: ["/v1/*"],
    addresses: [],
    tunnel: false,
    requestBytesMax: 1,
    responseBytesMax: 1,
  };
  const decided = compileDecide({
    ...levelDefaults("controlled").policy,
    allow: [{ rule: "capabilities", pattern: "ccos.*" }],
    egress: [rule],
  });
  const target = parseTarget(URL_TEXT);
  if (!target.ok) throw new Error(target.error);
  const resource = { kind: "http", method: "GET", target: target.value } as const;
  const request = { capability: "ccos.network.http-fetch", resource };
  return nsOf(() => decided(request).kind === "allow");
}

async function idleTunnelsMib(child: ChildProcess, dial: Dial, count: number): Promise<number> {
  const rss = async (): Promise<number> => {
    child.stdin?.write("?\n");
    const [line] = (await once(child.stdout!, "data")) as [Buffer];
    return Number(String(line).trim());
  };
  const before = await rss();
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, dial))));
  }
  const after = await rss();
  for (const socket of sockets) socket.destroy();
  return after - before;
}

const origin = Number((await role("origin")).said);
const socketPath = join(directory, "p.sock");
const ours = await role("ccos", socketPath, String(origin), directory);
const srt = Number((await role("srt")).said);
const squid = await squidPort();
const host = `host: localhost:${origin}\r\n\r\n`;
const direct = `GET /small HTTP/1.1\r\n${host}`;
const absolute = `GET http://localhost:${origin}/small HTTP/1.1\r\n${host}`;
const bulk = `GET http://localhost:${origin}/bulk HTTP/1.1\r\n${host}`;
const squidForward = (name: string, callers: number): readonly Contender[] =>
  squid === null ? [] : [{ name, round: () => perSecond(tcp(squid), absolute, callers) }];
const contenders: readonly Contender[] = [
  { name: "direct, 16 (req/s)", round: () => perSecond(tcp(origin), direct, CALLERS) },
  { name: "ccos forward, 16 (req/s)", round: () => perSecond(unix(socketPath), absolute, CALLERS) },
  ...squidForward("squid forward, 16 (req/s)", CALLERS),
  { name: "srt forward, 16 (req/s)", round: () => perSecond(tcp(srt), absolute, CALLERS) },
  { name: "direct, 1 (req/s)", round: () => perSecond(tcp(origin), direct, 1) },
  { name: "ccos forward, 1 (req/s)", round: () => perSecond(unix(socketPath), absolute, 1) },
  ...squidForward("squid forward, 1 (req/s)", 1),
  {
    name: "ccos open tunnel, 16 (req/s)",
    round: () => perSecond(through(unix(socketPath), origin), direct, CALLERS),
  },
  { name: "direct bulk (MB/s)", round: () => bulkMbPerSecond(tcp(origin), bulk) },
  { name: "ccos bulk (MB/s)", round: () => bulkMbPerSecond(unix(socketPath), bulk) },
  { name: "decision on a parsed URL (ns)", round: decisionNs },
  { name: "parse of a URL (ns)", round: () => nsOf(() => parseTarget(URL_TEXT).ok) },
];
await interleaved(contenders, 1);
const measured = await interleaved(contenders, rounds);
const of = (name: string): number => median(measured.get(name) ?? []);
/** Two descriptors a tunnel: 10 000 would need a higher limit than most hosts give. */
const tunnels = 9000;
const idleMib =
  ((await idleTunnelsMib(ours.child, through(unix(socketPath), origin), tunnels)) / tunnels) *
  10_000;

const addedMs = 1000 / of("ccos forward, 1 (req/s)") - 1000 / of("direct, 1 (req/s)");
const forward = of("ccos forward, 16 (req/s)");
const squidMarks: readonly Mark[] =
  squid === null
    ? []
    : [
        {
          name: "forward / squid",
          value: forward / of("squid forward, 16 (req/s)"),
          limit: 0.9,
          atLeast: true,
        },
      ];
const marks: readonly Mark[] = [
  ...squidMarks,
  {
    name: "forward / srt",
    value: forward / of("srt forward, 16 (req/s)"),
    limit: 2,
    atLeast: true,
  },
  { name: "added latency, one caller (ms)", value: addedMs, limit: 0.12, atLeast: false },
  {
    name: "open tunnel / direct",
    value: of("ccos open tunnel, 16 (req/s)") / of("direct, 16 (req/s)"),
    limit: 0.5,
    atLeast: true,
  },
  {
    name: "bulk / direct",
    value: of("ccos bulk (MB/s)") / of("direct bulk (MB/s)"),
    limit: 0.25,
    atLeast: true,
  },
  { name: "10 000 idle tunnels, from 9000 (MiB)", value: idleMib, limit: 300, atLeast: false },
  {
    name: "decision on a parsed URL (ns)",
    value: of("decision on a parsed URL (ns)"),
    limit: 300,
    atLeast: false,
  },
];
const rows = contenders.map(({ name }) => [name, shown(of(name))]);
process.stdout.write(`${table(["what", "median"], rows)}\n\n${marks.map(markLine).join("\n")}\n`);
if (squid === null) process.stdout.write("squid is missing: its marks were not measured\n");
writeResults("egress", {
  rounds,
  medians: Object.fromEntries(contenders.map(({ name }) => [name, of(name)])),
  marks,
});

for (const child of children) child.kill();
